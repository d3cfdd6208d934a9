"""Pages of the Delivery Overview and the outgoing side of the debugger, under /s/<space>/."""

from __future__ import annotations

from django.urls import path

from delivery.views import debugger, overview

urlpatterns = [
    path("delivery/", overview.space_overview, name="overview"),
    path("delivery/overview/messages/", overview.messages, name="overview_messages"),
    path("delivery/computations/<str:computation_id>/", overview.computation_overview, name="computation_overview"),
    path("delivery/destinations/<slug:destination_id>/", overview.destination_overview, name="destination"),
    path("delivery/destinations/<slug:destination_id>/events/", overview.destination_events, name="event_delivery"),
    path("settings/debugger/", debugger.debugger, name="debugger"),
    path("settings/debugger/new/", debugger.newer, name="debugger_new"),
    path("settings/debugger/calls/<int:call_id>/", debugger.call, name="debugger_call"),
]
