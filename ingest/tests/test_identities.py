"""Identity resolution on stored profiles: the examples of ingestion-and-profiles.md §4, merging, limits, blocks."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest

from audiences.models import Audience, ChangedProfiles, Membership
from ingest.models import IdentityIssue
from ingest.tests.inbound_rows import (
    RECEIVED_AT,
    codes,
    counts,
    events_of,
    identifiers,
    identify,
    ingest,
    profile_of,
    track,
)
from profiles.models import AccountLink, Event, ExternalId, IdentifierRule, Profile, ProfileAlias
from profiles.services.identity_rules import forget_identity_rules, store_default_rules
from spaces.models import Source, Space
from tests.factories import make_source

pytestmark = pytest.mark.django_db


@pytest.fixture
def source(space: Space) -> Source:
    forget_identity_rules()
    return make_source(space=space)


def issues() -> list[tuple[str, str, str]]:
    return list(IdentityIssue.objects.order_by("id").values_list("violation", "id_type", "value"))


@pytest.mark.parametrize("together", [True, False])
def test_a_second_user_id_makes_its_own_profile(source: Source, space: Space, together: bool) -> None:
    """§4.3: the e-mail, of lower priority, is dropped from the second event."""
    first = identify("m1", userId="abc123", traits={"email": "jane@example.com"})
    second = identify("m2", userId="abc456", traits={"email": "jane@example.com"})
    batches = [[first, second]] if together else [[first], [second]]

    for batch in batches:
        ingest(source, *batch)

    assert identifiers(profile_of(space, "user_id", "abc123")) == {
        ("user_id", "abc123"),
        ("email", "jane@example.com"),
    }
    assert identifiers(profile_of(space, "user_id", "abc456")) == {("user_id", "abc456")}
    assert Profile.objects.in_space(space).count() == 2
    assert issues() == [("Identifier value limit exceeded", "email", "jane@example.com")]


def test_an_anonymous_visitor_becomes_known(source: Source, space: Space) -> None:
    ingest(source, track("m1", "Product Viewed", anonymousId="a1"))
    ingest(source, identify("m2", anonymousId="a1", userId="u1"))
    ingest(source, track("m3", "Order Completed", userId="u1"))

    profile = profile_of(space, "anonymous_id", "a1")
    assert identifiers(profile) == {("anonymous_id", "a1"), ("user_id", "u1")}
    assert events_of(profile) == ["Product Viewed", "Order Completed"]


@pytest.mark.parametrize("together", [True, False])
def test_profiles_that_share_an_event_are_merged_into_the_oldest(source: Source, space: Space, together: bool) -> None:
    calls = [
        track("m1", "A", anonymousId="a1", timestamp="2026-04-01T00:00:00Z"),
        identify("m2", userId="u1", timestamp="2026-04-03T00:00:00Z", traits={"plan": "pro", "city": "Bonn"}),
        identify("m3", anonymousId="a1", timestamp="2026-04-04T00:00:00Z", traits={"plan": "free"}),
        track("m4", "B", anonymousId="a1", userId="u1", timestamp="2026-04-02T00:00:00Z"),
    ]
    if together:
        ingest(source, *calls)
    else:
        for day, call in enumerate(calls):
            ingest(source, call, received_at=RECEIVED_AT + timedelta(days=day))

    profile = Profile.objects.in_space(space).get()
    assert identifiers(profile) == {("anonymous_id", "a1"), ("user_id", "u1")}
    assert profile.traits == {"plan": "free", "city": "Bonn"}
    assert events_of(profile) == ["A", "B"]
    assert profile.merges == (0 if together else 1)
    assert profile.first_message_id == "m1"
    assert Event.objects.in_space(space).exclude(profile_id=profile.id).count() == 0


def test_a_merge_keeps_old_segment_ids_links_and_memberships(source: Source, space: Space) -> None:
    ingest(source, {"type": "group", "anonymousId": "a1", "groupId": "g1"})
    ingest(
        source, {"type": "group", "userId": "u1", "groupId": "g2"}, {"type": "group", "userId": "u1", "groupId": "g1"}
    )
    old, young = profile_of(space, "anonymous_id", "a1"), profile_of(space, "user_id", "u1")
    both = make_audience(space, "both", size=2)
    only_young = make_audience(space, "young", size=1)
    for audience, profile in ((both, old), (both, young), (only_young, young)):
        Membership.objects.create(
            space_id=space.pk, audience_id=audience.pk, profile_id=profile.id, is_member=True, changed_at=RECEIVED_AT
        )
    ChangedProfiles.objects.all().delete()

    ingest(source, track("m9", userId="u1", anonymousId="a1"))

    assert [row.id for row in Profile.objects.in_space(space).filter(collection=0)] == [old.id]
    alias = ProfileAlias.objects.get()
    assert (alias.segment_id, alias.profile_id) == (young.segment_id, old.id)
    assert AccountLink.objects.filter(profile_id=old.id).count() == 2
    assert AccountLink.objects.count() == 2
    assert {row.audience_id: (row.profile_id, row.is_member) for row in Membership.objects.all()} == {
        both.pk: (old.id, True),
        only_young.pk: (old.id, True),
    }
    assert [Audience.objects.get(pk=audience.pk).size for audience in (both, only_young)] == [1, 1]
    whole = ChangedProfiles.objects.get()
    assert (whole.profile_ids, whole.events, whole.traits) == ([old.id], None, None)


def make_audience(space: Space, key: str, size: int) -> Audience:
    return Audience.objects.create(space=space, key=key, name=key, definition={}, size=size)


@pytest.mark.parametrize("value", ["null", "-1", "anonymous", "NULL", "000-000"])
def test_blocked_values_are_not_promoted(source: Source, space: Space, value: str) -> None:
    ingest(source, track("m1", userId=value, anonymousId="a1"))

    assert identifiers(profile_of(space, "anonymous_id", "a1")) == {("anonymous_id", "a1")}
    assert issues() == [("ID value blocked", "user_id", value)]
    assert Event.objects.in_space(space).get().user_id == value


def test_a_call_with_nothing_but_blocked_values_is_rejected(source: Source, space: Space) -> None:
    ingest(source, track("m1", userId="null"))

    assert codes(source) == ["no_user_anon_id"]
    assert counts(source) == (1, 0, 0, 1)
    assert ("No matching identifiers on event", "", "") in issues()


def test_value_limits_keep_the_sixth_address_out(source: Source, space: Space) -> None:
    for number in range(6):
        ingest(source, identify(f"m{number}", userId="u", traits={"email": f"u{number}@x.org"}))

    emails = {value for id_type, value in identifiers(profile_of(space, "user_id", "u")) if id_type == "email"}
    assert emails == {f"u{number}@x.org" for number in range(5)}
    assert issues() == [("Identifier value limit exceeded", "email", "u5@x.org")]


def test_a_period_counts_only_recent_values(source: Source, space: Space) -> None:
    store_default_rules(space_id=space.pk)
    IdentifierRule.objects.filter(space_id=space.pk, id_type="email").update(value_limit=1, period="weekly")
    forget_identity_rules()

    for number, day in enumerate((0, 3, 8)):
        call = identify(f"m{number}", userId="u", traits={"email": f"u{number}@x.org"})
        ingest(source, call, received_at=RECEIVED_AT + timedelta(days=day))

    emails = {value for id_type, value in identifiers(profile_of(space, "user_id", "u")) if id_type == "email"}
    assert emails == {"u0@x.org", "u2@x.org"}
    assert issues() == [("Identifier value time limit exceeded", "email", "u1@x.org")]


def test_every_default_place_of_an_identifier(source: Source, space: Space) -> None:
    """F092: user id, e-mail and mobile id resolve to one profile."""
    device = {"type": "iOS", "id": "DEV", "advertisingId": "ADV", "adTrackingEnabled": True, "token": "TOK"}
    context = {
        "device": device,
        "traits": {"email": "C@x.org"},
        "integrations": {"Google Analytics": {"clientId": "GA.1"}},
        "externalIds": [
            {"id": "123", "type": "phone", "collection": "users", "encoding": "none"},
            {"id": "no encoding", "type": "phone", "collection": "users"},
        ],
    }

    ingest(source, track("m1", userId="U", anonymousId="A", properties={"email": "p@x.org"}, context=context))

    profile = profile_of(space, "user_id", "u")
    assert identifiers(profile) == {
        ("user_id", "u"),
        ("anonymous_id", "a"),
        ("email", "p@x.org"),
        ("email", "c@x.org"),
        ("ios.id", "dev"),
        ("ios.idfa", "adv"),
        ("ios.push_token", "tok"),
        ("ga_client_id", "ga.1"),
        ("phone", "123"),
    }
    assert ExternalId.objects.get(id_type="user_id").original == "U"
    rules = {row.id_type: row.priority for row in IdentifierRule.objects.filter(space_id=space.pk, collection=0)}
    assert (rules["user_id"], rules["email"], rules["phone"]) == (1, 2, 11)


def test_an_advertising_id_needs_consent(source: Source, space: Space) -> None:
    device = {"type": "android", "advertisingId": "ADV", "adTrackingEnabled": False}
    ingest(source, track("m1", userId="u", context={"device": device}))

    assert identifiers(profile_of(space, "user_id", "u")) == {("user_id", "u")}


def test_a_rule_may_name_a_trait_that_holds_the_identifier(source: Source, space: Space) -> None:
    store_default_rules(space_id=space.pk)
    IdentifierRule.objects.create(space=space, id_type="crm", priority=9, trait_key="crm_id")
    forget_identity_rules()

    ingest(
        source,
        identify("m1", userId="u", traits={"crmId": "C-1"}),
        track("m2", userId="v", properties={"crm_id": "C-2"}),
    )

    assert ("crm", "c-1") in identifiers(profile_of(space, "user_id", "u"))
    assert ("crm", "c-2") in identifiers(profile_of(space, "user_id", "v"))


def test_at_the_merge_limit_events_still_resolve(source: Source, space: Space) -> None:
    ingest(source, track("m1", "A", anonymousId="a1"))
    ingest(source, identify("m2", userId="u1"))
    Profile.objects.in_space(space).update(merges=60)

    ingest(source, track("m3", "B", anonymousId="a1", userId="u1"))

    assert Profile.objects.in_space(space).count() == 2
    assert events_of(profile_of(space, "user_id", "u1")) == ["B"]
    assert issues() == [("Profile merge limit exceeded", "user_id", "u1")]


def test_at_the_mapping_limit_no_identifier_is_added(source: Source, space: Space) -> None:
    ingest(source, identify("m1", userId="u"))
    profile = profile_of(space, "user_id", "u")
    ExternalId.objects.bulk_create(
        ExternalId(
            space_id=space.pk,
            collection=0,
            id_type=f"type{number}",
            value="x",
            original="x",
            profile_id=profile.id,
            created_at=RECEIVED_AT,
        )
        for number in range(999)
    )

    ingest(source, track("m2", "A", userId="u", anonymousId="new"))

    assert events_of(profile) == ["A"]
    assert len(identifiers(profile)) == 1_000
    assert issues() == [("Identifier mapping limit exceeded", "user_id", "u")]


ORDERED = [
    identify("m1", userId="u", timestamp="2026-04-01T00:00:00Z", traits={"a": 1, "b": 1}),
    identify("m2", userId="u", timestamp="2026-04-02T00:00:00Z", traits={"a": None, "c": 2}),
    identify("m3", userId="u", anonymousId="x", timestamp="2026-04-03T00:00:00Z", traits={"b": 3}),
    identify("m4", anonymousId="x", timestamp="2026-04-04T00:00:00Z", traits={"c": None, "d": 4}),
]


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_any_order_of_arrival_ends_in_the_same_traits(source: Source, space: Space, order: tuple[int, ...]) -> None:
    for day, number in enumerate(order):
        ingest(source, ORDERED[number], received_at=datetime(2026, 5, 1 + day, tzinfo=UTC))

    profile = Profile.objects.in_space(space).get()
    assert profile.traits == {"b": 3, "d": 4}
    assert set(profile.trait_times) == {"a", "b", "c", "d"}
