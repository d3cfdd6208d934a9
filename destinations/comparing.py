"""What an edit of a live mapping changes: old and new payload of the same events, as changed paths."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from destinations.drafts import Draft, enriched, plan_draft
from destinations.recent_events import RecentEvent, recent_events
from engine.fql import FqlError, parse

COMPARED = 5
_LOOKED_AT = 60
_ABSENT: Any = object()


@dataclass(frozen=True, kw_only=True)
class Change:
    """One path. `sign` is "+" (only new), "-" (only old) or "~" (both); values are JSON texts, None where absent."""

    path: str
    sign: str
    before: str | None
    after: str | None


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a mapping makes of an event: a payload, an error, or nothing because its trigger does not match."""

    matches: bool
    payload: Any = None
    error: str = ""

    @property
    def words(self) -> str:
        if not self.matches:
            return "not sent: the trigger does not match"
        return f"fails: {self.error}" if self.error else "sent"


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One event before and after."""

    recent: RecentEvent
    before: Outcome
    after: Outcome
    changes: tuple[Change, ...]

    @property
    def is_same(self) -> bool:
        return not self.changes and self.before == self.after

    def as_dict(self) -> dict[str, Any]:
        """For the REST API."""
        return {
            "event": {"id": self.recent.id, "title": self.recent.title, "at": self.recent.at.isoformat()},
            "before": {"matches": self.before.matches, "payload": self.before.payload, "error": self.before.error},
            "after": {"matches": self.after.matches, "payload": self.after.payload, "error": self.after.error},
            "changes": [
                {"path": one.path, "sign": one.sign, "before": one.before, "after": one.after} for one in self.changes
            ],
        }


def compare(
    before: Draft, after: Draft, *, traits: Mapping[str, Any] | None = None, shows_pii: bool = True
) -> list[Comparison]:
    """The five newest events that either of the two takes; `traits` are samples of what `after` adds by enrichment."""
    chosen = _chosen(before, after, shows_pii=shows_pii)
    old, new = before.config(), after.config()
    added = {key: value for key, value in (traits or {}).items() if key not in before.enrichments}
    kept = {key: value for key, value in (traits or {}).items() if key in before.enrichments}
    found = []
    for recent in chosen:
        first = _outcome(plan_draft(old, enriched(recent.event, kept)))
        second = _outcome(plan_draft(new, enriched(recent.event, {**kept, **added})))
        changes = tuple(changed_paths(first.payload, second.payload)) if _both_sent(first, second) else ()
        found.append(Comparison(recent=recent, before=first, after=second, changes=changes))
    return found


def changed_paths(before: Any, after: Any, path: str = "") -> Iterator[Change]:
    """What differs, by path (`traits.plan`, `items[0].sku`), in the order of the keys."""
    if _equal(before, after):
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for key in dict.fromkeys([*before, *after]):
            inner = f"{path}.{key}" if path else str(key)
            yield from _changed_member(before.get(key, _ABSENT), after.get(key, _ABSENT), inner)
    elif isinstance(before, list) and isinstance(after, list):
        for place in range(max(len(before), len(after))):
            old = before[place] if place < len(before) else _ABSENT
            new = after[place] if place < len(after) else _ABSENT
            yield from _changed_member(old, new, f"{path}[{place}]")
    else:
        yield Change(path=path or "(all)", sign="~", before=_json(before), after=_json(after))


def _changed_member(before: Any, after: Any, path: str) -> Iterator[Change]:
    if before is _ABSENT or after is _ABSENT:
        sign = "+" if before is _ABSENT else "-"
        old, new = (None if value is _ABSENT else _json(value) for value in (before, after))
        yield Change(path=path, sign=sign, before=old, after=new)
    else:
        yield from changed_paths(before, after, path)


def _chosen(before: Draft, after: Draft, *, shows_pii: bool) -> Sequence[RecentEvent]:
    destination = after.destination
    found: dict[str, RecentEvent] = {}
    for trigger in dict.fromkeys([before.trigger, after.trigger]):
        if _is_readable(trigger):
            for recent in recent_events(destination, trigger=trigger, limit=_LOOKED_AT, shows_pii=shows_pii):
                found.setdefault(recent.id, recent)
    return sorted(found.values(), key=lambda recent: recent.at, reverse=True)[:COMPARED]


def _is_readable(trigger: str) -> bool:
    try:
        parse(trigger)
    except FqlError:
        return False
    return True


def _outcome(planned: Any) -> Outcome:
    if not planned.calls:
        return Outcome(matches=False)
    call = planned.calls[0]
    if call.problem is not None:
        return Outcome(matches=True, error=call.problem.detail)
    return Outcome(matches=True, payload=call.payload)


def _equal(one: Any, other: Any) -> bool:
    """Equal as JSON: True is not 1."""
    if isinstance(one, bool) != isinstance(other, bool):
        return False
    return _json(one) == _json(other) if isinstance(one, dict | list) else one == other


def _both_sent(first: Outcome, second: Outcome) -> bool:
    return all(one.matches and not one.error for one in (first, second))


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)
