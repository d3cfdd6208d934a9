"""The Delivery Overview: what became of the calls that were emitted in a period, and that nothing is missing.

Emitted calls are counted when they are emitted and again when they are decided, by the same transactions; what is
still to be done is counted in the outbox. That the three agree (`unaccounted` is 0) is the proof, not a definition.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import connection as database
from django.utils import timezone

from delivery.models import Connection, Outcome
from delivery.selectors.list_runs import in_run
from delivery.selectors.periods import Period
from delivery.selectors.reasons import AT_MAPPING, BY_INTEGRATIONS, SOURCE_REASONS, Reason, reason
from delivery.services.tallies import EMITTED, STEPS_PER_OCTAVE, UNADDRESSED
from destinations.models import Destination
from spaces.models import Space

RECEIVED, SOURCE, DESTINATION = "received", "source", "destination"
PENDING, FAILED, DELIVERED, SUPERSEDED = "pending", "failed", "delivered", "superseded"
# The exact names of §2.1 for a destination fed by an audience; the last is ours.
STEPS = {
    RECEIVED: "Events from audience",
    SOURCE: "Filtered at source",
    DESTINATION: "Filtered at destination",
    PENDING: "Events pending retry",
    FAILED: "Failed delivery",
    DELIVERED: "Successful delivery",
    SUPERSEDED: "Superseded",
}
# States of calls in the outbox.
OPEN = ("waiting", "retrying", "in_flight")
STEP_OF = {
    EMITTED: RECEIVED,
    str(Outcome.SUPERSEDED): SUPERSEDED,
    str(Outcome.FILTERED): DESTINATION,
    str(Outcome.DELIVERED): DELIVERED,
    str(Outcome.FAILED): FAILED,
}
DISCARDS = (SOURCE, DESTINATION, FAILED, SUPERSEDED)

# One statement, so that a call that is decided meanwhile is counted once.
FIGURES = f"""
SELECT connection_id, outcome, mapping, reason, kind, event, {{bin}}, sum(calls) FROM (
    SELECT * FROM delivery_tally t
    WHERE t.space_id = %(space)s AND t.destination_id = ANY(%(destinations)s::bigint[])
      AND t.connection_id = ANY(%(connections)s::bigint[]) AND ({{parts}})
) t GROUP BY 1, 2, 3, 4, 5, 6, 7
UNION ALL
SELECT l.connection_id, CASE WHEN l.lease_until > %(now)s THEN 'in_flight' WHEN l.attempts > 0 THEN 'retrying'
    ELSE 'waiting' END, '', '', l.kind, coalesce(l.event, ''), NULL, count(*)
FROM delivery l
WHERE l.space_id = %(space)s AND l.destination_id = ANY(%(destinations)s::bigint[])
  AND l.connection_id = ANY(%(own)s::bigint[]) AND l.created_at >= %(since)s AND l.created_at < %(until)s
GROUP BY 1, 2, 5, 6
UNION ALL
SELECT l.connection_id, CASE WHEN {in_run("l")} THEN 'in_flight' WHEN l.attempts > 0 THEN 'retrying' ELSE 'waiting' END,
    '', '', CASE WHEN l.is_add THEN 'add' ELSE 'remove' END, '', NULL, count(*)
FROM list_change l
WHERE l.space_id = %(space)s AND l.connection_id = ANY(%(own)s::bigint[])
  AND l.changed_at >= %(since)s AND l.changed_at < %(until)s
GROUP BY 1, 2, 5
"""  # noqa: S608 - constants of this project
LATENCIES = """
SELECT step, sum(calls) FROM delivery_latency t
WHERE t.space_id = %(space)s AND t.destination_id = ANY(%(destinations)s::bigint[])
  AND t.connection_id = ANY(%(connections)s::bigint[]) AND ({parts}) GROUP BY 1 ORDER BY 1
