"""Edits of a journey's JSON: what hangs where afterwards, what goes along, what is refused."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable
from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.journeys.definition import read
from engine.journeys.editing import (
    EditError,
    NewId,
    add_branch,
    add_step,
    clip,
    connect,
    dependents,
    move_branch,
    move_steps,
    paste,
    remove_branch,
    remove_step,
    remove_steps,
    set_fields,
    set_journey,
    targets,
    title_of,
)
from engine.journeys.places import Place, followers, places_after, step_of, steps_of, unreached

DELAY = {"id": "new", "type": "delay", "duration": {"days": 1}}
SPLIT = {"id": "new", "type": "true_false", "name": "", "condition": None, "true_name": "Yes", "false_name": "No"}
MULTI = {"id": "new", "type": "multi_branch", "branches": [{"id": "a", "name": "A"}, {"id": "b", "name": "B"}]}


def counting() -> Callable[[str], str]:
    numbers = count(1)
    return lambda step_type: f"{step_type}-{next(numbers)}"


def delay(step_id: str, after: Any) -> dict[str, Any]:
    return {"id": step_id, "type": "delay", "after": after, "duration": {"days": 1}}


def split(step_id: str, after: Any) -> dict[str, Any]:
    return {**SPLIT, "id": step_id, "after": after}


def on(step_id: str, branch: str) -> dict[str, str]:
    return {"step": step_id, "branch": branch}


def journey(*steps: dict[str, Any]) -> dict[str, Any]:
    entry = {"name": "", "condition": None, "use_historical": False}
    settings = {"exit_after": None, "reentry_after": None}
    return {"version": 1, "name": "J", "settings": settings, "entry": entry, "steps": list(steps)}


def shape(definition: dict[str, Any]) -> dict[str, Any]:
    """Where each step hangs."""
    return {step["id"]: step["after"] for step in definition["steps"]}


# a -> s -(true)-> t1 -> t2 ; -(false)-> f1 -> (connect) t2
BRANCHED = journey(
    delay("a", "entry"),
    split("s", "a"),
    delay("t1", on("s", "true")),
    delay("t2", "t1"),
    delay("f1", on("s", "false")),
    {"id": "c", "type": "connect", "after": "f1", "to": "t2"},
)


def test_a_step_goes_between_two() -> None:
    edited = add_step(journey(delay("a", "entry"), delay("b", "a")), Place("a"), DELAY, new_id=counting())

    assert shape(edited.definition) == {"a": "entry", "new": "a", "b": "new"}
    assert (edited.label, edited.focus) == ("Add Delay", "new")


def test_what_followed_goes_on_the_first_branch_of_a_split() -> None:
    edited = add_step(journey(delay("a", "entry")), Place("entry"), SPLIT, new_id=counting())

    assert shape(edited.definition) == {"new": "entry", "a": on("new", "true")}


def test_every_branch_of_a_multi_branch_split_gets_its_condition() -> None:
    edited = add_step(journey(delay("a", "entry")), Place("entry"), MULTI, new_id=counting())

    assert shape(edited.definition) == {
        "new": "entry",
        "condition-1": on("new", "a"),
        "condition-2": on("new", "b"),
        "a": "condition-1",
    }


@pytest.mark.parametrize("place", [Place("gone"), Place("s"), Place("s", "third"), Place("c")])
def test_nothing_is_added_where_nothing_can_follow(place: Place) -> None:
    before = copy.deepcopy(BRANCHED)

    with pytest.raises(EditError):
        add_step(BRANCHED, place, DELAY, new_id=counting())

    assert before == BRANCHED


def test_what_follows_a_deleted_step_moves_up() -> None:
    edited = remove_step(BRANCHED, "t1")

    assert shape(edited.definition)["t2"] == on("s", "true")
    assert (edited.label, edited.focus) == ("Delete Delay", "s")


def test_deleting_a_split_keeps_the_chosen_branch() -> None:
    edited = remove_step(BRANCHED, "s", keep="true")

    assert shape(edited.definition) == {"a": "entry", "t1": "a", "t2": "t1"}


def test_deleting_a_split_without_keeping_takes_all_branches() -> None:
    edited = remove_step(BRANCHED, "s")

    assert shape(edited.definition) == {"a": "entry"}


def test_deleting_takes_connects_to_it_along_and_lists_them_before() -> None:
    listed = dependents(BRANCHED, "t2")

    edited = remove_step(BRANCHED, "t2")

    assert ([step["id"] for step in listed.steps], [step["id"] for step in listed.connects]) == ([], ["c"])
    assert set(shape(edited.definition)) == {"a", "s", "t1", "f1"}


def test_what_goes_with_a_split_depends_on_the_branch_that_is_kept() -> None:
    listed = dependents(BRANCHED, "s", keep="false")

    assert [step["id"] for step in listed.steps] == ["t1", "t2"]
    assert [step["id"] for step in listed.connects] == ["c"]


def test_the_entry_cannot_be_deleted() -> None:
    with pytest.raises(EditError, match="begins with its entry"):
        remove_step(BRANCHED, "entry")


def test_several_are_deleted_and_the_gap_closes() -> None:
    chain = journey(delay("a", "entry"), delay("b", "a"), delay("c", "b"), delay("d", "c"))

    edited = remove_steps(chain, ["a", "c"])

    assert shape(edited.definition) == {"b": "entry", "d": "b"}
    assert edited.label == "Delete 2 steps"


def test_a_step_moves_to_another_branch() -> None:
    edited = move_steps(BRANCHED, ["t1"], Place("s", "false"))

    assert shape(edited.definition) == {
        "a": "entry", "s": "a", "t1": on("s", "false"), "t2": on("s", "true"), "f1": "t1", "c": "f1",
    }  # fmt: skip
    assert edited.label == "Move Delay"


def test_a_split_moves_with_its_branches() -> None:
    definition = journey(delay("z", "entry"), *[{**step, "after": "z"} if step["id"] == "a" else step
                                                for step in BRANCHED["steps"]])  # fmt: skip

    edited = move_steps(definition, ["s"], Place("entry"))

    assert shape(edited.definition)["s"] == "entry"
    assert shape(edited.definition)["z"] == "t2"
    assert shape(edited.definition)["a"] == "z"
    assert steps_of(edited.definition)[0]["id"] == "s"


@pytest.mark.parametrize(
    ("chosen", "place", "why"),
    [
        (["s"], Place("t1"), "own branches"),
        (["s"], Place("s", "true"), "own branches"),
        (["t1", "f1"], Place("a"), "different branches"),
        (["entry"], Place("a"), "at least one step"),
        (["c"], Place("a"), "end of a branch"),
    ],
)
def test_a_move_that_cannot_be_is_refused(chosen: list[str], place: Place, why: str) -> None:
    with pytest.raises(EditError, match=why):
        move_steps(BRANCHED, chosen, place)


def test_moving_to_where_a_step_stands_changes_nothing() -> None:
    edited = move_steps(BRANCHED, ["t1"], Place("s", "true"))

    assert shape(edited.definition) == shape(BRANCHED)


def test_copies_are_pasted_under_new_ids_with_their_connects() -> None:
    steps = clip(BRANCHED, ["s"])

    edited = paste(BRANCHED, steps, Place("t2"), new_id=counting())

    after = shape(edited.definition)
    assert after["true_false-1"] == "t2"
    assert after["delay-2"] == on("true_false-1", "true")
    pasted = step_of(edited.definition, "connect-5")
    assert pasted is not None
    assert pasted["to"] == "delay-3"
    assert edited.label == "Paste 5 steps"


def test_pasted_into_another_journey_a_connect_to_what_is_not_there_loses_its_target() -> None:
    steps = clip(BRANCHED, ["f1", "c"])

    edited = paste(journey(), steps, Place("entry"), new_id=counting())

    assert shape(edited.definition) == {"delay-1": "entry", "connect-2": "delay-1"}
    assert steps_of(edited.definition)[1]["to"] == ""


def test_what_followed_a_place_follows_what_was_pasted() -> None:
    edited = paste(BRANCHED, clip(BRANCHED, ["a"]), Place("a"), new_id=counting())

    assert shape(edited.definition)["s"] == "delay-1"


def test_a_branch_goes_on_at_a_step_of_another() -> None:
    edited = connect(remove_step(BRANCHED, "c").definition, Place("f1"), "t1", step_id="new")

    assert step_of(edited.definition, "new") == {"id": "new", "type": "connect", "after": "f1", "to": "t1"}
    assert edited.label == "Connect to Delay"


@pytest.mark.parametrize(
    ("place", "found"),
    [(Place("f1"), []), (Place("t2"), []), (Place("s", "true"), []), (Place("a"), [])],
)
def test_only_ends_that_do_not_lead_back_can_connect(place: Place, found: list[str]) -> None:
    assert [step["id"] for step in targets(BRANCHED, place)] == found


def test_eligible_targets_are_steps_of_other_branches() -> None:
    open_ended = remove_step(BRANCHED, "c").definition

    assert [step["id"] for step in targets(open_ended, Place("f1"))] == ["t1", "t2"]
    assert [step["id"] for step in targets(open_ended, Place("t2"))] == ["f1"]
    assert [step["id"] for step in targets(BRANCHED, Place("f1"), ignoring="c")] == ["t1", "t2"]


def test_going_back_by_connect_is_refused() -> None:
    with pytest.raises(EditError, match="never goes backwards"):
        connect(BRANCHED, Place("t2"), "a", step_id="new")


def test_a_connect_after_which_something_follows_is_refused() -> None:
    with pytest.raises(EditError, match="end of a branch"):
        add_step(BRANCHED, Place("a"), {"id": "new", "type": "connect", "to": "t2"}, new_id=counting())


def test_fields_are_replaced_and_place_and_type_stay() -> None:
    edited = set_fields(BRANCHED, "a", {"duration": {"hours": 2}, "after": "t2", "type": "condition", "id": "x"})

    assert step_of(edited.definition, "a") == {"id": "a", "type": "delay", "after": "entry", "duration": {"hours": 2}}
    assert edited.label == "Change Delay"


def test_the_entry_and_the_journey_are_changed() -> None:
    edited = set_fields(BRANCHED, "entry", {"name": "New users", "use_historical": True})
    renamed = set_journey(edited.definition, name="Welcome", settings={"exit_after": {"days": 7}})

    assert renamed.definition["entry"] == {"name": "New users", "condition": None, "use_historical": True}
    assert renamed.definition["settings"] == {"exit_after": {"days": 7}, "reentry_after": None}
    assert (renamed.definition["name"], edited.label, renamed.label) == (
        "Welcome", "Change Entry condition", "Change settings",
    )  # fmt: skip


def test_branches_are_added_with_their_condition_removed_and_reordered() -> None:
    start = add_step(journey(), Place("entry"), MULTI, new_id=counting()).definition

    added = add_branch(start, "new", {"id": "c", "name": "C"}, new_id=lambda _: "third")
    first = move_branch(added.definition, "new", "c", by=-2)
    removed = remove_branch(first.definition, "new", "a")

    assert shape(added.definition)["third"] == on("new", "c")
    assert [branch["id"] for branch in step_of(first.definition, "new")["branches"]] == ["c", "a", "b"]
    assert [branch["id"] for branch in step_of(removed.definition, "new")["branches"]] == ["c", "b"]
    assert set(shape(removed.definition)) == {"new", "condition-2", "third"}


@pytest.mark.parametrize(
    ("step", "title"),
    [
        ({"type": "delay"}, "Delay"),
        ({"type": "condition", "name": " "}, "Condition"),
        ({"type": "send_to_destinations", "name": "Opened email"}, "Opened email"),
        ({"type": "entry"}, "Entry condition"),
    ],
)
def test_titles(step: dict[str, Any], title: str) -> None:
    assert title_of(step) == title


KINDS = ("add", "split", "multi", "remove", "removes", "move", "paste", "connect")


def edited_by(kind: str, definition: dict[str, Any], place: Place, some: list[str], new_id: NewId) -> dict[str, Any]:
    one = some[0] if some else "none"
    match kind:
        case "add" | "split" | "multi":
            step = {"add": DELAY, "split": SPLIT, "multi": MULTI}[kind]
            return add_step(definition, place, {**step, "id": new_id(kind)}, new_id=new_id).definition
        case "remove":
            return remove_step(definition, one).definition
        case "removes":
            return remove_steps(definition, some).definition
        case "move":
            return move_steps(definition, some, place).definition
        case "paste":
            return paste(definition, clip(definition, some), place, new_id=new_id).definition
    return connect(definition, place, one, step_id=new_id(kind)).definition


@given(st.data())
def test_any_edits_leave_a_tree_that_can_be_read(data: st.DataObject) -> None:
    definition, new_id = journey(), counting()
    for _ in range(data.draw(st.integers(1, 14))):
        names = [step["id"] for step in steps_of(definition)]
        places = [place for step in [{"id": "entry"}, *steps_of(definition)] for place in places_after(step)]
        some = data.draw(st.lists(st.sampled_from(names), max_size=4)) if names else []
        place, kind = data.draw(st.sampled_from(places)), data.draw(st.sampled_from(KINDS))
        before = copy.deepcopy(definition)

        with contextlib.suppress(EditError):
            definition = edited_by(kind, before, place, some, new_id)

        ends = [step["to"] for step in steps_of(definition) if step["type"] == "connect"]
        assert unreached(definition) == []
        assert all(len(steps) == 1 for steps in followers(definition).values())
        assert all(step_of(definition, end) for end in ends if end)
        read(definition)
