"""REST: the life of a journey - review, publish, pause, resume, archive, clone, versions, edits in place."""

from __future__ import annotations

from typing import Any

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from journeys import serializers as shapes
from journeys.api import CREATED, JOURNEY, JourneyAPIView, sent
from journeys.selectors import journeys as selectors
from journeys.services import lifecycle, live_edits, publishing, versions
from journeys.services.review import review


class JourneyPublish(JourneyAPIView):
    @extend_schema(operation_id="journeys_review", responses={200: shapes.ReviewSerializer})
    def get(self, request: Request, **kwargs: Any) -> Response:
        """The publish review of the draft, with the token that publishing wants."""
        return Response(shapes.review_json(review(self.draft())))

    @extend_schema(operation_id="journeys_publish", request=shapes.PublishInput, responses=JOURNEY)
    def post(self, request: Request, **kwargs: Any) -> Response:
        """Publish the draft. 409 with a fresh review when anything changed since the token's review."""
        data = sent(shapes.PublishInput, request)
        return self.answer(publishing.publish(version=self.draft(), published_by=self.actor, **data))


class JourneyPause(JourneyAPIView):
    @extend_schema(operation_id="journeys_pause", request=None, responses=JOURNEY)
    def post(self, request: Request, **kwargs: Any) -> Response:
        """Pause entry: nobody enters, people inside go on."""
        return self.answer(lifecycle.pause(version=self.current(), paused_by=self.actor))


class JourneyResume(JourneyAPIView):
    @extend_schema(operation_id="journeys_resume", request=None, responses=JOURNEY)
    def post(self, request: Request, **kwargs: Any) -> Response:
        """Resume entry. Who qualified while it was paused does not enter."""
        return self.answer(lifecycle.resume(version=self.current(), resumed_by=self.actor))


class JourneyArchive(JourneyAPIView):
    @extend_schema(operation_id="journeys_archive", request=shapes.VersionInput, responses=JOURNEY)
    def post(self, request: Request, **kwargs: Any) -> Response:
        """End a version: progress stops, nothing more is sent, its people never enter a later version."""
        data = sent(shapes.VersionInput, request)
        version = self.asked_version(data["version"]) if "version" in data else self.current()
        return self.answer(lifecycle.archive(version=version, archived_by=self.actor))


class JourneyClone(JourneyAPIView):
    @extend_schema(operation_id="journeys_clone", request=shapes.CloneInput, responses=CREATED)
    def post(self, request: Request, **kwargs: Any) -> Response:
        """A new journey with the same definition, as a draft with keys of its own."""
        data = sent(shapes.CloneInput, request)
        version = self.asked_version(data.get("version"))
        copy = lifecycle.clone(version=version, name=data["name"], cloned_by=self.actor)
        return self.answer(copy, status.HTTP_201_CREATED)


class JourneyVersions(JourneyAPIView):
    @extend_schema(operation_id="journeys_versions", responses=shapes.VersionSerializer(many=True))
    def get(self, request: Request, **kwargs: Any) -> Response:
        """All versions, newest first."""
        rows = selectors.versions_of(self.journey())
        return Response({"next": None, "previous": None, "results": shapes.VersionSerializer(rows, many=True).data})

    @extend_schema(operation_id="journeys_version_create", request=shapes.VersionInput, responses=CREATED)
    def post(self, request: Request, **kwargs: Any) -> Response:
        """Start the next version, a draft that begins as the named one."""
        data = sent(shapes.VersionInput, request)
        journey = self.journey()
        base = self.asked_version(data["version"]) if "version" in data else None
        draft = versions.new_version(journey=journey, from_version=base, created_by=self.actor)
        return self.answer(draft, status.HTTP_201_CREATED)


class JourneyRestore(JourneyAPIView):
    @extend_schema(operation_id="journeys_version_restore", request=None, responses=JOURNEY)
    def post(self, request: Request, **kwargs: Any) -> Response:
        """Make the draft as this version was; where there is a draft it is an edit that can be undone."""
        version = selectors.get_version(self.journey(), self.kwargs["number"])
        if version is None:
            raise Http404("This journey has no such version.")
        return self.answer(versions.restore(version=version, author=self.actor))


class JourneyStepDetail(JourneyAPIView):
    @extend_schema(operation_id="journeys_step_change", request=shapes.StepInput, responses=JOURNEY)
    def patch(self, request: Request, **kwargs: Any) -> Response:
        """Rename a step that sends, or change its destinations, while the version is published."""
        data = sent(shapes.StepInput, request)
        changed = live_edits.edit_live_step(
            version=self.current(), step_id=self.kwargs["step"], changed_by=self.actor, **data
        )
        return self.answer(changed)
