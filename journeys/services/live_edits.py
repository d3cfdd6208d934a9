"""What may be edited in place after publishing: the name and the destinations of steps that send (journeys.md §5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction

from audiences.services.definitions import DefinitionError
from audiences.services.locks import lock_space
from common.errors import ConflictError, FieldError, InvalidError
from common.tasks import enqueue
from engine.journeys.places import steps_of
from engine.journeys.problems import errors_of
from journeys.models import JourneyStep, JourneyVersion
from journeys.selectors.journeys import CURRENT, draft_of
from journeys.services.definitions import canonical
from journeys.services.drafts import lock_version, save_draft
from journeys.services.keys import SENDING, sync_steps
from journeys.services.problems import definition_problems
from journeys.services.publishing import has_people
from journeys.services.step_connections import sync_connections
from journeys.services.versions import refuse_while_resuming
from journeys.tasks import first_syncs
from spaces import audit
from spaces.models import User


@transaction.atomic
def edit_live_step(
    *,
    version: JourneyVersion,
    step_id: str,
    name: str | None = None,
    connections: Sequence[Mapping[str, Any]] | None = None,
    changed_by: User | None,
) -> JourneyVersion:
    """Rename a step that sends, or change its destinations, in a published or paused version. The key stays.

    A destination that is new to it also gets the people who joined the step before. The draft of the next version
    follows where it still says the same. Raises ConflictError for other versions and steps, DefinitionError and
    InvalidError with paths into the definition.
    """
    lock_space(version.journey.space_id)
    locked = lock_version(version)
    if locked is None or locked.state not in CURRENT:
        raise ConflictError(
            "Only the version that takes people can be edited in place. Start a new version for anything else."
        )
    refuse_while_resuming(locked.journey)
    before = _step(locked, step_id)
    after = dict(before)
    if name is not None:
        after["name"] = " ".join(name.split())
    if connections is not None:
        after["connections"] = [dict(spec) for spec in connections]
    definition = canonical(_with_step(locked.definition, after))
    after = _find(definition, step_id)
    if after == before:
        return locked
    _refuse_problems(locked, definition, step_id)
    locked.definition = definition
    locked.save(update_fields=["definition", "updated_at"])
    rows = sync_steps(locked)
    _sync(locked, rows[step_id], after, changed_by)
    _carry_to_draft(locked, before, after, changed_by)
    audit.record(
        space=locked.journey.space,
        actor=changed_by,
        action="journey.step_changed",
        target=locked.journey,
        before={"version": None, "step": None, **_told(before)},
        after={"version": locked.number, "step": step_id, **_told(after)},
    )
    return locked


def _step(version: JourneyVersion, step_id: str) -> dict[str, Any]:
    step = _find(version.definition, step_id)
    if not step:
        raise ConflictError(f"Version {version.number} has no step {step_id}.")
    if step["type"] not in SENDING:
        raise ConflictError(
            "Only the name, the description and destination steps can be edited once a version is published. "
            "Start a new version to change this step."
        )
    return step


def _find(definition: Mapping[str, Any], step_id: str) -> dict[str, Any]:
    return next((step for step in steps_of(definition) if step["id"] == step_id), {})


def _with_step(definition: Mapping[str, Any], step: Mapping[str, Any]) -> dict[str, Any]:
    return {**definition, "steps": [step if one["id"] == step["id"] else one for one in steps_of(definition)]}


def _refuse_problems(version: JourneyVersion, definition: Mapping[str, Any], step_id: str) -> None:
    """A live step cannot be left with problems; those of other steps (a deleted audience) are not this edit's."""
    found = [
        problem
        for problem in errors_of(
            definition_problems(space=version.journey.space, definition=definition, journey=version.journey)
        )
        if problem.step == step_id
    ]
    if found:
        errors = [FieldError(path=one.path, code=one.code, detail=one.detail) for one in found]
        raise DefinitionError(" ".join(one.detail for one in found), errors)


def _sync(version: JourneyVersion, row: JourneyStep, step: Mapping[str, Any], actor: User | None) -> None:
    number = [one["id"] for one in steps_of(version.definition)].index(step["id"])
    try:
        sync_connections(
            space=version.journey.space,
            row=row,
            step=step,
            path=f"/steps/{number}",
            first_sync=has_people(row),
            actor=actor,
        )
    except InvalidError as error:
        raise DefinitionError(error.detail, error.errors) from error
    enqueue(first_syncs)


def _carry_to_draft(
    version: JourneyVersion, before: Mapping[str, Any], after: Mapping[str, Any], author: User | None
) -> None:
    """Else publishing the draft would silently take the edit back."""
    draft = draft_of(version.journey)
    mine = _find(draft.definition, str(before["id"])) if draft is not None else {}
    if draft is None or not mine or mine["type"] != before["type"]:
        return
    carried = dict(mine)
    for part in ("name", "connections"):
        if mine.get(part) == before.get(part):
            carried[part] = after.get(part)
    save_draft(
        version=draft,
        definition=_with_step(draft.definition, carried),
        revision=draft.revision,
        label=f"Take over the edit of {after.get('name') or after['id']}",
        author=author,
    )


def _told(step: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": step.get("name", ""), "connections": step.get("connections", [])}
