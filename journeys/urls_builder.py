"""New journeys, the builder and the outline."""

from __future__ import annotations

from django.urls import path

from journeys.views import builder, builder_new

BUILDER = "journeys/<str:journey_id>/builder/"

urlpatterns = [
    path("journeys/new/", builder_new.new, name="new"),
    path(BUILDER, builder.builder, name="builder"),
    path("journeys/<str:journey_id>/outline/", builder.outline, name="outline"),
    path(BUILDER + "edit/", builder.edit, name="builder_edit"),
    path(BUILDER + "settings/", builder.settings, name="builder_settings"),
    path(BUILDER + "copy/", builder.copy_mine, name="builder_copy"),
    path(BUILDER + "add/", builder.add, name="builder_add"),
    path(BUILDER + "entries/", builder.estimate, name="builder_estimate"),
    path(BUILDER + "steps/<str:step_id>/", builder.step, name="builder_step"),
    path(BUILDER + "steps/<str:step_id>/delete/", builder.delete, name="builder_delete"),
    path(BUILDER + "steps/<str:step_id>/move/", builder.move, name="builder_move"),
]
