"""The occurrences of an event node as SQL, for computations that look at the events themselves: computed traits."""

from __future__ import annotations

from dataclasses import dataclass

from audiences.compiler.events import (
    TYPES,
    _base,
    _first_follower,
    _future,
    _number,
    _outer_window,
    _place,
    _property,
    _span,
)
from audiences.compiler.statement import NEVER, Statement
from audiences.compiler.values import holds, relative_interval
from engine.conditions.nodes import Between, EventNode, Path
from engine.conditions.operators import RELATIVE_DATES
from engine.conditions.profile_state import Options


@dataclass(frozen=True, kw_only=True)
class Occurrences:
    """Which events `e` count, and when that changes next.

    `kind` is the number of their kind (None: any). `matching` holds for events that happened and match, whatever the
    time of day; `inside` for those that count now. `flips_at` is a timestamptz over the facts `f`, infinite if never:
    no event begins or ceases to count earlier.
    """

    kind: int | None
    matching: str
    inside: str
    flips_at: str = NEVER


def occurrences(node: EventNode, options: Options, statement: Statement) -> Occurrences:
    """Asks the statement for what it needs; the node's count is not looked at."""
    matching = _base(node, options, statement)
    base = [*matching, *_outer_window(node, statement)]
    starts = ["e.ts" if not isinstance(node.window, Between) else f"e.ts + {statement.span(node.window.end.micros)}"]
    span = _span(node)
    ends = [] if span is None else [f"e.ts + {statement.span(span)}"]
    for test in node.properties:
        if test.operator in RELATIVE_DATES:
            interval = relative_interval(test, _property(node.type, "e", test.path, statement), statement)
            starts += [interval.first] if interval.first else []
            ends += [interval.end] if interval.end else []
            base.append(f"{interval.first or interval.end} IS NOT NULL")
    if node.then is not None:
        follower = f"e.{statement.followers.add(_first_follower(node, node.then, base, options, statement))}"
        base.append(f"{follower} IS {'NOT ' if node.then.performed else ''}NULL")
        starts.append(follower if node.then.performed else f"e.ts + {statement.span(node.then.duration.micros)}")
    kind = _number(node, statement)
    inside = base
    entering, leaving = NEVER, NEVER
    start = starts[0] if len(starts) == 1 else f"GREATEST({', '.join(starts)})"
    end = ends[0] if len(ends) == 1 else f"LEAST({', '.join(ends)})"
    # What happened counts from then on; only other starts can lie ahead of an event that has happened.
    if starts != ["e.ts"]:
        inside = [*inside, f"{start} <= {statement.moment}"]
    if ends:
        inside = [*inside, f"{statement.moment} < {end}"]
    if statement.is_timed and starts != ["e.ts"]:
        ahead = [*base, f"{start} > {statement.moment}", *([f"{start} < {end}"] if ends else [])]
        entering = f"coalesce({statement.aggregates.add(f'min({start}) FILTER (WHERE {_and(ahead)})', kind)}, {NEVER})"
    if statement.is_timed and ends:
        leaving = f"coalesce({statement.aggregates.add(f'min({end}) FILTER (WHERE {_and(inside)})', kind)}, {NEVER})"
    changes = [each for each in (entering, leaving) if each != NEVER]
    flips_at = NEVER
    if statement.is_timed:
        changes.append(_future(statement))
        flips_at = changes[0] if len(changes) == 1 else f"LEAST({', '.join(changes)})"
    return Occurrences(kind=kind, matching=_and(matching), inside=_and(inside), flips_at=flips_at)


def matches(node: EventNode, statement: Statement) -> str:
    """Whether the event `e` is of the node's type and name and passes its property tests, whenever it happened.

    `e` has the columns of the table; window, count and what follows are not looked at. Property tests that depend on
    the time of day or on the profile's traits are not for this.
    """
    tests = [f"e.type = {TYPES[node.type]}"]
    if node.name is not None:
        tests.append(f"e.name = {statement.param(node.name, 'text')}")
    for test in node.properties:
        tests.append(holds(test, _place(node.type, "e", test.path, statement), statement, traits="'{}'::jsonb"))
    return _and(tests)


def property_value(node: EventNode, path: Path, statement: Statement) -> str:
    """jsonb of an occurrence's property; page and screen names are offered as properties."""
    return _property(node.type, "e", path, statement)


def _and(tests: list[str]) -> str:
    return " AND ".join(tests)
