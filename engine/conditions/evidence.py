"""A verdict and why: the definition's tree again with what was found at each node."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from engine.conditions.instants import micros_of, moment_of

FARTHEST_RECHECK = timedelta(days=36_500)
"""A later change is answered as this far ahead: the poll comes back and asks again."""


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """One node: `path` is its JSON pointer, `facts` plain JSON data (counts, event ids, values, window bounds).

    The node's own verdict stays as it is until `changes_at`; None means for ever without new data.
    """

    path: str
    sentence: str
    holds: bool
    changes_at: datetime | None
    facts: dict[str, Any] = field(default_factory=dict)
    children: tuple[Evidence, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The tree as plain JSON data."""
        return {
            "path": self.path,
            "sentence": self.sentence,
            "holds": self.holds,
            "changesAt": None if self.changes_at is None else iso(self.changes_at),
            "facts": self.facts,
            "children": [child.as_json() for child in self.children],
        }


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """`recheck_at` is the next instant after `now` at which `is_member` can change by time alone, never too late."""

    is_member: bool
    recheck_at: datetime | None
    evidence: Evidence


def moment_after(now: datetime, micros: int | None) -> datetime | None:
    """The instant as a datetime, at most 100 years ahead; None stays None."""
    if micros is None:
        return None
    farthest = min(micros_of(now) + FARTHEST_RECHECK // timedelta(microseconds=1), _LAST)
    return moment_of(min(micros, farthest))


def iso(moment: datetime) -> str:
    """ISO 8601 in UTC with a trailing Z."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


_LAST = micros_of(datetime(9999, 12, 31, tzinfo=UTC))
