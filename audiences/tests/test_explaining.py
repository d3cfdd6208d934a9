"""Explain says what is stored, names its evidence and foretells the change."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from audiences.models import Audience, Membership
from audiences.selectors.explaining import ExplainedNode, explain_membership
from audiences.services.audiences import create_audience
from audiences.services.backfill import claim_run, work
from audiences.services.compute import recheck_block
from profiles.models import Profile
from spaces.models import Role, Space, User
from tests import factories


def audience_of(space: Space, where: Any, collection: str = "users", **options: Any) -> Audience:
    definition = {"version": 1, "collection": collection, "where": where}
    made = create_audience(
        space=space, name=f"A{Audience.objects.count()}", definition=definition, created_by=None, **options
    )
    run = claim_run()
    assert run is not None
    work(run)
    made.refresh_from_db()
    return made


def stored(audience: Audience, profile: Profile) -> bool:
    return Membership.objects.filter(audience_id=audience.pk, profile_id=profile.id, is_member=True).exists()


def nodes(node: ExplainedNode) -> list[ExplainedNode]:
    return [node, *(each for child in node.children for each in nodes(child))]


@pytest.fixture
def buyer(space: Space) -> Profile:
    """Three orders, of which two within the last 30 days; lives in Berlin; anonymous_id and e-mail."""
    profile = factories.make_profile(space=space, traits={"address": {"city": "Berlin"}, "plan": "pro", "visits": 7})
    factories.make_identifier(profile=profile, id_type="email", value="bea@acme.example")
    for days, revenue in ((2, 10.5), (12, 80), (90, 300)):
        factories.make_event(
            profile=profile,
            ts=timezone.now() - timedelta(days=days),
            properties={"revenue": revenue, "product_id": f"p{days}"},
        )
    return profile


ORDER = {"event": "Order Completed"}
DEFINITIONS = {
    "count": ORDER | {"count": {"gte": 3}},
    "window": ORDER | {"count": {"gte": 2}, "window": {"within": {"days": 30}}},
    "window too narrow": ORDER | {"count": {"gte": 3}, "window": {"within": {"days": 30}}},
    "between": ORDER | {"window": {"between": {"from": {"days": 20}, "to": {"days": 10}}}},
    "since": ORDER | {"window": {"since": "2020-01-01T00:00:00Z"}},
    "before": ORDER | {"window": {"before": "2020-01-01T00:00:00Z"}},
    "never": {"event": "Refunded", "count": {"eq": 0}},
    "property": ORDER | {"properties": [{"property": "revenue", "greater_than": 100}]},
    "funnel": ORDER | {"then": {"event": "Order Completed", "performed": True, "within": {"days": 20}}},
    "abandoned": ORDER | {"then": {"event": "Order Completed", "performed": False, "within": {"days": 20}}},
    "same product": ORDER
    | {
        "then": {
            "event": "Order Completed",
            "performed": True,
            "within": {"weeks": 20},
            "properties": [{"property": "product_id", "equals": {"parent_property": "product_id"}}],
        }
    },
    "nested trait": {"trait": "address.city", "equals": "Berlin"},
    "missing trait": {"trait": "country", "not_equals": "DE"},
    "compared": {"trait": "visits", "greater_than": 6.5},
    "identifier": {"identifier": "email", "exists": True},
    "group": {"all": [ORDER, {"any": [{"trait": "plan", "equals": "free"}, {"not": {"trait": "x", "exists": True}}]}]},
}


@pytest.mark.parametrize("where", DEFINITIONS.values(), ids=DEFINITIONS)
def test_the_root_verdict_is_the_stored_membership(space: Space, buyer: Profile, where: Any) -> None:
    other = factories.make_profile(space=space, traits={})
    audience = audience_of(space, where)

    found = {each.id: explain_membership(audience=audience, profile=each, shows_pii=True) for each in (buyer, other)}

    assert found[buyer.id].is_member is stored(audience, buyer)
    assert found[buyer.id].stored is found[buyer.id].is_member
    assert found[other.id].is_member is stored(audience, other)
    assert found[buyer.id].caveat == ""


def test_every_node_has_its_verdict_and_evidence(space: Space, buyer: Profile) -> None:
    where = {
        "all": [
            ORDER | {"count": {"gte": 3}, "window": {"within": {"days": 30}}},
            {"trait": "plan", "equals": "pro"},
            {"identifier": "email", "exists": True},
        ]
    }
    audience = audience_of(space, where)

    found = explain_membership(audience=audience, profile=buyer, shows_pii=True)

    root, orders, plan, email = nodes(found.root)
    assert found.is_member is False
    assert (root.kind, root.path, root.holds, root.found) == ("all", "/where", False, "2 of 3 hold")
    assert (orders.kind, orders.path, orders.holds, orders.found) == ("event", "/where/all/0", False, "2 of 3 needed")
    assert [event.until - event.at for event in orders.events if event.until] == [timedelta(days=30)] * 2
    assert orders.window is not None
    assert orders.window[1] == found.at
    assert (plan.holds, plan.found) == (True, "The value is “pro”")
    assert (email.holds, email.found) == (True, "The profile has bea@acme.example")


def test_a_window_tells_when_the_person_leaves_and_then_they_do(space: Space, buyer: Profile) -> None:
    """F072: the foretold instant is that of the scheduler."""
    audience = audience_of(space, ORDER | {"count": {"gte": 2}, "window": {"within": {"days": 30}}})
    second = timezone.now() - timedelta(days=12)

    found = explain_membership(audience=audience, profile=buyer, shows_pii=True)

    row = Membership.objects.get(audience_id=audience.pk, profile_id=buyer.id)
    assert found.is_member is True
    assert found.changes_at is not None
    assert abs(found.changes_at - second - timedelta(days=30)) < timedelta(minutes=1)
    assert row.recheck_at == found.changes_at
    assert recheck_block(space=space) == 0


def test_a_reference_is_named_and_can_be_explained_next(space: Space, buyer: Profile) -> None:
    inner = audience_of(space, ORDER)
    outer = audience_of(space, {"audience": inner.key, "member": False})

    found = explain_membership(audience=outer, profile=buyer, shows_pii=True)

    assert found.root.sentence == f"Are not part of the audience “{inner.name}”"
    assert found.root.found == "The person is a member"
    assert found.root.reference == inner
    assert found.is_member is False


def test_anonymous_profiles_are_told_why_they_are_out(space: Space) -> None:
    """W034: an anonymous-only profile is member only when the option is on."""
    profile = factories.make_profile(space=space, ids={"anonymous_id": "anon-1"})
    factories.make_event(profile=profile, ts=timezone.now() - timedelta(days=1))
    strict, open_ = audience_of(space, ORDER), audience_of(space, ORDER, include_anonymous=True)

    out = explain_membership(audience=strict, profile=profile, shows_pii=True)
    inside = explain_membership(audience=open_, profile=profile, shows_pii=True)

    assert (out.is_member, inside.is_member) == (False, True)
    assert out.root.kind == "known"
    assert "anonymous profiles are not included" in out.root.found
    assert out.root.children[0].holds is True


@pytest.mark.parametrize(("quantifier", "is_member"), [("any", True), ("all", False), ("none", False)])
def test_accounts_are_explained_by_their_users(space: Space, buyer: Profile, quantifier: str, is_member: bool) -> None:
    """W048: verdict and evidence of each user that decides."""
    idle = factories.make_profile(space=space, traits={"name": "Ida Idle"})
    account = factories.make_account(space=space, users=[buyer, idle])
    audience = audience_of(space, {"users": quantifier, "match": ORDER}, "accounts")

    found = explain_membership(audience=audience, profile=account, shows_pii=True)

    assert found.is_member is is_member is stored(audience, account)
    assert found.root.kind == "users"
    assert found.root.found.startswith("1 of 2 users")
    assert {child.owner for child in found.root.children} == {buyer.segment_id, idle.segment_id}


def test_personal_values_are_masked_without_the_right(space: Space, buyer: Profile) -> None:
    audience = audience_of(space, {"identifier": "email", "exists": True})

    found = explain_membership(audience=audience, profile=buyer, shows_pii=False)

    assert found.root.found == "The profile has b••••@acme.example"
    assert found.root.facts["values"] == ["b••••@acme.example"]


def test_a_disabled_audience_says_that_its_members_are_old(space: Space, buyer: Profile) -> None:
    audience = audience_of(space, {"event": "Refunded"})
    Audience.objects.filter(pk=audience.pk).update(is_enabled=False, status="Disabled")
    factories.make_event(profile=buyer, name="Refunded", ts=timezone.now() - timedelta(hours=1))
    audience.refresh_from_db()

    found = explain_membership(audience=audience, profile=buyer, shows_pii=True)

    assert (found.is_member, found.stored) == (True, False)
    assert "the audience is disabled" in found.caveat


def test_the_page_finds_by_identifier_and_shows_the_tree(
    space: Space, owner: User, buyer: Profile, client_for: Callable[[User], Client]
) -> None:
    audience = audience_of(space, ORDER | {"count": {"gte": 5}})
    url = f"/s/{space.slug}/audiences/{audience.public_id}/explain/"

    page = client_for(owner).get(url, {"q": "bea@"})
    sheet = client_for(owner).get(
        url, {"profile": buyer.segment_id}, headers={"HX-Request": "true", "HX-Target": "sheet"}
    )
    nobody = client_for(owner).get(url, {"q": "nobody"})

    assert 'data-member="no"' in page.content.decode()
    assert "3 of 5 needed" in page.content.decode()
    assert "3 of 5 needed" in sheet.content.decode()
    assert "<html" not in sheet.content.decode()
    assert 'data-test="explain.nobody"' in nobody.content.decode()


def test_the_profile_offers_to_explain_every_audience(
    space: Space, owner: User, buyer: Profile, client_for: Callable[[User], Client]
) -> None:
    """ux.md §11: also audiences that the person is not in."""
    inside, outside = audience_of(space, ORDER), audience_of(space, {"event": "Refunded"})

    page = client_for(owner).get(f"/s/{space.slug}/audiences/of-profile/{buyer.segment_id}/")

    for audience in (inside, outside):
        assert f"{audience.public_id}/explain/?profile={buyer.segment_id}" in page.content.decode()


def test_the_api_answers_the_tree(space: Space, owner: User, buyer: Profile, api_for: Callable[..., APIClient]) -> None:
    audience = audience_of(
        space, {"all": [ORDER | {"window": {"within": {"days": 30}}}, {"trait": "visits", "equals": 7}]}
    )
    url = f"/api/v1/spaces/{space.slug}/audiences/{audience.public_id}/explain/"

    answer = api_for(owner, space).get(url, {"profile": "email:bea@acme.example"}).json()
    missing = api_for(owner, space).get(url)

    assert (answer["profile"], answer["is_member"], answer["stored"]) == (buyer.segment_id, True, True)
    assert answer["where"]["kind"] == "all"
    assert answer["where"]["children"][0]["facts"]["count"] == 2
    assert len(answer["where"]["children"][0]["events"]) == 2
    assert answer["where"]["children"][1]["facts"] == {"value": 7, "isMissing": False}
    assert answer["changes_at"] is not None
    assert missing.status_code == 400
    assert missing.json()["errors"][0]["path"] == "/profile"


def test_outsiders_and_other_collections_find_nothing(
    space: Space, owner: User, outsider: User, buyer: Profile, api_for: Callable[..., APIClient]
) -> None:
    audience = audience_of(space, {"trait": "plan", "exists": True}, "accounts")
    url = f"/api/v1/spaces/{space.slug}/audiences/{audience.public_id}/explain/?profile={buyer.segment_id}"

    assert api_for(owner, space).get(url).status_code == 404
    assert api_for(outsider).get(url).status_code == 404


def test_a_member_without_the_right_sees_masked_members(
    space: Space, buyer: Profile, client_for: Callable[[User], Client]
) -> None:
    member = factories.make_member(workspace=space.workspace, role=Role.USER)
    member.has_pii_access = False
    member.save()
    audience = audience_of(space, ORDER)

    page = client_for(member.user).get(f"/s/{space.slug}/audiences/{audience.public_id}/members/")

    assert "b••••@acme.example" in page.content.decode()
    assert "bea@acme.example" not in page.content.decode()
