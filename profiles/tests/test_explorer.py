from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from profiles.models import ObservedEvent, ObservedField, ProfileAlias
from profiles.selectors import detail, search
from spaces.models import Space, User
from tests import factories

Browser = Callable[[User], Client]


def _ids(page: search.SearchPage) -> list[str]:
    return [match.profile.segment_id for match in page.matches]


@pytest.mark.parametrize(
    "text", ["jane@example.com", "JANE@Example.com", "email:jane@example.com", "  jane@ex ", "u-1", "user_id:u-1"]
)
def test_profile_is_found_by_any_identifier(text: str, space: Space) -> None:
    profile = factories.make_profile(space=space, ids=[("user_id", "u-1"), ("email", "Jane@Example.com")])
    factories.make_profile(space=space, ids=[("user_id", "other")])

    page = search.search_profiles(space, text=text)

    assert _ids(page) == [profile.segment_id]


def test_search_stays_in_its_space_and_collection(space: Space) -> None:
    factories.make_profile(space=factories.make_space(), ids=[("user_id", "u-1")])
    factories.make_account(space=space, ids=[("group_id", "u-1")])

    assert _ids(search.search_profiles(space, text="u-1")) == []


@pytest.mark.parametrize("text", ["%", "_", "u_", "\\", "\x00", "\ud800", "'", "x:" * 300, "user_id:", ":"])
def test_odd_text_finds_nothing_and_breaks_nothing(text: str, space: Space) -> None:
    factories.make_profile(space=space, ids=[("user_id", "u-1")])

    assert _ids(search.search_profiles(space, text=text)) == []


def test_exact_search_does_not_take_a_prefix(space: Space) -> None:
    factories.make_profile(space=space, ids=[("user_id", "u-12")])

    assert _ids(search.search_profiles(space, text="u-1", exact=True)) == []


def test_pages_of_a_search_hold_everybody_once(space: Space) -> None:
    made = {
        factories.make_profile(space=space, ids=[("user_id", f"u-{n:02}"), ("email", f"u-{n:02}@x.example")]).segment_id
        for n in range(7)
    }

    found: list[str] = []
    after: str | None = ""
    while after is not None:
        page = search.search_profiles(space, text="u-", after=after, size=4)
        found += _ids(page)
        after = page.after

    assert set(found) == made


@pytest.mark.parametrize("after", ["{", "[1]", '["a"]', "[1, 2]", "nonsense"])
def test_broken_cursor_is_the_first_page(after: str, space: Space) -> None:
    factories.make_profile(space=space, ids=[("user_id", "u-1")])

    assert len(search.search_profiles(space, text="u-", after=after).matches) == 1


def test_list_page_shows_who_was_searched(owner: User, space: Space, client_for: Browser) -> None:
    factories.make_profile(space=space, traits={"first_name": "Jane", "last_name": "Doe"}, ids=[("user_id", "u-1")])
    factories.make_profile(space=space, traits={"name": "Somebody Else"}, ids=[("user_id", "v-1")])

    page = client_for(owner).get(f"/s/{space.slug}/profiles/?q=u-").content.decode()

    assert "Jane Doe" in page
    assert "Somebody Else" not in page


def test_fragment_for_htmx_is_the_table_alone(owner: User, space: Space, client_for: Browser) -> None:
    factories.make_profile(space=space, traits={"name": "Jane"})

    page = client_for(owner).get(f"/s/{space.slug}/profiles/", headers={"HX-Request": "true"}).content.decode()

    assert "Jane" in page
    assert "<html" not in page


@pytest.mark.parametrize("tab", ["traits", "identities", "events", "linked", "nonsense"])
def test_every_tab_of_a_profile_opens(tab: str, owner: User, space: Space, client_for: Browser) -> None:
    profile = factories.make_profile(space=space, traits={"plan": "pro", "nested": {"a": [1]}})
    factories.make_account(space=space, users=[profile])
    factories.make_event(profile=profile, ts=timezone.now())

    response = client_for(owner).get(f"/s/{space.slug}/profiles/{profile.segment_id}/?tab={tab}")

    assert response.status_code == 200


