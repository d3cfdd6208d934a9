"""REST: journeys as objects - create, change, delete, drafts with undo - and as code."""

from __future__ import annotations

from typing import Any, TypeVar

from django.http import Http404, HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from common.errors import ConflictError, InvalidError
from engine.journeys import schema
from journeys import serializers as shapes
from journeys.models import Journey, JourneyVersion
from journeys.selectors import journeys as selectors
from journeys.serializers import journey_json
from journeys.services import drafts, exchange, lifecycle, versions
from journeys.services.drafts import StaleDraftError
from journeys.services.publishing import StaleReviewError
from spaces.api_base import SpaceAPIView

S = TypeVar("S", bound="serializers.Serializer[Any]")
VERSION = OpenApiParameter("version", int, description="A version's number; without it the one people go through.")
JOURNEY = {200: shapes.JourneySerializer}
CREATED = {201: shapes.JourneySerializer}


def sent(shape: type[S], request: Request) -> dict[str, Any]:
    """The validated body; 400 with every field that is wrong."""
    given = shape(data=request.data)
    given.is_valid(raise_exception=True)
    return dict(given.validated_data)


class JourneyAPIView(SpaceAPIView):
    """Base of everything about journeys. `journey` is the URL parameter."""

    serializer_class = shapes.JourneySerializer

    def journey(self) -> Journey:
        found = selectors.get_journey(self.space, self.kwargs["journey"])
        if found is None:
            raise Http404("This space has no such journey.")
        return found

    def draft(self) -> JourneyVersion:
        draft = selectors.draft_of(self.journey())
        if draft is None:
            raise ConflictError("This journey has no draft. POST to versions/ to start the next version.")
        return draft

    def current(self) -> JourneyVersion:
        version = selectors.current_of(self.journey())
        if version is None:
            raise ConflictError("No version of this journey is published.")
        return version

    def asked_version(self, number: Any = None) -> JourneyVersion:
        """The version of that number, or as `shown_of`. InvalidError at /version."""
        journey = self.journey()
        if number in (None, ""):
            return selectors.shown_of(journey)
        text = str(number)
        known = text.isascii() and text.isdigit() and len(text) < 5
        found = selectors.get_version(journey, int(text)) if known else None
        if found is None:
            raise InvalidError.at("/version", "This journey has no such version.", "not_found")
        return found

    def answer(self, version: JourneyVersion, code: int = status.HTTP_200_OK) -> Response:
        journey = selectors.get_journey(self.space, version.journey.public_id)
        assert journey is not None
        return Response(journey_json(journey, selectors.get_version(journey, version.number)), status=code)

    def handle_exception(self, exc: Exception) -> Response:
        """Conflicts also say what is stored now, so that a client can go on from there."""
        response = super().handle_exception(exc)
        if isinstance(exc, StaleDraftError):
            response.data |= {
                "revision": exc.revision,
                "changed_by": exc.changed_by,
                "changed_at": exc.changed_at.isoformat(),
            }
        elif isinstance(exc, StaleReviewError):
            response.data |= {"review": shapes.review_json(exc.review)}
        return response


class JourneyList(JourneyAPIView):
    @extend_schema(
        operation_id="journeys_list",
        parameters=[OpenApiParameter("search", str, description="Part of the name.")],
        responses=shapes.JourneyRowSerializer(many=True),
    )
    def get(self, request: Request, **kwargs: Any) -> Response:
        """The journeys of the space, newest first."""
        rows = selectors.journey_list(self.space, request.query_params.get("search", ""))
        return self.paginated(rows, shapes.JourneyRowSerializer)

    @extend_schema(operation_id="journeys_create", request=shapes.CreateInput, responses=CREATED)
    def post(self, request: Request, **kwargs: Any) -> Response:
        """Create a journey; its first version is a draft, which may be incomplete."""
        data = sent(shapes.CreateInput, request)
        definition = data.get("definition")
        named = definition.get("name") if isinstance(definition, dict) else ""
        version = drafts.create_journey(
            space=self.space,
            name=data.get("name") or (named if isinstance(named, str) else ""),
            description=data["description"],
            definition=definition,
            created_by=self.actor,
        )
        return self.answer(version, status.HTTP_201_CREATED)


class JourneyImport(JourneyAPIView):
    @extend_schema(
        operation_id="journeys_import",
        request=OpenApiTypes.OBJECT,
        parameters=[
            OpenApiParameter("name", str, description="Replaces the name in the file."),
            OpenApiParameter("into", str, description="Id of a journey whose draft becomes this definition."),
        ],
        responses=CREATED,
    )
    def post(self, request: Request, **kwargs: Any) -> Response:
        """The body is an exported file: it becomes a new journey, or the draft of an existing one."""
        into = request.query_params.get("into", "")
        if not into:
            name = request.query_params.get("name", "")
            version = exchange.import_journey(
                space=self.space, definition=request.data, name=name, imported_by=self.actor
            )
            return self.answer(version, status.HTTP_201_CREATED)
        journey = selectors.get_journey(self.space, into)
        if journey is None:
            raise InvalidError.at("/into", "This space has no such journey.", "not_found")
        version = exchange.apply(journey=journey, definition=request.data, applied_by=self.actor)
        return self.answer(version, status.HTTP_201_CREATED)


