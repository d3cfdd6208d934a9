from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from common.errors import InvalidError
from profiles.models import IdentifierRule
from profiles.services.identity_rules import identity_rules, store_default_rules
from profiles.services.rule_editing import create_rule, format_blocks, move_rule, parse_blocks, update_rule
from spaces.models import AuditEntry, Space, User


def test_new_identifier_comes_last_and_is_used(owner: User, space: Space) -> None:
    rule = create_rule(space=space, actor=owner, id_type="Loyalty_ID", value_limit=2, trait_key="loyaltyId")

    assert (rule.id_type, rule.priority) == ("loyalty_id", 11)
    assert identity_rules(space.pk).by_type[0, "loyalty_id"].value_limit == 2
    assert AuditEntry.objects.get(action="identifier_rule.created").object_name == "loyalty_id"


@pytest.mark.parametrize(
    ("values", "path"),
    [
        ({"id_type": "email"}, "/id_type"),
        ({"id_type": "9x"}, "/id_type"),
        ({"id_type": ""}, "/id_type"),
        ({"id_type": "a" * 61}, "/id_type"),
        ({"id_type": "x", "value_limit": 0}, "/value_limit"),
        ({"id_type": "x", "value_limit": 1001}, "/value_limit"),
        ({"id_type": "x", "period": "daily"}, "/period"),
        ({"id_type": "x", "trait_key": "a/b"}, "/trait_key"),
        ({"id_type": "x", "collection": 2}, "/collection"),
        ({"id_type": "x", "blocked_values": [{"kind": "regex", "value": "("}]}, "/blocked_values"),
        ({"id_type": "x", "blocked_values": [{"kind": "regex", "value": "(a+)+$"}]}, "/blocked_values"),
        ({"id_type": "x", "blocked_values": [{"kind": "regex", "value": "((a|b)*c)*"}]}, "/blocked_values"),
        ({"id_type": "x", "blocked_values": [{"kind": "exact", "value": "a"}] * 51}, "/blocked_values"),
        ({"id_type": "x", "blocked_values": [{"kind": "exact", "value": "a" * 201}]}, "/blocked_values"),
    ],
)
def test_bad_rule_is_refused_at_its_field(values: dict[str, object], path: str, owner: User, space: Space) -> None:
    store_default_rules(space_id=space.pk)
    before = IdentifierRule.objects.count()

    with pytest.raises(InvalidError) as refused:
        create_rule(space=space, actor=owner, **values)

    assert refused.value.errors[0].path == path
    assert IdentifierRule.objects.count() == before


def test_all_problems_are_named_at_once(owner: User, space: Space) -> None:
    with pytest.raises(InvalidError) as refused:
        create_rule(space=space, actor=owner, id_type="", value_limit=0, period="x")

    assert [error.path for error in refused.value.errors] == ["/id_type", "/value_limit", "/period"]


def test_moving_swaps_neighbors_and_stops_at_the_end(owner: User, space: Space) -> None:
    store_default_rules(space_id=space.pk)
    first = IdentifierRule.objects.get(space=space, id_type="user_id")
    second = IdentifierRule.objects.get(space=space, id_type="email")

    move_rule(rule=second, actor=owner, up=True)
    move_rule(rule=second, actor=owner, up=True)

    first.refresh_from_db()
    second.refresh_from_db()
    assert (second.priority, first.priority) == (1, 2)
    assert AuditEntry.objects.filter(action="identifier_rule.moved").count() == 1


def test_built_in_identifier_keeps_its_place(owner: User, space: Space) -> None:
    store_default_rules(space_id=space.pk)
    rule = IdentifierRule.objects.get(space=space, id_type="user_id")

    changed = update_rule(
        rule=rule, actor=owner, value_limit=2, period="ever", blocked_values=[], trait_key="somewhere"
    )

    assert (changed.value_limit, changed.trait_key, changed.blocked_values) == (2, "", [])


def test_blocked_values_are_written_one_a_line() -> None:
    text = "/^0+$/\nnull\n-1"

    assert format_blocks(parse_blocks(text)) == text
    assert parse_blocks(" /^0+$/ \n\n/\n//") == [
        {"kind": "regex", "value": "^0+$"},
        {"kind": "exact", "value": "/"},
        {"kind": "exact", "value": "//"},
    ]


def test_page_shows_the_defaults_before_anything_was_stored(
    viewer: User, space: Space, client_for: Callable[[User], Client]
) -> None:
    page = client_for(viewer).get(f"/s/{space.slug}/settings/identity/").content.decode()

    assert "anonymous_id" in page
    assert not IdentifierRule.objects.exists()


def test_rule_is_saved_by_its_form(owner: User, space: Space, client_for: Callable[[User], Client]) -> None:
    store_default_rules(space_id=space.pk)
    url = f"/s/{space.slug}/settings/identity/users/email/"
    client = client_for(owner)

    refused = client.post(url, {"value_limit": "3", "period": "ever", "blocked_values": "/(/"})
    saved = client.post(url, {"value_limit": "3", "period": "weekly", "blocked_values": "none"})

    assert refused.status_code == 422
    assert "is not a regular expression" in refused.content.decode()
    assert saved.status_code == 302
    rule = IdentifierRule.objects.get(space=space, id_type="email")
    assert (rule.value_limit, rule.period, rule.blocked_values) == (3, "weekly", [{"kind": "exact", "value": "none"}])
