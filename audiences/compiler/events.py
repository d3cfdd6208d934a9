"""SQL of event conditions: per profile filtered counts, and the instants that the next change needs.

An event row `e` has `k`, the number of its kind (0 none asked for by name, -1 not yet happened), so that one integer
comparison picks a condition's events. Events of the future are all answered by one figure, the first of them: a bound
that is never too late.
"""

# ruff: noqa: S608 - the texts are built from our own templates; every value of a definition is a parameter.

from __future__ import annotations

from audiences.compiler.statement import NEVER, Statement
from audiences.compiler.trees import Verdict
from audiences.compiler.values import Interval, Place, holds, place, relative_interval, walk
from engine.conditions.instants import micros_of
from engine.conditions.nodes import (
    ELEMENTS,
    Before,
    Between,
    Child,
    Count,
    EventNode,
    Path,
    Since,
    Test,
    TraitValue,
    Within,
)
from engine.conditions.operators import RELATIVE_DATES
from engine.conditions.profile_state import Options
from profiles.models import EventType

TYPES = {"track": EventType.TRACK.value, "page": EventType.PAGE.value, "screen": EventType.SCREEN.value}


FUTURE = -1


def event_verdict(node: EventNode, options: Options, statement: Statement) -> Verdict:
    """Verdict and next change over the facts `f`."""
    relative = [test for test in node.properties if test.operator in RELATIVE_DATES]
    if relative or node.then is not None:
        return _by_lives(node, relative, options, statement)
    return _by_bounds(node, options, statement)


def _by_bounds(node: EventNode, options: Options, statement: Statement) -> Verdict:
    low, high = thresholds(node.count)
    inside = _and([*_base(node, options, statement), *_window(node, statement)])
    kind = _number(node, statement)
    span = _span(node)
    if span is not None and (low, high) in {(1, None), (0, 0)}:
        newest = statement.aggregates.add(f"max(e.ts) FILTER (WHERE {inside})", kind)
        found = f"{newest} IS NOT NULL"
        verdict = f"({found})" if low else f"({newest} IS NULL)"
        if not statement.is_timed:
            return Verdict(holds=verdict)
        leaves, entry = f"{newest} + {statement.span(span)}", _entry(node, options, statement)
        return Verdict(holds=verdict, flips_at=f"(CASE WHEN {found} THEN {leaves} ELSE {entry} END)")
    count = statement.count(inside, kind)
    verdict = in_range(count, low, high)
    if not statement.is_timed:
        return Verdict(holds=verdict)
    exits = None if span is None else f"{statement.earliest('e.ts', inside, kind)} + {statement.span(span)}"
    return Verdict(holds=verdict, flips_at=_change(count, low, high, _entry(node, options, statement), exits))


def _by_lives(node: EventNode, relative: list[Test], options: Options, statement: Statement) -> Verdict:
    """Funnels and relative dates in properties: an event counts from `start` until just before `end`."""
    low, high = thresholds(node.count)
    base = [*_base(node, options, statement), *_outer_window(node, statement)]
    starts = ["e.ts" if not isinstance(node.window, Between) else f"e.ts + {statement.span(node.window.end.micros)}"]
    span = _span(node)
    ends = [] if span is None else [f"e.ts + {statement.span(span)}"]
    for test in relative:
        interval: Interval = relative_interval(test, _property(node.type, "e", test.path, statement), statement)
        starts += [interval.first] if interval.first else []
        ends += [interval.end] if interval.end else []
        base.append(f"{interval.first or interval.end} IS NOT NULL")
    if node.then is not None:
        follower = f"e.{statement.followers.add(_first_follower(node, node.then, base, options, statement))}"
        base.append(f"{follower} IS {'NOT ' if node.then.performed else ''}NULL")
        starts.append(follower if node.then.performed else f"e.ts + {statement.span(node.then.duration.micros)}")
    kind = _number(node, statement)
    start, end = f"GREATEST({', '.join(starts)})", f"LEAST({', '.join([*ends, NEVER])})"
    inside = _and([*base, f"{start} <= {statement.moment}", f"{statement.moment} < {end}"])
    count = statement.count(inside, kind)
    verdict = in_range(count, low, high)
    if not statement.is_timed:
        return Verdict(holds=verdict)
    later = _and([*base, f"{start} > {statement.moment}", f"{start} < {end}"])
    entry = f"LEAST({statement.earliest(start, later, kind)}, {_future(statement)})"
    return Verdict(holds=verdict, flips_at=_change(count, low, high, entry, statement.earliest(end, inside, kind)))


def thresholds(count: Count) -> tuple[int, int | None]:
    """Lowest and highest number that satisfies (None: no highest)."""
    return {
        "gte": (count.number, None),
        "gt": (count.number + 1, None),
        "lte": (0, count.number),
        "lt": (0, count.number - 1),
        "eq": (count.number, count.number),
    }[count.operator]


def in_range(count: str, low: int, high: int | None) -> str:
    if high is None:
        return f"({count} >= {low})"
    return f"({count} <= {high})" if low == 0 else f"({count} BETWEEN {low} AND {high})"


def _change(count: str, low: int, high: int | None, entry: str, leaves: str | None) -> str:
    """The count only grows at `entry` and only falls at `leaves`; which of them matters depends on the count."""
    out = leaves or NEVER
    cases = [f"WHEN {count} < {low} THEN {entry}"] if low else []
    cases += [] if high is None else [f"WHEN {count} > {high} THEN {out}"]
    inside = [*([] if high is None else [entry]), *([out] if low else [])]
    last = inside[0] if len(inside) == 1 else f"LEAST({', '.join(inside)})"
    return f"(CASE {' '.join(cases)} ELSE {last} END)"