"""


@dataclass(frozen=True, kw_only=True)
class Scope:
    """Which calls are counted: those of `connections`, and of `passed_by`, whose calls a destination saw pass.

    `mapping` (its public id), `kind` and `event` narrow it; "" is any. `with_passed` counts calls that were for other
    destinations of the Engage source too; it takes a destination.
    """

    space: Space
    period: Period
    connections: Sequence[Connection]
    destination: Destination | None = None
    passed_by: Sequence[Connection] = ()
    with_passed: bool = False
    mapping: str = ""
    kind: str = ""
    event: str | None = None

    @property
    def counts_passed(self) -> bool:
        return self.with_passed and self.destination is not None

    @property
    def counted_connections(self) -> list[Connection]:
        return [*self.connections, *(self.passed_by if self.counts_passed else ())]


class _Row(NamedTuple):
    connection_id: int
    outcome: str
    mapping: str
    reason: str
    kind: str
    event: str
    bin: datetime | None
    calls: int


@dataclass(kw_only=True, slots=True)
class Pending:
    """Calls in the outbox: before their first attempt, before another, on their way right now."""

    waiting: int = 0
    retrying: int = 0
    in_flight: int = 0

    @property
    def total(self) -> int:
        return self.waiting + self.retrying + self.in_flight


@dataclass(kw_only=True, slots=True)
class Figures:
    """Counts of a period by step; `by_reason` holds (step, reason code)."""

    steps: Counter[str] = field(default_factory=Counter)
    by_reason: Counter[tuple[str, str]] = field(default_factory=Counter)
    # (step, reason, kind, event)
    by_event: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)
    pending: Pending = field(default_factory=Pending)

    @property
    def received(self) -> int:
        return self.steps[RECEIVED]

    @property
    def unaccounted(self) -> int:
        """Emitted and nowhere to be found: always 0."""
        known = sum(self.steps[step] for step in DISCARDS) + self.steps[DELIVERED] + self.pending.total
        return self.received - known

    def share(self, step: str) -> float | None:
        return _ratio(self.steps[step], self.received)

    def add(self, step: str, row: _Row, code: str = "") -> None:
        self.steps[step] += row.calls
        self.by_reason[step, code] += row.calls
        self.by_event[step, code, row.kind, row.event] += row.calls


@dataclass(frozen=True, kw_only=True)
class Line:
    """A row of a table: a reason, or an event, with its count and its change in percent points."""

    count: int
    share: float | None
    change: float | None
    reason: Reason | None = None
    kind: str = ""
    event: str = ""


@dataclass(frozen=True, kw_only=True)
class Overview:
    scope: Scope
    now: Figures
    before: Figures
    series: dict[str, list[int]]
    points: list[datetime]

    def change(self, step: str) -> float | None:
        """Percent points against the equal period before; None when either had nothing."""
        if step == RECEIVED:
            before = self.before.received
            return (self.now.received - before) / before * 100 if before else None
        return _difference(self.now.share(step), self.before.share(step))

    def reasons(self, step: str) -> list[Line]:
        """The discard table of a step, the most first."""
        found = [(code, calls) for (at, code), calls in self.now.by_reason.items() if at == step and calls]
        found.sort(key=lambda pair: (-pair[1], pair[0]))
        return [
            Line(
                count=calls,
                share=self._share(calls),
                change=_difference(self._share(calls), _ratio(self.before.by_reason[step, code], self.before.received)),
                reason=reason(code),
            )
            for code, calls in found
        ]

    def events(self, step: str, code: str | None = None) -> list[Line]:
        """The breakdown table of a step, or of one of its reasons: by event type and name."""
        counts, earlier = _events(self.now, step, code), _events(self.before, step, code)
        found = sorted(((key, calls) for key, calls in counts.items() if calls), key=lambda pair: (-pair[1], pair[0]))
        return [
            Line(
                count=calls,
                share=self._share(calls),
                change=_difference(self._share(calls), _ratio(earlier[key], self.before.received)),
                kind=key[0],
                event=key[1],
            )
            for key, calls in found
        ]

    def _share(self, calls: int) -> float | None:
        return _ratio(calls, self.now.received)


def _events(figures: Figures, step: str, code: str | None) -> Counter[tuple[str, str]]:
    found: Counter[tuple[str, str]] = Counter()
    for (at, why, kind, event), calls in figures.by_event.items():
        if at == step and code in {None, why}:
            found[kind, event] += calls
    return found


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _difference(share: float | None, before: float | None) -> float | None:
    return None if share is None or before is None else (share - before) * 100


def overview(scope: Scope) -> Overview:
    """The figures of the period, of the one before, and the series behind the sparklines."""
    period = scope.period
    rows = _rows(scope, period, width=period.width)
    now, before = _figures(scope, rows), _figures(scope, _rows(scope, period.previous))
    points = period.points()
    return Overview(scope=scope, now=now, before=before, series=_series(scope, rows, points), points=points)


def by_destination(scope: Scope) -> dict[int, Figures]:
    """The figures of each destination among the connections, without calls that passed it."""
    homes = {one.pk: one.destination_id for one in scope.connections}
    rows = _rows(scope, scope.period)
    found = {home: Figures() for home in homes.values()}
    for home, figures in found.items():
        own = [row for row in rows if homes.get(row.connection_id) == home]
        _fill(figures, scope, own)
    return found


def p95_seconds(scope: Scope) -> float | None:
    """The time from emission to the answer that 95 of 100 delivered calls stayed below; None for none (± 10 %)."""
    with database.cursor() as cursor:
        parts, params = _parts(scope, scope.period)
        cursor.execute(LATENCIES.format(parts=parts), params)
        steps = [(int(step), int(calls)) for step, calls in cursor.fetchall()]
    total = sum(calls for _step, calls in steps)
    passed = 0
    for step, calls in steps:
        passed += calls
        if passed >= 0.95 * total:
            return float(2 ** (step / STEPS_PER_OCTAVE) / 1000)
    return None


def _figures(scope: Scope, rows: Iterable[_Row]) -> Figures:
    figures = Figures()
    _fill(figures, scope, rows)
    return figures


def _fill(figures: Figures, scope: Scope, rows: Iterable[_Row]) -> None:
    for row in rows:
        if row.outcome in OPEN:
            setattr(figures.pending, row.outcome, getattr(figures.pending, row.outcome) + row.calls)
            figures.add(PENDING, row, row.outcome)
            continue
        for step, code, sign in _places(scope, row):
            figures.add(step, row if sign > 0 else row._replace(calls=-row.calls), code)


def _places(scope: Scope, row: _Row) -> list[tuple[str, str, int]]:
    """Where a tally is counted: (step, reason, +1 or -1).

    Under a mapping, a decided call is filtered at it unless the mapping itself delivered it or failed.
    """
    if row.mapping:
        if row.mapping != scope.mapping:
            return []
        step = DELIVERED if row.outcome == Outcome.DELIVERED else FAILED
        return [(step, row.reason, 1), (DESTINATION, AT_MAPPING, -1)]
    if row.outcome == UNADDRESSED:
        return [(RECEIVED, "", 1), (DESTINATION, BY_INTEGRATIONS, 1)] if scope.counts_passed else []
    if scope.mapping and row.outcome in {Outcome.DELIVERED, Outcome.FAILED}:
        return [(DESTINATION, AT_MAPPING, 1)]
    if row.outcome == Outcome.FILTERED and row.reason in SOURCE_REASONS:
        return [(SOURCE, row.reason, 1)]
    return [(STEP_OF[row.outcome], "" if row.outcome == EMITTED else row.reason, 1)]


def _series(scope: Scope, rows: Sequence[_Row], points: Sequence[datetime]) -> dict[str, list[int]]:
    places = {point: number for number, point in enumerate(points)}
    series = {step: [0] * len(points) for step in STEPS}
    for row in rows:
        if row.bin is None or row.bin not in places:
            continue
        for step, _code, sign in _places(scope, row):
            series[step][places[row.bin]] += sign * row.calls
    return series


def _rows(scope: Scope, period: Period, *, width: timedelta | None = None) -> list[_Row]:
    parts, params = _parts(scope, period)
    column = "date_bin(%(width)s, bucket, '2000-01-01 00:00:00+00')" if width else "NULL::timestamptz"
    own = [one.pk for one in scope.connections]
    params |= {"width": width, "own": own, "since": period.since, "until": period.until, "now": timezone.now()}
    with database.cursor() as cursor:
        cursor.execute(FIGURES.format(bin=column, parts=parts), params)
        rows = [_Row._make((*row[:-1], int(row[-1]))) for row in cursor.fetchall()]
    return [
        row
        for row in rows
        if (row.outcome == UNADDRESSED or row.connection_id in own)
        and (not scope.kind or row.kind == scope.kind)
        and (scope.event is None or row.event == scope.event)
    ]


def _parts(scope: Scope, period: Period) -> tuple[str, dict[str, Any]]:
    connections = scope.counted_connections
    homes = {one.destination_id for one in scope.connections}
    if scope.destination is not None:
        homes = {scope.destination.pk}
    params: dict[str, Any] = {
        "space": scope.space.pk,
        "destinations": sorted(homes),
        "connections": [one.pk for one in connections],
    }
    texts = []
    for number, (span, since, until) in enumerate(period.parts()):
        texts.append(f"t.span = {span} AND t.bucket >= %(since{number})s AND t.bucket < %(until{number})s")
        params |= {f"since{number}": since, f"until{number}": until}
    return "(" + ") OR (".join(texts) + ")", params
