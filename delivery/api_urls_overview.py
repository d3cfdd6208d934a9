"""REST routes of the Delivery Overview and the outgoing debugger, under `/api/v1/spaces/<space>/`."""

from __future__ import annotations

from django.urls import path

from delivery import overview_api

urlpatterns = [
    path("delivery-overview/", overview_api.OverviewView.as_view()),
    path("delivery-overview/messages/", overview_api.OverviewMessagesView.as_view()),
    path("destinations/<str:destination>/event-delivery/", overview_api.EventDeliveryView.as_view()),
    path("debugger/sources/", overview_api.EngageSourcesView.as_view()),
    path("debugger/outgoing/", overview_api.OutgoingView.as_view()),
]