def test_old_segment_id_leads_to_the_survivor(owner: User, space: Space, client_for: Browser) -> None:
    profile = factories.make_profile(space=space)
    ProfileAlias.objects.create(segment_id="use_old", space_id=space.pk, profile_id=profile.id, merged_at=factories.NOW)

    response = client_for(owner).get(f"/s/{space.slug}/profiles/use_old/")

    assert response.status_code == 302
    assert response["Location"] == f"/s/{space.slug}/profiles/{profile.segment_id}/"


def test_profile_of_another_space_is_not_found(owner: User, space: Space, client_for: Browser) -> None:
    foreign = factories.make_profile(space=factories.make_space())

    assert client_for(owner).get(f"/s/{space.slug}/profiles/{foreign.segment_id}/").status_code == 404


def test_events_reach_back_14_days_unless_asked(space: Space) -> None:
    profile = factories.make_profile(space=space)
    now = timezone.now()
    recent = factories.make_event(profile=profile, ts=now - timedelta(days=13))
    old = factories.make_event(profile=profile, ts=now - timedelta(days=15))

    short = detail.events_of(space, profile)
    all_kept = detail.events_of(space, profile, days=None)

    assert [event.id for event in short.rows] == [recent.id]
    assert [event.id for event in all_kept.rows] == [recent.id, old.id]


