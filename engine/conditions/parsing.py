"""Definition JSON to condition tree; collects every problem before it refuses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.conditions.errors import ConditionError, Problem
from engine.conditions.nodes import (
    AllNode,
    AnyNode,
    AnyTime,
    AudienceNode,
    Before,
    Between,
    Child,
    Condition,
    Count,
    Duration,
    EventNode,
    IdentifierNode,
    JourneyStepNode,
    Node,
    NotNode,
    Since,
    Test,
    TraitNode,
    UsersNode,
    Window,
    Within,
)
from engine.conditions.operators import RELATIVE_DATES
from engine.conditions.parsing_values import ValueReader

VERSION = 1
COLLECTIONS = ("users", "accounts")
EVENT_TYPES = ("track", "page", "screen")
COUNT_OPERATORS = ("gte", "gt", "lte", "lt", "eq")
MOST_NODES = 200
DEEPEST = 16
MOST_PROPERTIES = 50
HIGHEST_COUNT = 1_000_000_000
NODE_KEYS = ("all", "any", "not", "event", "trait", "audience", "identifier", "journey_step", "users")
QUANTIFIERS = ("any", "all", "none")


def parse(definition: Any) -> Condition:
    """The condition of `{"version": 1, "collection": "users"|"accounts", "where": NODE}` (definitions.md §1).

    `"look_back": {"days": 90}` beside these lets no event count that is older (audiences-and-traits.md §4).
    Raises ConditionError with all problems. Limits: 200 nodes, 16 levels, 50 property tests an event.
    """
    reader = _Reader()
    condition = reader.condition(definition)
    if reader.problems or condition is None:
        raise ConditionError(reader.problems)
    return condition


def read_event(raw: Mapping[str, Any], path: str, problems: list[Problem]) -> EventNode | None:
    """An event node outside a condition, such as that of a computed trait; adds to `problems` what is wrong with it."""
    reader = _Reader()
    found = reader.event(raw, path)
    problems += reader.problems
    return None if reader.problems else found


class _Reader(ValueReader):
    def __init__(self) -> None:
        super().__init__([])
        self.nodes = 0
        self.is_of_accounts = False
        self.is_of_users = True
        self.look_back: Duration | None = None

    def condition(self, definition: Any) -> Condition | None:
        if not isinstance(definition, Mapping):
            self.problem(
                "", "wrong_type", 'A definition is an object such as {"version": 1, "collection": "users", …}.'
            )
            return None
        self.known_keys(definition, "", ("version", "collection", "look_back", "where"))
        version = definition.get("version")
        if type(version) is not int or version != VERSION:
            self.problem("/version", "unknown_version", f"Set the version to {VERSION}; no other exists.")
        collection = definition.get("collection")
        if collection not in COLLECTIONS:
            self.problem("/collection", "unknown_collection", 'The collection is "users" or "accounts".')
        if "look_back" in definition:
            self.look_back = self.duration(definition["look_back"], "/look_back")
        self.is_of_accounts = collection == "accounts"
        self.is_of_users = not self.is_of_accounts
        if "where" not in definition:
            self.problem("/where", "required", "Say who belongs: add at least one condition.")
            return None
        where = self.node(definition["where"], "/where", 1)
        if where is None or self.problems:
            return None
        return Condition(version=VERSION, collection=str(collection), where=where, look_back=self.look_back)

    def node(self, raw: Any, path: str, depth: int) -> Node | None:
        self.nodes += 1
        if self.nodes == MOST_NODES + 1:
            self.problem(path, "too_many_conditions", f"A definition has at most {MOST_NODES} conditions and groups.")
        if self.nodes > MOST_NODES:
            return None
        if depth > DEEPEST:
            self.problem(path, "too_deep", f"Groups nest at most {DEEPEST} levels; move inner groups outwards.")
            return None
        if not isinstance(raw, Mapping):
            self.problem(path, "wrong_type", f"A condition is an object with one of: {', '.join(NODE_KEYS)}.")
            return None
        kinds = [key for key in NODE_KEYS if key in raw]
        if len(kinds) != 1:
            listed = ", ".join(NODE_KEYS)
            detail = f"A condition has one of: {listed}." if not kinds else f"Keep only one of: {', '.join(kinds)}."
            self.problem(path, "ambiguous_condition" if kinds else "unknown_condition", detail)
            return None
        return self._node_of(kinds[0], raw, path, depth)

    def _node_of(  # noqa: PLR0911 - one a kind of node
        self, kind: str, raw: Mapping[str, Any], path: str, depth: int
    ) -> Node | None:
        match kind:
            case "all" | "any":
                return self._group(kind, raw, path, depth)
            case "not":
                self.known_keys(raw, path, ("not",))
                child = self.node(raw["not"], f"{path}/not", depth + 1)
                return None if child is None else NotNode(child=child)
            case "event":
                event = self.event(raw, path)
                if event is None or self.is_of_users:
                    return event
                return UsersNode(quantifier="any", match=event, is_implied=True)
            case "trait":
                test = self.test(raw, path, "trait", allow_parent=False)
                return None if test is None else TraitNode(test=test)
            case "audience":
                self.known_keys(raw, path, ("audience", "member"))
                audience = self.text(raw, path, "audience", "the key or id of an audience")
                member = self.flag(raw, path, "member")
                return None if audience is None or member is None else AudienceNode(audience=audience, member=member)
            case "journey_step":
                return self._journey_step(raw, path)
            case "users":
                return self._users(raw, path, depth)
        self.known_keys(raw, path, ("identifier", "exists"))
        identifier = self.text(raw, path, "identifier", "an identifier type such as email")
        exists = self.flag(raw, path, "exists")
        if identifier is None or exists is None:
            return None
        return IdentifierNode(identifier=identifier, exists=exists)

    def _journey_step(self, raw: Mapping[str, Any], path: str) -> Node | None:
        self.known_keys(raw, path, ("journey_step", "member"))
        step = self.text(raw, path, "journey_step", "the key or id of a journey step")
        member = self.flag(raw, path, "member")
        if not self.is_of_users:
            detail = 'Accounts do not go through journeys; put this inside {"users": "any", "match": …}.'
            self.problem(path, "users_only", detail)
            return None
        return None if step is None or member is None else JourneyStepNode(step=step, member=member)

    def _users(self, raw: Mapping[str, Any], path: str, depth: int) -> Node | None:
        self.known_keys(raw, path, ("users", "match"))
        if not self.is_of_accounts:
            detail = 'Only accounts have users. Use the condition itself, or set the collection to "accounts".'
            self.problem(path, "accounts_only", detail)
            return None
        if self.is_of_users:
            self.problem(path, "nested_users", "This is about users already; use the inner condition itself.")
            return None
        quantifier = raw["users"]
        if quantifier not in QUANTIFIERS:
            self.problem(f"{path}/users", "unknown_quantifier", f"Choose how many users: {', '.join(QUANTIFIERS)}.")
        if "match" not in raw:
            self.problem(f"{path}/match", "required", "Say what has to hold for the users.")
            return None
        self.is_of_users = True
        match = self.node(raw["match"], f"{path}/match", depth + 1)
        self.is_of_users = False
        if match is None or quantifier not in QUANTIFIERS:
            return None
        return UsersNode(quantifier=str(quantifier), match=match)

    def _group(self, kind: str, raw: Mapping[str, Any], path: str, depth: int) -> Node | None:
        self.known_keys(raw, path, (kind,))
        items = raw[kind]
        if not isinstance(items, list):
            self.problem(f"{path}/{kind}", "wrong_type", f'"{kind}" takes a list of conditions.')
            return None
        if not items:
            self.problem(f"{path}/{kind}", "empty_group", "Add at least one condition or remove the group.")
            return None
        children = [self.node(item, f"{path}/{kind}/{index}", depth + 1) for index, item in enumerate(items)]
        complete = tuple(child for child in children if child is not None)
        if len(complete) != len(children):
            return None
        return AllNode(children=complete) if kind == "all" else AnyNode(children=complete)

    def event(self, raw: Mapping[str, Any], path: str) -> EventNode | None:
        self.known_keys(raw, path, ("event", "type", "count", "window", "properties", "then"))
        before = len(self.problems)
        kind, name = self._event_name(raw, path)
        count = self._count(raw["count"], f"{path}/count") if "count" in raw else Count(operator="gte", number=1)
        window = self._window(raw["window"], f"{path}/window") if "window" in raw else AnyTime()
        properties = self._properties(raw, path, allow_parent=False)
        then = self._child(raw["then"], f"{path}/then") if "then" in raw else None
        if len(self.problems) > before or count is None or window is None:
            return None
        return EventNode(
            type=kind,
            name=name,
            count=count,
            window=window,
            properties=properties,
            then=then,
            look_back=self.look_back,
        )

    def _event_name(self, raw: Mapping[str, Any], path: str) -> tuple[str, str | None]:
        kind = raw.get("type", "track")
        if kind not in EVENT_TYPES:
            self.problem(f"{path}/type", "unknown_event_type", "The type is track, page or screen.")
            kind = "track"
        if raw.get("event") is None and kind != "track" and "event" in raw:
            return kind, None
        return kind, self.text(raw, path, "event", "an event name")

    def _properties(self, raw: Mapping[str, Any], path: str, *, allow_parent: bool) -> tuple[Test, ...]:
        items = raw.get("properties", [])
        if not isinstance(items, list):
            self.problem(f"{path}/properties", "wrong_type", '"properties" takes a list of tests.')
            return ()
        if len(items) > MOST_PROPERTIES:
            detail = f"An event has at most {MOST_PROPERTIES} property tests."
            self.problem(f"{path}/properties", "too_many_properties", detail)
            return ()
        tests = []
        for index, item in enumerate(items):
            place = f"{path}/properties/{index}"
            if not isinstance(item, Mapping):
                self.problem(
                    place, "wrong_type", 'A property test is an object such as {"property": "a", "equals": 1}.'
                )
                continue
            test = self.test(item, place, "property", allow_parent=allow_parent)
            if test is not None and allow_parent and test.operator in RELATIVE_DATES:
                detail = "Inside what follows an event, compare with a fixed date (before_date, after_date)."
                self.problem(place, "unsupported", detail)
            elif test is not None:
                tests.append(test)
        return tuple(tests)

    def _count(self, raw: Any, path: str) -> Count | None:
        if not isinstance(raw, Mapping) or len(raw) != 1 or next(iter(raw)) not in COUNT_OPERATORS:
            self.problem(path, "invalid_count", f"A count is an object with one of: {', '.join(COUNT_OPERATORS)}.")
            return None
        operator, number = next(iter(raw.items()))
        if type(number) is not int or not 0 <= number <= HIGHEST_COUNT:
            self.problem(f"{path}/{operator}", "invalid_count", f"Use a whole number from 0 to {HIGHEST_COUNT:,}.")
            return None
        if number == 0 and operator in {"gte", "lt"}:
            outcome = "always holds" if operator == "gte" else "never holds"
            detail = f'"{operator}": 0 {outcome}; use a number from 1, or {{"eq": 0}} for "never performed".'
            self.problem(f"{path}/{operator}", "pointless_count", detail)
            return None
        return Count(operator=operator, number=number)

    def _window(self, raw: Any, path: str) -> Window | None:
        kinds = ("within", "between", "since", "before")
        if not isinstance(raw, Mapping) or len(raw) != 1 or next(iter(raw)) not in kinds:
            self.problem(path, "invalid_window", f"A window is an object with one of: {', '.join(kinds)}.")
            return None
        kind, value = next(iter(raw.items()))
        place = f"{path}/{kind}"
        if kind == "within":
            duration = self.duration(value, place)
            return None if duration is None else Within(duration=duration)
        if kind == "between":
            return self._between(value, place)
        instant = self.instant(value, place)
        if instant is None:
            return None
        return Since(instant=instant) if kind == "since" else Before(instant=instant)

    def _between(self, raw: Any, path: str) -> Between | None:
        if not isinstance(raw, Mapping) or set(raw) != {"from", "to"}:
            self.problem(path, "invalid_window", '"between" has "from" and "to", such as 30 days to 7 days ago.')
            return None
        start, end = self.duration(raw["from"], f"{path}/from"), self.duration(raw["to"], f"{path}/to")
        if start is None or end is None:
            return None
        if start.micros <= end.micros:
            self.problem(path, "invalid_window", '"from" is further back than "to"; swap them.')
            return None
        return Between(start=start, end=end)

    def _child(self, raw: Any, path: str) -> Child | None:
        if not isinstance(raw, Mapping):
            self.problem(path, "wrong_type", '"then" takes an object with event, performed and within.')
            return None
        self.known_keys(raw, path, ("event", "type", "performed", "within", "properties"))
        before = len(self.problems)
        if "event" not in raw:
            self.problem(f"{path}/event", "required", "Name the event that has to follow.")
        kind, name = self._event_name(raw, path) if "event" in raw else ("track", None)
        performed = self.flag(raw, path, "performed")
        if "within" not in raw:
            self.problem(f"{path}/within", "required", 'Say how soon, such as {"hours": 1}.')
        duration = self.duration(raw["within"], f"{path}/within") if "within" in raw else None
        properties = self._properties(raw, path, allow_parent=True)
        if len(self.problems) > before or performed is None or duration is None:
            return None
        return Child(type=kind, name=name, performed=performed, duration=duration, properties=properties)
