"""REST routes under `/api/v1/spaces/<space>/`."""

from __future__ import annotations

from django.urls import path

from traits import api, predict_api, sql_api, warehouse_api

ONE = "traits/<str:trait>/"
SQL = "sql-traits/<str:trait>/"
WAREHOUSE = "warehouses/<str:warehouse>/"
urlpatterns = [
    path("warehouses/", warehouse_api.WarehouseListView.as_view()),
    path("warehouses/connectors/", warehouse_api.WarehouseConnectorsView.as_view()),
    path(WAREHOUSE, warehouse_api.WarehouseDetailView.as_view()),
    path(f"{WAREHOUSE}test/", warehouse_api.WarehouseTestView.as_view()),
    path("sql-traits/", sql_api.SqlTraitListView.as_view()),
    path("sql-traits/preview/", sql_api.SqlPreviewView.as_view()),
    path(SQL, sql_api.SqlTraitDetailView.as_view()),
    path(f"{SQL}runs/", sql_api.SqlRunsView.as_view()),
    path("traits/", api.TraitListView.as_view()),
    path("traits/preview/", api.TraitPreviewView.as_view()),
    path("traits/predictions/check/", predict_api.PredictionCheckView.as_view()),
    path(ONE, api.TraitDetailView.as_view()),
    path(f"{ONE}refresh/", api.TraitRefreshView.as_view()),
    path(f"{ONE}cancel/", api.TraitCancelView.as_view()),
    path(f"{ONE}prediction/", predict_api.PredictionView.as_view()),
    path(f"{ONE}prediction/retrain/", predict_api.PredictionRetrainView.as_view()),
    path(f"{ONE}values/", api.TraitValuesView.as_view()),
    path(f"{ONE}explain/", api.TraitExplainView.as_view()),
    path(f"{ONE}distribution/", api.TraitDistributionView.as_view()),
    path(f"{ONE}connections/", api.TraitConnectionsView.as_view()),
]
