"""REST: SQL traits and their runs. Everything that all traits have is under `traits/<id>/`."""

from __future__ import annotations

from typing import Any

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from common.api import page_limit
from spaces.api_base import SpaceAPIView
from traits.models import SqlTrait
from traits.selectors import sql as selectors
from traits.serializers import connection_spec
from traits.services import sql_traits as services
from traits.services.sql_preview import preview_query
from traits.services.traits import refresh_trait
from traits.sql_serializers import (
    SqlPreviewInputSerializer,
    SqlPreviewSerializer,
    SqlRunSerializer,
    SqlTraitChangeSerializer,
    SqlTraitInputSerializer,
    SqlTraitSerializer,
    shown_preview,
)

# The group in the API documentation.
TAGS = ["SQL traits"]


class SqlTraitListView(SpaceAPIView):
    serializer_class = SqlTraitSerializer

    @extend_schema(operation_id="sql_traits_list", tags=TAGS, responses=SqlTraitSerializer(many=True))
    def get(self, request: Request, **kwargs: Any) -> Response:
        """The SQL traits of the space, newest first."""
        rows = SqlTrait.objects.filter(trait__space=self.space, trait__deleted_at=None)
        return self.paginated(rows.select_related("trait", "source"), SqlTraitSerializer, order="-trait_id")

    @extend_schema(
        operation_id="sql_traits_create",
        tags=TAGS,
        request=SqlTraitInputSerializer,
        responses={201: SqlTraitSerializer},
    )
    def post(self, request: Request, **kwargs: Any) -> Response:
        """Try the query, create the trait and run it at once."""
        sent = SqlTraitInputSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        data = dict(sent.validated_data)
        specs = [connection_spec(self.space, item) for item in data["destinations"]]
        trait = services.create_sql_trait(
            space=self.space,
            definition=sent.definition(),
            name=data["name"],
            key=data.get("key"),
            description=data["description"],
            schedule=data["schedule"],
            destinations=specs,
            created_by=self.actor,
        )
        return Response(_answer(selectors.sql_trait(trait)), status=status.HTTP_201_CREATED)


class SqlTraitView(SpaceAPIView):
    """Base of everything below one SQL trait."""

    serializer_class: type[BaseSerializer[Any]] = SqlTraitSerializer

    def row(self) -> SqlTrait:
        row = selectors.get_sql_trait(self.space, self.kwargs["trait"])
        if row is None:
            raise Http404("This space has no such SQL trait.")
        return row


class SqlTraitDetailView(SqlTraitView):
    @extend_schema(operation_id="sql_traits_read", tags=TAGS, responses=SqlTraitSerializer)
    def get(self, request: Request, **kwargs: Any) -> Response:
        """One SQL trait."""
        return Response(_answer(self.row()))

    @extend_schema(
        operation_id="sql_traits_change", tags=TAGS, request=SqlTraitChangeSerializer, responses=SqlTraitSerializer
    )
    def patch(self, request: Request, **kwargs: Any) -> Response:
        """Another query, which is tried first and run at once, or another schedule."""
        sent = SqlTraitChangeSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        data = sent.validated_data
        trait = self.row().trait
        if "schedule" in data:
            services.checked_schedule(data["schedule"])
        if "query" in data:
            services.update_query(
                trait=trait, query=data["query"], revision=data.get("revision"), changed_by=self.actor
            )
        if "schedule" in data:
            services.set_schedule(trait=trait, schedule=data["schedule"], changed_by=self.actor)
        return Response(_answer(self.row()))


class SqlRunsView(SqlTraitView):
    serializer_class = SqlRunSerializer

    @extend_schema(operation_id="sql_traits_runs", tags=TAGS, responses=SqlRunSerializer(many=True))
    def get(self, request: Request, **kwargs: Any) -> Response:
        """The latest runs, at most `limit` of them."""
        shows_pii = self.member.has_pii_access
        rows = selectors.runs_of(self.row().trait)[: page_limit(request)]
        found = [SqlRunSerializer(selectors.shown_run(run, shows_pii=shows_pii)).data for run in rows]
        return Response({"next": None, "previous": None, "results": found})

    @extend_schema(operation_id="sql_traits_run", tags=TAGS, request=None, responses={202: SqlRunSerializer})
    def post(self, request: Request, **kwargs: Any) -> Response:
        """Run the query now. 409 while it runs already."""
        trait = self.row().trait
        refresh_trait(trait=trait, refreshed_by=self.actor)
        run = selectors.runs_of(trait)[0]
        return Response(SqlRunSerializer(selectors.shown_run(run, shows_pii=True)).data, status=202)


class SqlPreviewView(SpaceAPIView):
    serializer_class = SqlPreviewSerializer

    @extend_schema(
        operation_id="sql_traits_preview", tags=TAGS, request=SqlPreviewInputSerializer, responses=SqlPreviewSerializer
    )
    def post(self, request: Request, **kwargs: Any) -> Response:
        """Run a query for a moment: its columns, first rows, and whom they name. Nothing is saved."""
        sent = SqlPreviewInputSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        found = preview_query(space=self.space, definition=sent.definition())
        return Response(shown_preview(found, shows_pii=self.member.has_pii_access))


def _answer(row: SqlTrait | None) -> dict[str, Any]:
    assert row is not None
    return dict(SqlTraitSerializer(row).data)