def _entry(node: EventNode, options: Options, statement: Statement) -> str:
    if not isinstance(node.window, Between):
        return _future(statement)
    waiting = statement.instant(statement.now - node.window.end.micros)
    rows = _and([*_base(node, options, statement), f"e.ts > {waiting}"])
    first = statement.aggregates.add(f"min(e.ts) FILTER (WHERE {rows})", _number(node, statement))
    return f"LEAST({first} + {statement.span(node.window.end.micros)}, {_future(statement)})"


def _future(statement: Statement) -> str:
    return statement.earliest("e.ts", "e.k = -1", FUTURE)


def _base(node: EventNode, options: Options, statement: Statement) -> list[str]:
    """Kind, audience options and property tests that do not depend on the time of day."""
    kind = TYPES[node.type]
    if node.name is None:
        statement.names.wildcards.add(kind)
        statement.need("type")
        tests = [f"e.type = {kind}", "e.k >= 0"]
    else:
        tests = [f"e.k = {statement.names.number(kind, node.name)}"]
    tests += _options(options, "e", statement)
    for test in node.properties:
        if test.operator not in RELATIVE_DATES:
            if isinstance(test.operand, TraitValue):
                statement.need("traits")
            tests.append(holds(test, _place(node.type, "e", test.path, statement), statement, traits="e.traits"))
    _note_lower_bound(node, statement)
    return tests


def _number(node: EventNode, statement: Statement) -> int | None:
    return None if node.name is None else statement.names.number(TYPES[node.type], node.name)


def _options(options: Options, alias: str, statement: Statement) -> list[str]:
    tests = []
    if options.historical_from is not None:
        statement.need("received_at")
        tests.append(f"{alias}.received_at >= {statement.instant(micros_of(options.historical_from))}")
    if options.occurred_from is not None:
        tests.append(f"{alias}.ts >= {statement.instant(micros_of(options.occurred_from))}")
    return tests


def _note_lower_bound(node: EventNode, statement: Statement) -> None:
    span = _span(node)
    bounds = [] if span is None else [statement.now - span]
    if isinstance(node.window, Since):
        bounds.append(node.window.instant.micros - 1)
    statement.bound_below(max(bounds, default=None))


def _window(node: EventNode, statement: Statement) -> list[str]:
    """The window as bounds on ts; nothing later than now has a k."""
    outer = _outer_window(node, statement)
    if isinstance(node.window, Between):
        return [*outer, f"e.ts <= {statement.instant(statement.now - node.window.end.micros)}"]
    return outer


def _outer_window(node: EventNode, statement: Statement) -> list[str]:
    """The part of the window that no passing of time changes, and what can never count again."""
    window, span = node.window, _span(node)
    tests = [] if span is None else [f"e.ts > {statement.instant(statement.now - span)}"]
    if isinstance(window, Since):
        tests.append(f"e.ts >= {statement.instant(window.instant.micros)}")
    if isinstance(window, Before):
        tests.append(f"e.ts < {statement.instant(window.instant.micros)}")
    return tests


def _span(node: EventNode) -> int | None:
    """How long after its timestamp an event leaves the window, or is older than what is looked back on."""
    spans = [] if node.look_back is None else [node.look_back.micros]
    if isinstance(node.window, Within):
        spans.append(node.window.duration.micros)
    if isinstance(node.window, Between):
        spans.append(node.window.start.micros)
    return min(spans, default=None)


def _place(kind: str, alias: str, path: Path, statement: Statement) -> Place:
    if ELEMENTS not in path:
        return Place(value=_property(kind, alias, path, statement))
    if alias == "e":
        statement.need("properties")
    return place(f"{alias}.properties", path, statement)


def _property(kind: str, alias: str, path: Path, statement: Statement) -> str:
    if kind != "track" and path == (f"{kind}_name",):
        if alias == "e":
            statement.need("name")
        return f"to_jsonb(nullif({alias}.name, ''))"
    if alias == "e":
        statement.need("properties")
    return walk(f"{alias}.properties", path, statement)


def _first_follower(node: EventNode, child: Child, base: list[str], options: Options, statement: Statement) -> str:
    """The first event after `e` within the child's duration that is what the child describes; null if none."""
    statement.need("profile_id")
    tests = [
        f"c.space_id = {statement.space}",
        "c.profile_id = e.profile_id",
        f"c.type = {TYPES[child.type]}",
        "c.ts > e.ts",
        f"c.ts <= e.ts + {statement.span(child.duration.micros)}",
        *_options(options, "c", statement),
    ]
    if child.name is not None:
        tests.append(f"c.name = {statement.param(child.name, 'text')}")

    def parent(path: Path) -> str:
        return _property(node.type, "e", path, statement)

    for test in child.properties:
        if isinstance(test.operand, TraitValue):
            statement.need("traits")
        found = _place(child.type, "c", test.path, statement)
        tests.append(holds(test, found, statement, traits="e.traits", parent=parent))
    return f"(CASE WHEN {_and(base)} THEN (SELECT min(c.ts) FROM event c WHERE {_and(tests)}) END)"


def _and(tests: list[str]) -> str:
    return " AND ".join(tests)