def test_pages_of_events_hold_each_once_newest_first(space: Space) -> None:
    profile = factories.make_profile(space=space)
    now = timezone.now()
    made = [factories.make_event(profile=profile, ts=now - timedelta(hours=n // 2)).id for n in range(9)]

    found: list[int] = []
    after: str | None = ""
    while after is not None:
        page = detail.events_of(space, profile, after=after, size=2)
        found += [event.id for event in page.rows]
        after = page.after

    assert sorted(found) == sorted(made)
    assert len(found) == 9


def test_event_filter_takes_names_with_colons(owner: User, space: Space, client_for: Browser) -> None:
    profile = factories.make_profile(space=space)
    factories.make_event(profile=profile, name="Cart: Opened", ts=timezone.now(), message_id="wanted")
    factories.make_event(profile=profile, name="Other", ts=timezone.now())

    response = client_for(owner).get(
        f"/s/{space.slug}/profiles/{profile.segment_id}/", {"tab": "events", "event": "track:Cart: Opened"}
    )

    assert [row["event"].message_id for row in response.context["events"]] == ["wanted"]


def test_raw_event_is_a_segment_call_with_the_identifiers(owner: User, space: Space, client_for: Browser) -> None:
    profile = factories.make_profile(space=space, ids=[("email", "Jane@Example.com")])
    event = factories.make_event(profile=profile, properties={"revenue": 5}, context='{"ip": "1.2.3.4"}')

    response = client_for(owner).get(f"/s/{space.slug}/profiles/{profile.segment_id}/events/{event.id}/")

    payload = response.context["payload"]
    assert (payload["type"], payload["event"]) == ("track", "Order Completed")
    assert payload["properties"] == {"revenue": 5}
    assert payload["context"] == {"ip": "1.2.3.4"}
    assert payload["external_ids"] == [
        {"collection": "users", "type": "email", "id": "Jane@Example.com", "encoding": "none"}
    ]


def test_personal_data_is_masked_without_the_right(space: Space, client_for: Browser) -> None:
    user = factories.make_member(workspace=space.workspace, role="user", has_pii_access=False).user
    profile = factories.make_profile(
        space=space,
        traits={"email": "jane@example.com", "name": "Jane Doe", "plan": "pro", "phone": "+49 30 1234"},
        ids=[("email", "jane@example.com"), ("user_id", "u-1")],
    )
    event = factories.make_event(
        profile=profile, ts=timezone.now(), properties={"email": "jane@example.com"}, context='{"ip": "1.2.3.4"}'
    )
    client = client_for(user)
    base = f"/s/{space.slug}/profiles/"

    pages = "".join(
        client.get(base + path).content.decode()
        for path in (
            "",
            f"{profile.segment_id}/",
            f"{profile.segment_id}/?tab=identities",
            f"{profile.segment_id}/events/{event.id}/",
        )
    )

    for personal in ("jane@example.com", "Jane Doe", "+49 30 1234", "1.2.3.4"):
        assert personal not in pages
    assert "u-1" in pages
    assert "pro" in pages


def test_display_name_prefers_the_name() -> None:
    assert detail.display_name({"name": " Acme "}, [], "use_1") == "Acme"
    assert detail.display_name({"firstName": "Jane"}, [], "use_1") == "Jane"
    assert detail.display_name({"name": 5}, [], "use_1") == "use_1"


def _observe(space: Space) -> None:
    for name, seen in (("Order Completed", 5), ("Order Refunded", 9), ("Signed Up", 1)):
        ObservedEvent.objects.create(space_id=space.pk, type=0, name=name, seen=seen, last_seen_at=factories.NOW)
    for scope, event_type, event, path, samples in (
        ("property", 0, "Order Completed", "revenue", [5, 7.5]),
        ("property", 0, "Signed Up", "plan", ["free"]),
        ("trait", 0, "", "email", ["jane@example.com"]),
        ("trait", 1, "", "industry", ["Retail"]),
    ):
        ObservedField.objects.create(
            space_id=space.pk,
            scope=scope,
            event_type=event_type,
            event_name=event,
            path=path,
            value_type="string",
            samples=samples,
            last_seen_at=factories.NOW,
        )


@pytest.mark.parametrize(
    ("query", "values"),
    [
        ({"kind": "event"}, ["Order Refunded", "Order Completed", "Signed Up"]),
        ({"kind": "event", "q": "order c"}, ["Order Completed"]),
        ({"kind": "event", "type": "page"}, []),
        ({"kind": "property", "event": "Order Completed"}, ["revenue"]),
        ({"kind": "property"}, ["plan", "revenue"]),
        ({"kind": "trait"}, ["email"]),
        ({"kind": "trait", "collection": "accounts"}, ["industry"]),
        ({"kind": "value", "event": "Order Completed", "path": "revenue"}, ["5", "7.5"]),
        ({"kind": "value", "path": "email", "q": "JANE"}, ["jane@example.com"]),
        ({"kind": "identifier"}, ["email", "user_id"]),
    ],
)
def test_type_ahead_offers_what_was_seen(
    query: dict[str, str], values: list[str], owner: User, space: Space, client_for: Browser
) -> None:
    _observe(space)
    factories.make_profile(space=space, ids=[("user_id", "u"), ("email", "a@b.example")])

    found = client_for(owner).get(f"/s/{space.slug}/profiles/observed.json", query).json()

    assert [option["value"] for option in found] == values


def test_type_ahead_refuses_an_unknown_kind(owner: User, space: Space, client_for: Browser) -> None:
    response = client_for(owner).get(f"/s/{space.slug}/profiles/observed.json?kind=nonsense")

    assert response.status_code == 400
    assert response.json()["code"] == "unknown_kind"


def test_samples_are_masked_without_the_right(space: Space, client_for: Browser) -> None:
    _observe(space)
    user = factories.make_member(workspace=space.workspace, role="user", has_pii_access=False).user
    client = client_for(user)

    traits = client.get(f"/s/{space.slug}/profiles/observed.json?kind=trait").json()
    values = client.get(f"/s/{space.slug}/profiles/observed.json?kind=value&path=email").json()

    assert "jane@example.com" not in json.dumps([traits, values])
    assert values[0]["value"] == "j••••@example.com"
