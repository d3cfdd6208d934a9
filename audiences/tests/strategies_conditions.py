"""Random definitions and random lives of profiles, dense enough that most tests of a definition meet a value."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import strategies as st

from engine.conditions import EventRecord, ProfileState

NOW = datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
NAMES = ["A", "B", "Ж é"]
TEXTS = [
    "", "a", "ab", "Ab", "ünï", "5", "😀", "%s {} \\ ' \"", "2026-03-28T01:30:00Z", "2026-03-28T01:30+0100",
    "2026-03-29T03:30:00.1234567+02:00", "2026-02-30T00:00:00Z", "0000-01-01T00:00:00Z", "9999-12-31T23:59:59-14:00",
    "2026-03-29",
]  # fmt: skip
NUMBERS = [0, 1, 5, 1.0, 2.5, -3, 0.1, Decimal("12345678901234567890.123"), 10**30, 1e22]
scalars = st.one_of(st.sampled_from(TEXTS), st.sampled_from(NUMBERS), st.booleans())
elements = st.one_of(scalars, st.none(), st.just({"a": 1}), st.just(["a"]), scalars.map(lambda value: {"b": value}))
lists = st.lists(elements, max_size=3)
values = st.one_of(scalars, lists, st.none(), st.just({"b": "a"}), st.just({"b": 5}))
documents = st.dictionaries(st.sampled_from(["x", "y", "z"]), values, max_size=3)
instants = st.sampled_from([text for text in TEXTS if text.startswith(("2026-03-28T", "2026-03-29T", "9998"))])
MINUTES = [0, 1, 30, 59, 60, 61, 120, 1440, 1441, 2880, 10080]
durations = st.sampled_from([{"minutes": 1}, {"minutes": 30}, {"hours": 1}, {"days": 1}, {"days": 2}, {"weeks": 1}])
paths = st.sampled_from(["x", "y", "z", "x.b", "y.0"])
many = st.sampled_from(["x.$", "y.$", "x.$.b", "z.$.b", "x.b.$", "y.$.$"])
RELATIVE = ("within_last", "within_next", "before_last", "after_next")


@st.composite
def tests_of(draw, key, path=paths, is_child=False):  # noqa: PT028 - a strategy, not a test
    references = [st.fixed_dictionaries({"trait": paths})]
    if is_child:
        references.append(st.fixed_dictionaries({"parent_property": paths}))
    reference = st.one_of(references)
    texts = st.sampled_from([text for text in TEXTS if text])
    members = st.one_of(texts, st.sampled_from(NUMBERS), st.booleans())
    operands = {
        "equals": st.one_of(scalars, reference),
        "not_equals": st.one_of(scalars, reference),
        "less_than": st.one_of(st.sampled_from(NUMBERS), reference),
        "greater_than": st.one_of(st.sampled_from(NUMBERS), reference),
        "less_or_equal": st.one_of(st.sampled_from(NUMBERS), reference),
        "greater_or_equal": st.one_of(st.sampled_from(NUMBERS), reference),
        "any_of": st.one_of(st.lists(scalars, min_size=1, max_size=3), reference),
        "contains": st.one_of(members, reference),
        "not_contains": st.one_of(members, reference),
        "contains_any_of": st.one_of(st.lists(members, min_size=1, max_size=3), reference),
        "starts_with": st.one_of(texts, reference),
        "ends_with": st.one_of(texts, reference),
        "exists": st.booleans(),
        "before_date": st.one_of(instants, reference),
        "after_date": st.one_of(instants, reference),
    }
    if not is_child:
        operands |= dict.fromkeys(RELATIVE, durations)
    operator = draw(st.sampled_from(sorted(operands)))
    if operator not in RELATIVE and not draw(st.integers(0, 3)):
        path = many
    return {key: draw(path), operator: draw(operands[operator])}


@st.composite
def windows(draw):
    kind = draw(st.sampled_from(["within", "between", "since", "before"]))
    if kind == "within":
        return {"within": draw(durations)}
    if kind == "between":
        return {"between": draw(st.sampled_from([
            {"from": {"days": 1}, "to": {"hours": 1}}, {"from": {"weeks": 1}, "to": {"days": 1}},
            {"from": {"hours": 1}, "to": {"minutes": 30}},
        ]))}  # fmt: skip
    return {kind: draw(instants)}


counts = st.one_of(
    st.sampled_from(["gte", "lt"]).flatmap(lambda key: st.integers(1, 3).map(lambda n: {key: n})),
    st.sampled_from(["gt", "lte", "eq"]).flatmap(lambda key: st.integers(0, 2).map(lambda n: {key: n})),
)


@st.composite
def kinds(draw):
    kind = draw(st.sampled_from(["track", "track", "track", "page", "screen"]))
    name = draw(st.sampled_from(NAMES if kind == "track" else [None, *NAMES]))
    return {"event": name} if kind == "track" else {"event": name, "type": kind}


@st.composite
def events(draw):
    node = draw(kinds())
    path = st.one_of(paths, st.just("page_name"))
    if draw(st.booleans()):
        node["count"] = draw(counts)
    if draw(st.integers(0, 2)):
        node["window"] = draw(windows())
    if not draw(st.integers(0, 2)):
        node["properties"] = draw(st.lists(tests_of("property", path), max_size=2))
    if not draw(st.integers(0, 3)):
        child = draw(kinds()) | {"performed": draw(st.booleans()), "within": draw(durations)}
        if draw(st.booleans()):
            child["properties"] = draw(st.lists(tests_of("property", path, is_child=True), max_size=2))
        node["then"] = child
    return node


leaves = st.one_of(
    events(),
    events(),
    tests_of("trait"),
    st.fixed_dictionaries({"audience": st.sampled_from(["vip", "new", "firms"]), "member": st.booleans()}),
    st.fixed_dictionaries({"journey_step": st.just("step"), "member": st.booleans()}),
    st.fixed_dictionaries({"identifier": st.sampled_from(["email", "anonymous_id"]), "exists": st.booleans()}),
)


def groups(inner):
    return st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda items: {"all": items}),
        st.lists(inner, min_size=1, max_size=3).map(lambda items: {"any": items}),
        inner.map(lambda item: {"not": item}),
    )


look_backs = st.one_of(st.just({}), st.just({}), durations.map(lambda duration: {"look_back": duration}))
nodes = st.recursive(leaves, groups, max_leaves=5)
definitions = st.builds(
    lambda where, look_back: {"version": 1, "collection": "users", "where": where} | look_back, nodes, look_backs
)
account_leaves = st.one_of(
    st.fixed_dictionaries({"users": st.sampled_from(["any", "all", "none"]), "match": nodes}),
    st.fixed_dictionaries({"users": st.sampled_from(["any", "all", "none"]), "match": leaves}),
    events(),
    tests_of("trait"),
    st.fixed_dictionaries({"audience": st.just("firms"), "member": st.booleans()}),
    st.fixed_dictionaries({"identifier": st.just("group_id"), "exists": st.booleans()}),
)
account_nodes = st.recursive(account_leaves, groups, max_leaves=4)
account_definitions = st.builds(
    lambda where, look_back: {"version": 1, "collection": "accounts", "where": where} | look_back,
    account_nodes,
    look_backs,
)


@st.composite
def records(draw):
    sign = draw(st.sampled_from([-1, -1, -1, -1, 1]))
    offset = timedelta(minutes=sign * draw(st.sampled_from(MINUTES)), microseconds=draw(st.sampled_from([0, 0, 1, -1])))
    timestamp = NOW + offset
    kind = draw(st.sampled_from(["track", "track", "track", "page", "screen"]))
    return EventRecord(
        id="", type=kind, name=draw(st.sampled_from(NAMES if kind == "track" else ["", *NAMES])), timestamp=timestamp,
        received_at=timestamp + timedelta(minutes=draw(st.sampled_from([0, 1, 60]))), properties=draw(documents),
    )  # fmt: skip


profiles = st.builds(
    ProfileState,
    traits=documents,
    identifiers=st.dictionaries(st.sampled_from(["email", "anonymous_id", "user_id"]), st.just(["v"]), max_size=2),
    events=st.lists(records(), max_size=6),
    memberships=st.frozensets(st.sampled_from(["vip", "new", "firms", "step"])),
)
accounts = st.builds(
    ProfileState,
    traits=documents,
    identifiers=st.dictionaries(st.just("group_id"), st.just(["v"]), max_size=1),
    memberships=st.frozensets(st.just("firms")),
)
