"""REST: warehouse sources, through the same services as the pages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from common.errors import InvalidError
from spaces.api_base import SpaceAPIView
from spaces.models import Role
from traits.models import WarehouseSource
from traits.services import warehouses as services
from traits.sql_serializers import (
    WarehouseChangeSerializer,
    WarehouseConnectorSerializer,
    WarehouseInputSerializer,
    WarehouseSerializer,
    WarehouseTestSerializer,
)
from traits.warehouses.catalog import CONNECTORS


@contextmanager
def _in_settings() -> Iterator[None]:
    """Problems of settings where the API has them: under `settings`."""
    try:
        yield
    except InvalidError as error:
        error.errors = [
            one if one.path in {"/name", "/connector"} else replace(one, path=f"/settings{one.path}")
            for one in error.errors
        ]
        raise


class WarehouseConnectorsView(SpaceAPIView):
    serializer_class = WarehouseConnectorSerializer

    @extend_schema(operation_id="warehouses_connectors", responses=WarehouseConnectorSerializer(many=True))
    def get(self, request: Request, **kwargs: Any) -> Response:
        """The kinds of warehouses and their settings."""
        found = [WarehouseConnectorSerializer(one).data for one in CONNECTORS.values()]
        return Response({"next": None, "previous": None, "results": found})


class WarehouseListView(SpaceAPIView):
    write_role = Role.ADMIN
    serializer_class = WarehouseSerializer

    @extend_schema(operation_id="warehouses_list", responses=WarehouseSerializer(many=True))
    def get(self, request: Request, **kwargs: Any) -> Response:
        """The warehouses that SQL traits can read, newest first."""
        return self.paginated(WarehouseSource.objects.in_space(self.space), WarehouseSerializer)

    @extend_schema(
        operation_id="warehouses_create", request=WarehouseInputSerializer, responses={201: WarehouseSerializer}
    )
    def post(self, request: Request, **kwargs: Any) -> Response:
        """Add a warehouse. Nothing connects yet: `test/` does."""
        sent = WarehouseInputSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        with _in_settings():
            source = services.create_warehouse(space=self.space, created_by=self.actor, **sent.validated_data)
        return Response(WarehouseSerializer(source).data, status=status.HTTP_201_CREATED)


class WarehouseView(SpaceAPIView):
    """Base of everything below one warehouse."""

    write_role = Role.ADMIN
    serializer_class: type[BaseSerializer[Any]] = WarehouseSerializer

    def source(self) -> WarehouseSource:
        source = services.get_warehouse(self.space, self.kwargs["warehouse"])
        if source is None:
            raise Http404("This space has no such warehouse.")
        return source


class WarehouseDetailView(WarehouseView):
    @extend_schema(operation_id="warehouses_read", responses=WarehouseSerializer)
    def get(self, request: Request, **kwargs: Any) -> Response:
        """One warehouse, without its password."""
        return Response(WarehouseSerializer(self.source()).data)

    @extend_schema(operation_id="warehouses_change", request=WarehouseChangeSerializer, responses=WarehouseSerializer)
    def patch(self, request: Request, **kwargs: Any) -> Response:
        """Rename or change settings; a stored password is not sent to another host or port."""
        sent = WarehouseChangeSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        source = self.source()
        with _in_settings():
            source = services.update_warehouse(source=source, changed_by=self.actor, **sent.validated_data)
        return Response(WarehouseSerializer(source).data)

    @extend_schema(operation_id="warehouses_delete", responses={204: None})
    def delete(self, request: Request, **kwargs: Any) -> Response:
        """Delete it. 409 while a SQL trait reads it."""
        services.delete_warehouse(source=self.source(), deleted_by=self.actor)
        return Response(status=status.HTTP_204_NO_CONTENT)


class WarehouseTestView(WarehouseView):
    @extend_schema(operation_id="warehouses_test", request=None, responses=WarehouseTestSerializer)
    def post(self, request: Request, **kwargs: Any) -> Response:
        """Connect now and say who answered; 400 with the reason when nobody did."""
        return Response({"answer": services.test_warehouse(source=self.source())})
