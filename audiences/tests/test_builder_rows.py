"""Rows of accounts, steps and trait kinds; and moving rows about."""

from __future__ import annotations

from typing import Any

import pytest

from audiences.builder.fields import from_fields, to_fields
from audiences.builder.operations import UnknownOperationError, apply, new_row
from audiences.builder.reading import rows_of
from audiences.builder.rows import EventRow, Group, TraitRow
from audiences.builder.writing import written


def named(name: str) -> dict[str, Any]:
    return {"event": name}


def tree(where: Any, collection: str = "users") -> Group:
    return rows_of({"version": 1, "collection": collection, "where": where})


def where_of(group: Group, collection: str = "users") -> Any:
    return written(group, collection=collection).definition["where"]


@pytest.mark.parametrize(
    "where",
    [
        {"users": "any", "match": named("A")},
        {"users": "all", "match": {"all": [named("A"), {"trait": "plan", "equals": "pro"}]}},
        {"not": {"users": "none", "match": {"any": [named("A"), named("B")]}}},
        {"all": [{"trait": "industry", "equals": "retail"}, {"users": "any", "match": {"not": named("A")}}]},
        {"users": "any", "match": {"audience": "buyers", "member": True}},
    ],
)
def test_conditions_on_users_of_accounts_come_back_identical(where: Any) -> None:
    """W048: any, all and none of the users."""
    posted: dict[str, list[str]] = {}
    for name, value in to_fields(tree(where, "accounts")):
        posted.setdefault(name, []).append(value)

    assert where_of(from_fields(posted), "accounts") == where


def test_a_journey_step_is_a_row() -> None:
    where = {"all": [{"journey_step": "j_o_hello", "member": False}, named("A")]}

    assert where_of(tree(where)) == where


def test_a_row_offers_the_traits_of_its_kind() -> None:
    row = new_row("trait.computed")

    assert isinstance(row, TraitRow)
    assert row.source == "computed"
    assert dict(to_fields(Group(children=[row])))["n-0.source"] == "computed"


def test_an_account_row_starts_with_any_of_the_users() -> None:
    row = new_row("users")

    assert isinstance(row, Group)
    assert (row.users, [type(child) for child in row.children]) == ("any", [EventRow])


NESTED = {"all": [named("A"), {"any": [named("B"), named("C")]}, named("D")]}


@pytest.mark.parametrize(
    ("op", "focus", "where"),
    [
        ("move:n-0:n.3", "n-2.row", {"all": [{"any": [named("B"), named("C")]}, named("D"), named("A")]}),
        ("move:n-0:n-1.1", "n-0-1.row", {"all": [{"any": [named("B"), named("A"), named("C")]}, named("D")]}),
        ("move:n-1-0:n.0", "n-0.row", {"all": [named("B"), named("A"), {"any": [named("C")]}, named("D")]}),
        ("up:n-1-0", "n-1.row", {"all": [named("A"), named("B"), {"any": [named("C")]}, named("D")]}),
        ("down:n-1-1", "n-2.row", {"all": [named("A"), {"any": [named("B")]}, named("C"), named("D")]}),
        ("up:n-0", "n-0.row", NESTED),
        ("down:n-2", "n-2.row", NESTED),
    ],
)
def test_a_row_moves_and_keeps_the_focus(op: str, focus: str, where: Any) -> None:
    rows = tree(NESTED)

    assert apply(rows, op) == focus
    assert where_of(rows) == where


def test_a_group_that_was_emptied_by_a_move_goes_away() -> None:
    rows = tree({"all": [named("A"), {"any": [{"all": [named("B")]}]}]})

    focus = apply(rows, "move:n-1-0-0:n.0")

    assert focus == "n-0.row"
    assert where_of(rows) == {"all": [named("B"), named("A")]}


@pytest.mark.parametrize("op", ["move:n-1:n-1.0", "move:n-1:n-1-0.0", "move:n:n-1.0", "move:n-0:n.9", "move:n-0:n-0.0"])
def test_what_cannot_move_stays(op: str) -> None:
    rows = tree(NESTED)

    with pytest.raises(UnknownOperationError):
        apply(rows, op)

    assert where_of(rows) == NESTED
