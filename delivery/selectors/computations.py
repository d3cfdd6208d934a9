"""What a trace tells of the computation behind a call. Audiences and journeys are above this app and answer for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from django.conf import settings
from django.utils.module_loading import import_string

from spaces.models import Space


@dataclass(frozen=True, kw_only=True)
class ComputationFacts:
    """`kind` is a word for people. `value` and `changed_at` are those of the profile now, None when nothing is stored.

    `events`: the (type, name) of events that it looks at, name None for any; None = not known, so all of them.
    `explain_url` shows why the profile is in it or not, "" where there is no such page.
    """

    kind: str
    name: str
    url: str
    sentence: str = ""
    value: bool | None = None
    changed_at: datetime | None = None
    events: frozenset[tuple[str, str | None]] | None = None
    explain_url: str = ""


Tracer = Callable[..., ComputationFacts | None]


def facts_of(*, space: Space, computation_id: str, profile_id: int) -> ComputationFacts | None:
    """The first answer of `settings.COMPUTATION_TRACERS`; None for a computation that was deleted."""
    for trace in _tracers():
        found = trace(space=space, computation_id=computation_id, profile_id=profile_id)
        if found is not None:
            return found
    return None


@cache
def _tracers() -> list[Tracer]:
    return [import_string(path) for path in settings.COMPUTATION_TRACERS]
