"""Journeys as code: export, import, and what a change would do (definitions.md §3)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.journeys.errors import JourneyProblem
from journeys.models import Journey, JourneyVersion
from journeys.selectors.journeys import draft_of, shown_of
from journeys.services.definitions import canonical
from journeys.services.differing import ValueChange, sentences, value_changes
from journeys.services.drafts import create_journey, save_draft
from journeys.services.keys import step_rows, type_problems
from journeys.services.problems import definition_problems
from journeys.services.versions import new_version
from spaces.models import Space, User


@dataclass(frozen=True, kw_only=True)
class Planned:
    """What storing a definition would change against `base`, the version that it would be built on."""

    base: JourneyVersion
    definition: dict[str, Any]
    changes: list[str]
    diff: list[ValueChange]
    problems: list[JourneyProblem]


def as_text(definition: Mapping[str, Any]) -> str:
    """The file that an export holds. Importing it and exporting that gives the same bytes."""
    return json.dumps(canonical(definition), ensure_ascii=False, indent=2) + "\n"


def export_text(version: JourneyVersion) -> str:
    """A version as a file: canonical, without the keys that belong to this journey alone."""
    return as_text(version.definition)


def import_journey(
    *, space: Space, definition: Any, name: str = "", description: str = "", imported_by: User | None
) -> JourneyVersion:
    """A new journey from an exported file, as a draft; `name` replaces the one in the file.

    Raises as `create_journey` does. What the file names and this space lacks is among the draft's problems.
    """
    own = canonical(definition)["name"]
    return create_journey(
        space=space, name=name or own, description=description, definition=definition, created_by=imported_by
    )


def apply(*, journey: Journey, definition: Any, applied_by: User | None) -> JourneyVersion:
    """Make the journey's draft this definition, starting a new version when there is no draft."""
    canonical(definition)
    draft = draft_of(journey) or new_version(journey=journey, created_by=applied_by)
    return save_draft(version=draft, definition=definition, revision=draft.revision, label="Import", author=applied_by)


def plan(*, journey: Journey, definition: Any) -> Planned:
    """What `apply` would change, without saving. Raises DefinitionError for what is no journey."""
    base = draft_of(journey) or shown_of(journey)
    wanted = canonical(definition)
    found = [
        *_type_problems(base, wanted),
        *definition_problems(space=journey.space, definition=wanted, rows=step_rows(journey), journey=journey),
    ]
    before = canonical(base.definition)
    return Planned(
        base=base,
        definition=wanted,
        changes=sentences(before, wanted, space=journey.space),
        diff=value_changes(before, wanted),
        problems=found,
    )


def _type_problems(base: JourneyVersion, definition: Mapping[str, Any]) -> list[JourneyProblem]:
    return [
        JourneyProblem(severity="error", step=None, path=error.path, code=error.code, detail=error.detail)
        for error in type_problems(base, definition)
    ]
