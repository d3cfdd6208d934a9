"""REST: destination functions, their versions, and trying code on an event."""

from __future__ import annotations

from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema, extend_schema_serializer
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from destinations.functions.definitions import slug_of
from destinations.models import DestinationFunction, FunctionVersion
from destinations.services import functions as services
from spaces.api_base import SpaceAPIView
from spaces.models import Role


class SettingShape(serializers.Serializer[Any]):
    """One setting that each destination of the function fills in; code reads `settings.<key>`."""

    key = serializers.CharField(max_length=60)
    type = serializers.ChoiceField(choices=services.SETTING_TYPES, default="text")
    secret = serializers.BooleanField(default=False)
    description = serializers.CharField(required=False, allow_blank=True, max_length=255)

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        # Members that a class body cannot declare: every Field has attributes of these names.
        label = serializers.CharField(required=False, allow_blank=True, max_length=120)
        return {**super().get_fields(), "label": label, "required": serializers.BooleanField(default=False)}


class FunctionSerializer(serializers.ModelSerializer[DestinationFunction]):
    """`connector` is what a destination of the function names as its connector."""

    id = serializers.CharField(source="public_id", read_only=True)
    connector = serializers.SerializerMethodField()
    settings = SettingShape(many=True, read_only=True)
    handlers = serializers.ListField(child=serializers.CharField(), read_only=True)

    class Meta:
        model = DestinationFunction
        fields = [
            "id",
            "name",
            "description",
            "connector",
            "code",
            "settings",
            "handlers",
            "version",
            "created_at",
            "updated_at",
        ]
        read_only_fields = fields

    def get_connector(self, row: DestinationFunction) -> str:
        return slug_of(row)


class FunctionInput(serializers.Serializer[DestinationFunction]):
    name = serializers.CharField(max_length=255)
    description = serializers.CharField(required=False, allow_blank=True, max_length=1000)
    code = serializers.CharField(trim_whitespace=False)
    settings = SettingShape(many=True, required=False)


class FunctionTestInput(serializers.Serializer[Any]):
    """`values` are those of the settings."""

    code = serializers.CharField(trim_whitespace=False)
    settings = SettingShape(many=True, required=False)
    values = serializers.DictField(default=dict)
    event = serializers.DictField()


class FunctionTestResult(serializers.Serializer[Any]):
    outcome = serializers.ChoiceField(choices=["delivered", "retry", "failed", "filtered"])
    code = serializers.CharField()
    detail = serializers.CharField()
    logs = serializers.ListField(child=serializers.CharField())
    exchanges = serializers.ListField(child=serializers.DictField())
    handlers = serializers.ListField(child=serializers.CharField())
    duration_ms = serializers.IntegerField()


@extend_schema_serializer(component_name="FunctionVersion")
class VersionSerializer(serializers.ModelSerializer[FunctionVersion]):
    settings = SettingShape(many=True, read_only=True)

    class Meta:
        model = FunctionVersion
        fields = ["number", "code", "settings", "saved_at"]
        read_only_fields = fields


class RestoreInput(serializers.Serializer[Any]):
    version = serializers.IntegerField(min_value=1)


class FunctionView(SpaceAPIView):
    """The base of every endpoint of one function."""

    write_role = Role.ADMIN

    def function(self) -> DestinationFunction:
        rows = DestinationFunction.objects.in_space(self.space).select_related("space__workspace")
        found: DestinationFunction = get_object_or_404(rows, public_id=self.kwargs["function_id"])
        return found


class FunctionList(FunctionView):
    serializer_class = FunctionSerializer

    @extend_schema(operation_id="functions_list", tags=["Functions"], responses=FunctionSerializer(many=True))
    def get(self, request: Request, **kwargs: Any) -> Response:
        return self.paginated(DestinationFunction.objects.in_space(self.space), FunctionSerializer)

    @extend_schema(
        operation_id="functions_create", tags=["Functions"], request=FunctionInput, responses={201: FunctionSerializer}
    )
    def post(self, request: Request, **kwargs: Any) -> Response:
        given = FunctionInput(data=request.data)
        given.is_valid(raise_exception=True)
        row = services.create_function(space=self.space, actor=self.actor, **given.validated_data)
        return Response(FunctionSerializer(row).data, status=status.HTTP_201_CREATED)


class FunctionDetail(FunctionView):
    serializer_class = FunctionSerializer

    @extend_schema(operation_id="functions_retrieve", tags=["Functions"])
    def get(self, request: Request, **kwargs: Any) -> Response:
        return Response(FunctionSerializer(self.function()).data)

    @extend_schema(operation_id="functions_update", tags=["Functions"], request=FunctionInput(partial=True))
    def patch(self, request: Request, **kwargs: Any) -> Response:
        """New code or settings become the next version, which all its destinations run from now on."""
        row = self.function()
        given = FunctionInput(data=request.data, partial=True)
        given.is_valid(raise_exception=True)
        row = services.save_function(function=row, actor=self.actor, **given.validated_data)
        return Response(FunctionSerializer(row).data)

    @extend_schema(operation_id="functions_delete", tags=["Functions"], responses={204: None})
    def delete(self, request: Request, **kwargs: Any) -> Response:
        services.delete_function(function=self.function(), actor=self.actor)
        return Response(status=status.HTTP_204_NO_CONTENT)


class FunctionVersions(FunctionView):
    serializer_class = VersionSerializer

    @extend_schema(operation_id="functions_versions", tags=["Functions"], responses=VersionSerializer(many=True))
    def get(self, request: Request, **kwargs: Any) -> Response:
        return self.paginated(self.function().versions.all(), VersionSerializer, order="-number")


class FunctionRestore(FunctionView):
    serializer_class = FunctionSerializer

    @extend_schema(
        operation_id="functions_restore", tags=["Functions"], request=RestoreInput, responses=FunctionSerializer
    )
    def post(self, request: Request, **kwargs: Any) -> Response:
        row = self.function()
        given = RestoreInput(data=request.data)
        given.is_valid(raise_exception=True)
        number = given.validated_data["version"]
        row = services.restore_version(function=row, actor=self.actor, number=number)
        return Response(FunctionSerializer(row).data)


class FunctionTest(FunctionView):
    """Runs code, saved or not, with an event. Its requests are really made."""

    serializer_class = FunctionTestResult

    @extend_schema(
        operation_id="functions_test", tags=["Functions"], request=FunctionTestInput, responses=FunctionTestResult
    )
    def post(self, request: Request, **kwargs: Any) -> Response:
        given = FunctionTestInput(data=request.data)
        given.is_valid(raise_exception=True)
        values = given.validated_data
        result = services.try_function(
            space=self.space,
            code=values["code"],
            settings=values.get("settings", ()),
            values=values["values"],
            event=values["event"],
        )
        return Response(result)
