"""Random computed traits over the random lives of `audiences.tests.strategies_conditions`."""

from __future__ import annotations

from hypothesis import strategies as st

from audiences.tests.strategies_conditions import events, paths

KINDS = ["event_counter", "aggregation", "most_frequent", "first", "last", "unique_list", "unique_list_count"]


@st.composite
def traits(draw, collection="users"):
    kind = draw(st.sampled_from(KINDS))
    event = draw(events())
    event.pop("count", None)
    definition = {"version": 1, "collection": collection, "kind": kind, "event": event}
    if kind != "event_counter":
        is_user_trait = collection == "accounts" and draw(st.booleans())
        named = (
            paths if is_user_trait or event.get("type", "track") == "track" else st.one_of(paths, st.just("page_name"))
        )
        definition["user_trait" if is_user_trait else "property"] = draw(named)
    if kind == "aggregation":
        definition["aggregate"] = draw(st.sampled_from(["sum", "min", "max", "avg"]))
    if kind == "most_frequent" and draw(st.booleans()):
        definition["minimum"] = draw(st.integers(1, 3))
    return definition
