"""Pages under `/s/<space>/`."""

from __future__ import annotations

from django.urls import path

from traits.views import builder, connections, explaining, predict, sql, traits, warehouses

ONE = "traits/<str:trait_id>/"
app_name = "traits"
WAREHOUSE = "settings/warehouses/<str:warehouse_id>/"
urlpatterns = [
    path("settings/warehouses/", warehouses.warehouse_list, name="warehouses"),
    path("settings/warehouses/new/", warehouses.warehouse_new, name="warehouse_new"),
    path(WAREHOUSE, warehouses.warehouse, name="warehouse"),
    path(f"{WAREHOUSE}test/", warehouses.warehouse_test, name="warehouse_test"),
    path(f"{WAREHOUSE}delete/", warehouses.warehouse_delete, name="warehouse_delete"),
    path("traits/", traits.trait_list, name="list"),
    path("traits/new/", builder.new, name="new"),
    path("traits/sql/new/", sql.new, name="sql_new"),
    path("traits/of-profile/<str:segment_id>/", traits.profile_traits, name="profile_traits"),
    path(ONE, traits.overview, name="overview"),
    path(f"{ONE}builder/", builder.builder, name="builder"),
    path(f"{ONE}clone/", builder.clone, name="clone"),
    path(f"{ONE}live/", traits.live, name="live"),
    path(f"{ONE}prediction/", predict.prediction_page, name="prediction"),
    path(f"{ONE}prediction/live/", predict.prediction_live, name="prediction_live"),
    path(f"{ONE}prediction/retrain/", predict.retrain, name="prediction_retrain"),
    path(f"{ONE}runs/", sql.runs, name="sql_runs"),
    path(f"{ONE}runs/live/", sql.runs_live, name="sql_runs_live"),
    path(f"{ONE}schedule/", sql.schedule, name="sql_schedule"),
    path(f"{ONE}values/", traits.values, name="values"),
    path(f"{ONE}explain/", explaining.explain, name="explain"),
    path(f"{ONE}settings/", traits.settings, name="settings"),
    path(f"{ONE}enabled/", traits.toggle, name="toggle"),
    path(f"{ONE}refresh/", traits.refresh, name="refresh"),
    path(f"{ONE}cancel/", traits.cancel, name="cancel"),
    path(f"{ONE}delete/", traits.delete, name="delete"),
    path(f"{ONE}destinations/add/", connections.choose, name="choose_destination"),
    path(f"{ONE}destinations/add/<str:destination_id>/", connections.add, name="add_destination"),
    path(f"{ONE}connections/<str:connection_id>/", connections.sheet, name="connection"),
    path(f"{ONE}connections/<str:connection_id>/enabled/", connections.toggle, name="connection_toggle"),
    path(f"{ONE}connections/<str:connection_id>/remove/", connections.remove, name="connection_remove"),
    path(f"{ONE}connections/<str:connection_id>/resync/", connections.resync, name="connection_resync"),
]
