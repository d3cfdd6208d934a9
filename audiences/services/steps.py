"""Steps of journeys as conditions name them. Journeys are above this app: `settings.COMPUTATION_STEPS` is their side.

Somebody is in a step who entered it and is still in the journey. When that changes, the journeys tell (`announce`), and
the audiences that ask for the step are evaluated with the next block of changed profiles.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Protocol

from django.conf import settings
from django.utils.module_loading import import_string

from audiences.models import Audience, ChangedProfiles
from audiences.tasks import compute
from common.tasks import enqueue
from spaces.models import Space

EVENT_TYPE = "journey_step"
"""Of the entries in `ChangedProfiles.events` that say who entered or left a step."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """`names` are its id and, of a step that sends, its key; `label` names journey and step for people."""

    row_id: int
    names: frozenset[str]
    label: str


class StepSource(Protocol):
    """What the app of the journeys provides. `members` is SQL as `compiler.References.step_members` describes it."""

    members: str

    def steps(self, *, space: Space, names: Collection[str] | None = None) -> list[Step]:
        """The steps of journeys that are not deleted, by key or id; None: all that conditions may name."""

    def audiences_behind(self, *, space: Space, names: Collection[str]) -> frozenset[str]:
        """Names of the audiences that decide who gets into these steps, as the conditions of their journeys say."""


@cache
def step_source() -> StepSource:
    found: StepSource = import_string(settings.COMPUTATION_STEPS)
    return found


def is_asked(space: Space) -> bool:
    """Whether any audience of the space asks for steps; cheap."""
    return (
        Audience.objects.in_space(space)
        .evaluated()
        .extra(where=["definition::text LIKE %s"], params=['%"journey_step"%'])
        .exists()
    )


def announce(*, space: Space, moved: Mapping[frozenset[str], Collection[int]], now: datetime) -> None:
    """Have those evaluated who entered or left steps (profile ids by the names of the step), after this transaction."""
    rows = [
        ChangedProfiles(
            space_id=space.pk,
            profile_ids=sorted(profile_ids),
            events=[f"{EVENT_TYPE}:{name}" for name in sorted(names)],
            traits=[],
            max_received_at=now,
        )
        for names, profile_ids in moved.items()
        if profile_ids
    ]
    if rows:
        ChangedProfiles.objects.bulk_create(rows)
        enqueue(compute)
