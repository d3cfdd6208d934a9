"""The JSON of journeys in the REST API."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from engine.journeys.errors import JourneyProblem
from journeys.models import DryRun, Journey, JourneyVersion, VersionState
from journeys.selectors.history import history
from journeys.selectors.journeys import draft_of, shown_of, versions_of
from journeys.services.definitions import canonical
from journeys.services.differing import ValueChange
from journeys.services.exchange import Planned
from journeys.services.histories import Traits
from journeys.services.keys import step_rows, with_keys
from journeys.services.problems import problems_of
from journeys.services.publishing import MAX_SUMMARY
from journeys.services.review import PublishReview
from profiles.masking import masked


class ProblemSerializer(serializers.Serializer[JourneyProblem]):
    """What to correct; an "error" stops publishing. `step` is null for the journey as a whole."""

    severity = serializers.ChoiceField(choices=["error", "warning"])
    step = serializers.CharField(allow_null=True)
    path = serializers.CharField(help_text="JSON pointer into the definition.")
    code = serializers.CharField()
    detail = serializers.CharField()


def problems_json(found: Iterable[JourneyProblem]) -> list[dict[str, Any]]:
    return [dict(ProblemSerializer(problem).data) for problem in found]


class VersionSerializer(serializers.ModelSerializer[JourneyVersion]):
    """A version without its definition. `summary` says what it changed."""

    created_by = serializers.CharField(source="created_by.email", default=None, allow_null=True)
    published_by = serializers.CharField(source="published_by.email", default=None, allow_null=True)
    summary = serializers.CharField(max_length=MAX_SUMMARY, allow_blank=True)

    class Meta:
        model = JourneyVersion
        fields = [
            "number",
            "state",
            "revision",
            "excludes_earlier",
            "is_resuming",
            "problem",
            "summary",
            "created_at",
            "created_by",
            "published_at",
            "published_by",
            "paused_at",
            "archived_at",
        ]
        read_only_fields = fields


class JourneyRowSerializer(serializers.ModelSerializer[Journey]):
    """A journey in a list. `state` is that of the version that takes people, else of the draft or the last one."""

    id = serializers.CharField(source="public_id", read_only=True)
    state = serializers.SerializerMethodField()
    version = serializers.SerializerMethodField()
    versions = VersionSerializer(many=True)

    class Meta:
        model = Journey
        fields = [
            "id",
            "key",
            "name",
            "description",
            "state",
            "version",
            "versions",
            "created_at",
            "updated_at",
        ]
        read_only_fields = fields

    def get_state(self, journey: Journey) -> str:
        return _shown(journey).state

    def get_version(self, journey: Journey) -> int:
        return _shown(journey).number


def _shown(journey: Journey) -> JourneyVersion:
    """As `shown_of`, among versions that are loaded (newest first)."""
    ranks = {VersionState.PUBLISHED: 0, VersionState.PAUSED: 0, VersionState.DRAFT: 1}
    return min(journey.versions.all(), key=lambda one: ranks.get(VersionState(one.state), 2))


class JourneySerializer(serializers.Serializer[dict[str, Any]]):
    """A journey and one of its versions. Steps that send carry their read-only `key` in `definition`."""

    id = serializers.CharField()
    key = serializers.CharField(help_text="What the keys of its steps begin with, after j_o_.")
    name = serializers.CharField()
    description = serializers.CharField(allow_blank=True)
    state = serializers.ChoiceField(choices=VersionState.choices)
    version = serializers.IntegerField()
    revision = serializers.IntegerField(help_text="What the next save of the draft must name.")
    has_draft = serializers.BooleanField()
    undo = serializers.CharField(allow_null=True, help_text="The edit that undo would take back.")
    redo = serializers.CharField(allow_null=True, help_text="The edit that redo would repeat.")
    definition = serializers.DictField(help_text="See /api/v1/schemas/journey.json.")
    problems = ProblemSerializer(many=True)
    versions = VersionSerializer(many=True)
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


def journey_json(journey: Journey, version: JourneyVersion | None = None) -> Any:
    """The body of one journey with this version (default: as `shown_of`)."""
    version = version or shown_of(journey)
    version.journey = journey
    past = history(version)
    is_draft = version.state == VersionState.DRAFT
    return JourneySerializer(
        {
            "id": journey.public_id,
            "key": journey.key,
            "name": journey.name,
            "description": journey.description,
            "state": version.state,
            "version": version.number,
            "revision": version.revision,
            "has_draft": is_draft or draft_of(journey) is not None,
            "undo": past.undo if is_draft else None,
            "redo": past.redo if is_draft else None,
            "definition": with_keys(canonical(version.definition), step_rows(journey)),
            "problems": problems_of(version),
            "versions": versions_of(journey),
            "created_at": journey.created_at,
            "updated_at": max(journey.updated_at, version.updated_at),
        }
    ).data


class CreateInput(serializers.Serializer[Any]):
    """What creates a journey: a definition (definitions.md §3), which may be incomplete, or just a name."""

    definition = serializers.JSONField(required=False)
    name = serializers.CharField(required=False, max_length=1_000, help_text="Replaces the name in the definition.")
    description = serializers.CharField(required=False, default="", allow_blank=True, max_length=5_000)


class ChangeInput(serializers.Serializer[Any]):
    name = serializers.CharField(required=False, allow_blank=True, max_length=1_000)
    description = serializers.CharField(required=False, allow_blank=True, max_length=5_000)


class DraftInput(serializers.Serializer[Any]):
    """`revision` is the one that the edit was made on. `label` names the edit for undo."""

    definition = serializers.JSONField()
    revision = serializers.IntegerField(min_value=0, max_value=2**31 - 1)
    label = serializers.CharField(  # type: ignore[assignment] # the name of a field, not the field's own label
        required=False, default="", allow_blank=True, max_length=200
    )


class RevisionInput(serializers.Serializer[Any]):
    revision = serializers.IntegerField(min_value=0, max_value=2**31 - 1)


class DefinitionInput(serializers.Serializer[Any]):
    definition = serializers.JSONField()


class PublishInput(serializers.Serializer[Any]):
    """`token` is that of the review (GET); a first publication may go without.

    `choices`: by id of a removed or altered step, what becomes of the people at it: finish, exit or move:<step>.
    """

    token = serializers.CharField(required=False, default="", allow_blank=True, max_length=200)
    previous_action = serializers.ChoiceField(required=False, default="pause", choices=["pause", "archive"])
    excludes_earlier = serializers.BooleanField(required=False, default=False)
    choices = serializers.DictField(required=False, default=dict, child=serializers.CharField(max_length=100))


class VersionInput(serializers.Serializer[Any]):
    """`version`: the number of a version; without it the one that takes people, else the draft or the last one."""

    version = serializers.IntegerField(required=False, min_value=1, max_value=32_767)


class CloneInput(VersionInput):
    name = serializers.CharField(required=False, default="", max_length=1_000)


class StepInput(serializers.Serializer[Any]):
    """What may be edited in place in a published version, of a step that sends."""

    name = serializers.CharField(required=False, allow_blank=True, max_length=1_000)
    connections = serializers.ListField(required=False, child=serializers.DictField())


class ValueChangeSerializer(serializers.Serializer[ValueChange]):
    op = serializers.ChoiceField(choices=["add", "remove", "replace"])
    path = serializers.CharField(help_text="JSON pointer; steps, branches and connections go by their ids.")
    before = serializers.JSONField(required=False)
    after = serializers.JSONField(required=False)


@extend_schema_serializer(component_name="JourneyPlan")
class PlanSerializer(serializers.Serializer[dict[str, Any]]):
    """What storing a definition would change against `version`. Nothing was saved."""

    version = serializers.IntegerField()
    state = serializers.ChoiceField(choices=VersionState.choices)
    changes = serializers.ListField(child=serializers.CharField())
    diff = ValueChangeSerializer(many=True)
    problems = ProblemSerializer(many=True)


def plan_json(planned: Planned) -> dict[str, Any]:
    return {
        "version": planned.base.number,
        "state": planned.base.state,
        "changes": planned.changes,
        "diff": [change.as_dict() for change in planned.diff],
        "problems": problems_json(planned.problems),
    }


class TargetSerializer(serializers.Serializer[dict[str, Any]]):
    id = serializers.CharField()
    name = serializers.CharField()


class GroupSerializer(serializers.Serializer[dict[str, Any]]):
    step = serializers.CharField()
    name = serializers.CharField()
    change = serializers.ChoiceField(choices=["removed", "altered"])
    people = serializers.IntegerField()
    targets = TargetSerializer(many=True)


class KeySerializer(serializers.Serializer[dict[str, Any]]):
    step = serializers.CharField()
    name = serializers.CharField()
    key = serializers.CharField()
    is_new = serializers.BooleanField()


class ReviewSerializer(serializers.Serializer[dict[str, Any]]):
    """What publishing the draft would do. `outcomes` says what pause and archive mean for those inside."""

    token = serializers.CharField()
    version = serializers.IntegerField()
    previous = serializers.IntegerField(allow_null=True)
    publishable = serializers.BooleanField()
    problems = ProblemSerializer(many=True)
    changes = serializers.ListField(child=serializers.CharField())
    groups = GroupSerializer(many=True)
    inside = serializers.IntegerField(help_text="Open runs of the previous version.")
    keys = KeySerializer(many=True)
    outcomes = serializers.DictField(child=serializers.CharField())


def review_json(found: PublishReview) -> dict[str, Any]:
    return {
        "token": found.token,
        "version": found.version.number,
        "previous": found.previous.number if found.previous else None,
        "publishable": found.is_publishable,
        "problems": problems_json(found.problems),
        "changes": list(found.changes),
        "groups": [
            {
                "step": group.step_id,
                "name": group.name,
                "change": group.change,
                "people": group.people,
                "targets": [{"id": step_id, "name": name} for step_id, name in group.targets],
            }
            for group in found.groups
        ],
        "inside": found.inside,
        "keys": [{"step": use.step_id, "name": use.name, "key": use.key, "is_new": use.is_new} for use in found.keys],
        "outcomes": dict(found.outcomes),
    }


def shown_result(value: Any, *, shows_pii: bool) -> Any:
    """What a test or a dry run found, for members without the PII right: values masked, requests left out."""
    if shows_pii:
        return value
    if isinstance(value, list):
        return [shown_result(item, shows_pii=False) for item in value]
    if isinstance(value, dict):
        return {key: _HIDING.get(key, _deeper)(item) for key, item in value.items()}
    return value


def _deeper(value: Any) -> Any:
    return shown_result(value, shows_pii=False)


def _nothing(value: Any) -> list[Any]:
    return []


_HIDING: dict[str, Callable[[Any], Any]] = {"payload": masked, "evidence": masked, "requests": _nothing}


class DryRunSerializer(serializers.ModelSerializer[DryRun]):
    """A simulation over stored history. `result` is there when `state` is done, else null.

    It has `entered`, and in `steps` by step id `entered`, `left`, `waiting`, `here`, `sent` and shares of branches.
    """

    id = serializers.CharField(source="public_id", read_only=True)
    version = serializers.IntegerField(source="version.number", read_only=True)
    result = serializers.SerializerMethodField()

    class Meta:
        model = DryRun
        fields = [
            "id",
            "version",
            "revision",
            "from_at",
            "to_at",
            "state",
            "profiles_done",
            "profiles_total",
            "result",
            "error",
            "created_at",
            "finished_at",
        ]
        read_only_fields = fields

    def get_result(self, run: DryRun) -> dict[str, Any] | None:
        if run.state != DryRun.State.DONE or run.result is None:
            return None
        found: dict[str, Any] = shown_result(run.result, shows_pii=self.context["member"].has_pii_access)
        return found


class DryRunInput(VersionInput):
    """The period of the past, and whether conditions see the traits of today or as they were last written then."""

    traits = serializers.ChoiceField(
        required=False, default=Traits.AS_TODAY.value, choices=[choice.value for choice in Traits]
    )

    def get_fields(self) -> dict[str, Any]:
        """`from` is a word of Python."""
        return {
            "from": serializers.DateTimeField(),
            "to": serializers.DateTimeField(),
            **super().get_fields(),
        }
