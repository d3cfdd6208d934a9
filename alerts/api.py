"""REST: alert rules and their history."""

from __future__ import annotations

from typing import Any

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from alerts.models import TARGETS, AlertRule
from alerts.selectors import alerts as selectors
from alerts.serializers import AlertChangeSerializer, AlertEventSerializer, AlertNewSerializer, AlertRuleSerializer
from alerts.services import rules as services
from common.errors import FieldError, InvalidError
from spaces.api_base import SpaceAPIView


class AlertListView(SpaceAPIView):
    serializer_class: Any = AlertRuleSerializer

    @extend_schema(operation_id="alerts_list", responses=AlertRuleSerializer(many=True))
    def get(self, request: Request, **kwargs: Any) -> Response:
        """Every rule of the space, newest first."""
        return self.paginated(selectors.rules_of(self.space), AlertRuleSerializer)

    @extend_schema(operation_id="alerts_create", request=AlertNewSerializer, responses={201: AlertRuleSerializer})
    def post(self, request: Request, **kwargs: Any) -> Response:
        """Watch something and tell somebody: by e-mail, webhook, or the bell in the app."""
        sent = AlertNewSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        data = _values(sent.validated_data)
        kind = data.pop("kind")
        rule = services.create_rule(
            space=self.space, actor=self.actor, kind=kind, values=data | self._targets(sent.validated_data)
        )
        return Response(AlertRuleSerializer(rule).data, status=status.HTTP_201_CREATED)

    def _targets(self, data: dict[str, Any]) -> dict[str, Any]:
        found, errors = {}, []
        for name, choices in selectors.watchable(self.space).items():
            if name not in data:
                continue
            found[name] = choices.filter(public_id=data[name]).first()
            if found[name] is None:
                detail = f"This space has no such {name}."
                errors.append(FieldError(path=f"/{name}", code="not_found", detail=detail))
        if errors:
            raise InvalidError(errors[0].detail, errors)
        return found


class AlertView(SpaceAPIView):
    serializer_class: Any = AlertRuleSerializer

    def rule(self) -> AlertRule:
        found = selectors.find_rule(self.space, self.kwargs["alert"])
        if found is None:
            raise Http404("This space has no such alert.")
        return found

    @extend_schema(operation_id="alerts_read", responses=AlertRuleSerializer)
    def get(self, request: Request, **kwargs: Any) -> Response:
        """One rule and its state."""
        return Response(AlertRuleSerializer(self.rule()).data)

    @extend_schema(operation_id="alerts_change", request=AlertChangeSerializer, responses=AlertRuleSerializer)
    def patch(self, request: Request, **kwargs: Any) -> Response:
        """Change a rule; only who made it, or a workspace owner, may."""
        sent = AlertChangeSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        rule = services.update_rule(rule=self.rule(), member=self.member, values=_values(sent.validated_data))
        return Response(AlertRuleSerializer(rule).data)

    @extend_schema(operation_id="alerts_delete", responses={204: None})
    def delete(self, request: Request, **kwargs: Any) -> Response:
        """Remove a rule; its history stays."""
        services.delete_rule(rule=self.rule(), member=self.member)
        return Response(status=status.HTTP_204_NO_CONTENT)


class AlertHistoryView(SpaceAPIView):
    serializer_class = AlertEventSerializer

    @extend_schema(operation_id="alerts_history", responses=AlertEventSerializer(many=True))
    def get(self, request: Request, **kwargs: Any) -> Response:
        """What fired and was resolved, newest first, and whether everybody was told."""
        return self.paginated(selectors.history_of(self.space), AlertEventSerializer)


def _values(data: dict[str, Any]) -> dict[str, Any]:
    found = {name: value for name, value in data.items() if name not in TARGETS}
    if "enabled" in found:
        found["is_enabled"] = found.pop("enabled")
    return found
