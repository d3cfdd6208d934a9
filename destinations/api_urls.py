"""REST addresses of destinations, under /api/v1/spaces/<slug>/."""

from __future__ import annotations

from django.urls import path

from destinations import api, api_filters, api_functions, api_mappings

urlpatterns = [
    path("connectors/", api.ConnectorList.as_view()),
    path("functions/", api_functions.FunctionList.as_view()),
    path("functions/test/", api_functions.FunctionTest.as_view()),
    path("functions/<slug:function_id>/", api_functions.FunctionDetail.as_view()),
    path("functions/<slug:function_id>/versions/", api_functions.FunctionVersions.as_view()),
    path("functions/<slug:function_id>/restore/", api_functions.FunctionRestore.as_view()),
    path("destinations/", api.DestinationList.as_view()),
    path("destinations/<slug:destination_id>/", api.DestinationDetail.as_view()),
    path("destinations/<slug:destination_id>/test/", api.DestinationTest.as_view()),
    path("destinations/<slug:destination_id>/check/", api.DestinationCheck.as_view()),
    path("destinations/<slug:destination_id>/resume/", api.DestinationResume.as_view()),
    path("destinations/<slug:destination_id>/filters/", api_filters.FilterList.as_view()),
    path("destinations/<slug:destination_id>/filters/preview/", api_filters.FilterTrial.as_view()),
    path("destinations/<slug:destination_id>/filters/<slug:filter_id>/", api_filters.FilterDetail.as_view()),
    path("destinations/<slug:destination_id>/mappings/", api.MappingList.as_view()),
    path("destinations/<slug:destination_id>/recent-events/", api_mappings.RecentEvents.as_view()),
    path("destinations/<slug:destination_id>/mappings/preview/", api_mappings.MappingPreview.as_view()),
    path("destinations/<slug:destination_id>/mappings/suggest/", api_mappings.MappingSuggest.as_view()),
    path("destinations/<slug:destination_id>/mappings/test/", api_mappings.MappingTry.as_view()),
    path("destinations/<slug:destination_id>/mappings/hook/", api_mappings.MappingHook.as_view()),
    path("destinations/<slug:destination_id>/mappings/choices/", api_mappings.FieldChoices.as_view()),
    path("destinations/<slug:destination_id>/mappings/<slug:mapping_id>/", api.MappingDetail.as_view()),
    path(
        "destinations/<slug:destination_id>/mappings/<slug:mapping_id>/compare/", api_mappings.MappingCompare.as_view()
    ),
    path("destinations/<slug:destination_id>/mappings/<slug:mapping_id>/duplicate/", api.MappingDuplicate.as_view()),
]
