"""Random journeys of every type of step, and random lives of people dense enough to move through them."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import strategies as st

from engine.conditions import EventRecord
from engine.journeys.person import Person, ProfileWrite
from engine.journeys.tests.building import T0, journey, step, where

EVENTS = ["A", "B", "C"]
DURATIONS = [{"minutes": 30}, {"hours": 1}, {"hours": 6}, {"days": 1}, {"days": 2}]
durations = st.sampled_from(DURATIONS)


@st.composite
def nodes(draw):
    """Conditions on few events, one trait, one identifier and one audience, with and without time."""
    event = {"event": draw(st.sampled_from(EVENTS))}
    kind = draw(st.sampled_from(["event", "event", "window", "never", "trait", "audience", "identifier", "funnel"]))
    if kind == "event":
        return event | {"count": {"gte": draw(st.integers(1, 3))}}
    if kind == "window":
        return event | {"window": {"within": draw(durations)}, "count": {"lte": draw(st.integers(0, 1))}}
    if kind == "never":
        return event | {"count": {"eq": 0}}
    if kind == "trait":
        return {"trait": "plan", "equals": draw(st.sampled_from(["free", "pro"]))}
    if kind == "audience":
        return {"audience": "active", "member": draw(st.booleans())}
    if kind == "identifier":
        return {"identifier": "phone", "exists": draw(st.booleans())}
    follower = {"event": draw(st.sampled_from(EVENTS)), "performed": draw(st.booleans()), "within": draw(durations)}
    return event | {"then": follower}


conditions = st.one_of(
    nodes(), st.builds(lambda one, other: {"any": [one, other]}, nodes(), nodes()), nodes().map(lambda n: {"not": n})
).map(where)


@st.composite
def journeys(draw, most=12):
    """A definition without errors of structure: each new step goes to an open end, branches begin as they must."""
    ends: list = ["entry"]
    steps = []
    for number in range(draw(st.integers(0, most))):
        if not ends:
            break
        after = ends.pop(draw(st.integers(0, len(ends) - 1)))
        step_id = f"s{number}"
        kinds = ["condition", "delay", "true_false", "multi_branch", "random", "send_to_destinations", "show_ad"]
        kind = "condition" if isinstance(after, tuple) and after[2] else draw(st.sampled_from(kinds))
        place = after[:2] if isinstance(after, tuple) else after
        made = step(step_id, kind, place)
        steps.append(made)
        if kind in ("condition", "true_false"):
            made["condition"] = draw(conditions)
        if kind == "delay":
            made["duration"] = draw(durations)
        if kind == "show_ad":
            made["remove_after"] = draw(st.one_of(st.none(), durations))
        if kind == "random":
            share = draw(st.sampled_from([10, 50, 90]))
            made["branches"] = [{"id": "x", "percent": share}, {"id": "y", "percent": 100 - share}]
        if kind == "multi_branch":
            made["branches"] = [{"id": "x", "name": "x"}, {"id": "y", "name": "y"}]
        names = {"true_false": ("true", "false"), "random": ("x", "y"), "multi_branch": ("x", "y")}.get(kind)
        ends += [(step_id, name, kind == "multi_branch") for name in names] if names else [step_id]
    steps += _connections(draw, steps, [end for end in ends if isinstance(end, tuple) and not end[2]])
    exit_after = draw(st.one_of(st.none(), durations))
    return journey(
        *steps,
        exit_after=exit_after,
        reentry_after=draw(durations) if exit_after and draw(st.booleans()) else None,
        entry=draw(conditions),
        use_historical=draw(st.booleans()),
    )


def _connections(draw, steps, ends):
    """Some open branches lead to a later step; later ones never lead back, so there are no circles."""
    found = []
    for split_id, branch, _ in ends:
        number = int(split_id[1:])
        later = [item["id"] for item in steps if int(item["id"][1:]) > number]
        if later and draw(st.booleans()):
            target = draw(st.sampled_from(later))
            found.append(step(f"c{len(found)}", "connect", (split_id, branch), to=target))
    return found


offsets = st.integers(-48, 240).map(lambda halves: T0 + timedelta(minutes=30 * halves))


@st.composite
def people(draw):
    events = [
        EventRecord(id=f"e{number}", type="track", name=draw(st.sampled_from(EVENTS)), timestamp=at, received_at=at)
        for number, at in enumerate(draw(st.lists(offsets, max_size=12)))
    ]
    writes = [
        ProfileWrite(
            at=at,
            traits=draw(st.sampled_from([{}, {"plan": "free"}, {"plan": "pro"}])),
            identifiers=draw(st.sampled_from([{}, {"phone": ["+49"]}, {"email": ["a@b"]}])),
        )
        for at in draw(st.lists(offsets, max_size=4))
    ]
    identifiers = draw(st.sampled_from([{}, {"user_id": ["u"]}, {"user_id": ["u"], "phone": ["+1"]}]))
    segment_id = f"use_{draw(st.integers(0, 50))}"
    return Person(segment_id=segment_id, events=events, writes=writes, identifiers=identifiers)