class JourneyDetail(JourneyAPIView):
    @extend_schema(operation_id="journeys_read", parameters=[VERSION], responses=JOURNEY)
    def get(self, request: Request, **kwargs: Any) -> Response:
        """One journey: state, versions, the definition with its keys, and what stops it from being published."""
        return self.answer(self.asked_version(request.query_params.get("version")))

    @extend_schema(operation_id="journeys_change", request=shapes.ChangeInput, responses=JOURNEY)
    def patch(self, request: Request, **kwargs: Any) -> Response:
        """Rename or describe, whatever the state. Keys stay."""
        data = sent(shapes.ChangeInput, request)
        journey = lifecycle.update_journey(journey=self.journey(), changed_by=self.actor, **data)
        return self.answer(selectors.shown_of(journey))

    @extend_schema(
        operation_id="journeys_delete",
        request=None,
        parameters=[OpenApiParameter("confirm", str, description="The journey's name: needed in a Prod space.")],
        responses={204: None},
    )
    def delete(self, request: Request, **kwargs: Any) -> Response:
        """Delete a journey of which no version is active. Keys stay reserved."""
        confirm = request.query_params.get("confirm")
        lifecycle.delete(journey=self.journey(), deleted_by=self.actor, confirm=confirm)
        return Response(status=status.HTTP_204_NO_CONTENT)


class JourneyDraft(JourneyAPIView):
    @extend_schema(operation_id="journeys_draft", responses=JOURNEY)
    def get(self, request: Request, **kwargs: Any) -> Response:
        """The draft, also while another version is published."""
        return self.answer(self.draft())

    @extend_schema(operation_id="journeys_draft_save", request=shapes.DraftInput, responses=JOURNEY)
    def put(self, request: Request, **kwargs: Any) -> Response:
        """Save the draft. 409 with the stored revision when somebody else saved meanwhile."""
        data = sent(shapes.DraftInput, request)
        return self.answer(drafts.save_draft(version=self.draft(), author=self.actor, **data))

    @extend_schema(operation_id="journeys_draft_discard", responses={204: None})
    def delete(self, request: Request, **kwargs: Any) -> Response:
        """Throw the draft of a new version away."""
        versions.discard_draft(version=self.draft(), discarded_by=self.actor)
        return Response(status=status.HTTP_204_NO_CONTENT)


class JourneyDraftCopy(JourneyAPIView):
    @extend_schema(operation_id="journeys_draft_copy", request=shapes.DefinitionInput, responses=CREATED)
    def post(self, request: Request, **kwargs: Any) -> Response:
        """Save mine as copy: what was refused as stale becomes a journey of its own."""
        data = sent(shapes.DefinitionInput, request)
        copy = drafts.save_mine_as_copy(version=self.draft(), definition=data["definition"], author=self.actor)
        return self.answer(copy, status.HTTP_201_CREATED)


class JourneyUndo(JourneyAPIView):
    @extend_schema(operation_id="journeys_undo", request=shapes.RevisionInput, responses=JOURNEY)
    def post(self, request: Request, **kwargs: Any) -> Response:
        """Take the last edit of the draft back."""
        data = sent(shapes.RevisionInput, request)
        return self.answer(drafts.undo(version=self.draft(), author=self.actor, **data))


class JourneyRedo(JourneyAPIView):
    @extend_schema(operation_id="journeys_redo", request=shapes.RevisionInput, responses=JOURNEY)
    def post(self, request: Request, **kwargs: Any) -> Response:
        """Repeat the edit that was taken back last."""
        data = sent(shapes.RevisionInput, request)
        return self.answer(drafts.redo(version=self.draft(), author=self.actor, **data))


class JourneyPlan(JourneyAPIView):
    @extend_schema(operation_id="journeys_plan", request=shapes.DefinitionInput, responses={200: shapes.PlanSerializer})
    def post(self, request: Request, **kwargs: Any) -> Response:
        """What a definition would change, in sentences and by value. Nothing is saved."""
        data = sent(shapes.DefinitionInput, request)
        return Response(shapes.plan_json(exchange.plan(journey=self.journey(), definition=data["definition"])))


class JourneyExport(JourneyAPIView):
    @extend_schema(
        operation_id="journeys_export",
        parameters=[VERSION],
        responses={(200, "application/json"): OpenApiResponse(OpenApiTypes.OBJECT, "The canonical definition.")},
    )
    def get(self, request: Request, **kwargs: Any) -> HttpResponse:
        """The definition as a file. Importing it and exporting that gives the same bytes."""
        version = self.asked_version(request.query_params.get("version"))
        response = HttpResponse(exchange.export_text(version), content_type="application/json")
        name = f"{version.journey.key[:80]}-v{version.number}.json"
        response["Content-Disposition"] = f'attachment; filename="{name}"'
        return response


class JourneySchemaView(APIView):
    @extend_schema(operation_id="schemas_journey", responses={200: dict})
    def get(self, request: Request, **kwargs: Any) -> Response:
        """The JSON Schema of a journey (definitions.md §3)."""
        return Response(schema.schema())
