"""The form of a connection: what it reads, what it refuses, and rows without script."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.http import QueryDict
from django.template.loader import render_to_string
from django.test import Client
from rest_framework.test import APIClient

from delivery.forms import ConnectionForm
from delivery.models import Connection
from delivery.services import connections
from delivery.services.connections import ComputationRef
from delivery.services.destination_traits import always_sent
from delivery.tests.builders import make_destination
from profiles.models import ObservedField
from spaces.models import AuditEntry, Space, User
from tests.factories import make_profile

EVENTS = {"c-enter_event": "Audience Entered", "c-exit_event": "Audience Exited"}
CUSTOMIZED = {**EVENTS, "c-send_track": "1", "c-include_audience_key": "1", "c-setup": "customized"}
TRAIT_ROW = {"c-trait_mappings-0-segment": "plan", "c-trait_mappings-0-destination": ""}


@pytest.fixture
def known(space: Space) -> Space:
    make_profile(space=space, ids=[("user_id", "U1"), ("email", "a@x.com")])
    return space


def posted(fields: dict[str, str]) -> QueryDict:
    data = QueryDict(mutable=True)
    data.update(fields)
    return data


def form_of(space: Space, fields: dict[str, str] | None, connector: str = "webhook", **options: Any) -> ConnectionForm:
    destination = make_destination(space=space, connector=connector)
    data = None if fields is None else posted(fields)
    return ConnectionForm(data, destination=destination, space=space, prefix="c", **options)


def shown(form: ConnectionForm) -> str:
    return render_to_string("delivery/_connection_form.html", {"form": form})


def test_a_new_connection_starts_with_the_default_setup(space: Space) -> None:
    """F026."""
    form = form_of(space, None)

    text = shown(form)

    assert not form.is_valid()
    assert form.values == {
        "send_identify": True,
        "send_track": True,
        "send_mobile_ids": False,
        "include_audience_key": True,
        "enter_event": "Audience Entered",
        "exit_event": "Audience Exited",
        "value_format": "boolean",
        "setup": "default",
        "trait_mappings": [],
        "identifier_mappings": [],
    }
    assert "Default Setup" in text
    assert "Customized Setup" in text


def test_values_are_ready_to_connect(known: Space) -> None:
    """F010, F024, F026: what is saved is what the form then shows."""
    fields = {
        **CUSTOMIZED,
        **TRAIT_ROW,
        "c-trait_mappings-7-segment": "address.city",
        "c-trait_mappings-7-destination": "city",
        "c-trait_mappings-9-segment": " ",
        "c-trait_mappings-9-destination": "",
        "c-identifier_mappings-0-segment": "email",
        "c-identifier_mappings-0-destination": "em",
        "c-identifier_mappings-0-strategy": "last",
        "c-value_format": "string",
    }
    form = form_of(known, fields)

    assert form.is_valid()
    computation = ComputationRef(computation_class="audience", computation_id="aud_1", key="buyers", name="Buyers")
    made = connections.connect(
        space=known, computation=computation, destination=form.destination, actor=None, **form.values
    )
    made.refresh_from_db()
    assert ConnectionForm.of(made) == {
        "send_identify": False,
        "send_track": True,
        "send_mobile_ids": False,
        "include_audience_key": True,
        "enter_event": "Audience Entered",
        "exit_event": "Audience Exited",
        "value_format": "string",
        "setup": "customized",
        "trait_mappings": [
            {"segment": "plan", "destination": "plan"},
            {"segment": "address.city", "destination": "city"},
        ],
        "identifier_mappings": [{"segment": "email", "destination": "em", "strategy": "last"}],
    }
    assert form_of(known, None, initial=ConnectionForm.of(made)).values == form.values


def test_problems_are_told_at_their_rows_after_blank_ones(known: Space) -> None:
    fields = {
        **CUSTOMIZED,
        "c-enter_event": "",
        "c-trait_mappings-0-segment": "",
        "c-trait_mappings-0-destination": "",
        "c-trait_mappings-1-segment": "plan",
        "c-trait_mappings-1-destination": "buyers",
        "c-identifier_mappings-3-segment": "loyalty",
        "c-identifier_mappings-3-strategy": "all",
    }
    form = form_of(known, fields, computation_key="buyers")

    assert not form.is_valid()
    assert sorted(form.errors) == [
        "/enter_event",
        "/identifier_mappings/0/segment",
        "/trait_mappings/0/destination",
    ]
    assert [message.target for message in form.summary] == [
        "id_c-enter_event",
        "id_c-trait_mappings-1-destination",
        "id_c-identifier_mappings-3-segment",
    ]
    assert 'id="id_c-trait_mappings-1-destination_error"' in shown(form)


def test_default_setup_leaves_stored_rows_alone(known: Space) -> None:
    stored = {"setup": "customized", "trait_mappings": [{"segment": "plan", "destination": "p"}]}
    fields = {**CUSTOMIZED, "c-setup": "default", "c-trait_mappings-0-destination": "x"}

    form = form_of(known, fields, initial=stored)

    assert form.is_valid()
    assert form.values["trait_mappings"] == stored["trait_mappings"]


@pytest.mark.parametrize(
    ("button", "rows"),
    [
        ("add:trait_mappings", [("plan", 0), ("", 1)]),
        ("remove:trait_mappings:0", []),
        ("remove:trait_mappings:5", [("plan", 0)]),
    ],
)
def test_rows_are_added_and_removed_without_script(known: Space, button: str, rows: list[tuple[str, int]]) -> None:
    form = form_of(known, {**CUSTOMIZED, **TRAIT_ROW, "c-rows": button})

    assert (form.wants_rows, form.is_valid(), form.errors) == (True, False, {})
    assert [(row.segment, row.number) for row in form.traits] == rows


def test_an_unknown_button_saves(known: Space) -> None:
    form = form_of(known, {**CUSTOMIZED, "c-rows": "add:secrets"})

    assert (form.wants_rows, form.is_valid()) == (False, True)


def test_a_classic_destination_shows_why_it_takes_no_traits(known: Space) -> None:
    """F025."""
    form = form_of(known, {**CUSTOMIZED, **TRAIT_ROW}, connector="webhook_classic")

    text = shown(form)

    assert form.is_valid()
    assert form.values["trait_mappings"] == []
    assert "which takes no enriched traits" in text
    assert 'value="add:identifier_mappings"' in text
    assert 'value="add:trait_mappings"' not in text


def test_a_list_takes_booleans(known: Space) -> None:
    form = form_of(known, {**CUSTOMIZED, "c-value_format": "string"}, connector="webhook_list")

    assert form.is_valid()
    assert form.values["value_format"] == "boolean"


def test_a_list_is_not_asked_for_calls_and_keeps_what_is_stored(known: Space) -> None:
    stored = {"send_identify": False, "exit_event": "Gone"}
    form = form_of(known, {"c-setup": "default", "c-send_mobile_ids": "1"}, connector="webhook_list", initial=stored)

    text = shown(form)

    asked = ("send_identify", "send_track", "enter_event", "exit_event", "value_format", "include_audience_key")
    assert [name for name in asked if f'name="c{name}"' in text or f'name="c-{name}"' in text] == []
    assert form.is_valid()
    assert (form.values["send_identify"], form.values["send_track"], form.values["exit_event"]) == (False, True, "Gone")
    assert form.values["send_mobile_ids"] is True


@pytest.mark.parametrize("fields", [{}, {"c-setup": "x" * 50, "c-value_format": "\0"}, {"c-enter_event": "\ud800"}])
def test_odd_posts_are_refused_with_sentences(known: Space, fields: dict[str, str]) -> None:
    form = form_of(known, fields)

    assert not form.is_valid()
    assert form.summary
    assert shown(form)


def test_odd_stored_rows_are_shown_as_far_as_they_are_rows(space: Space) -> None:
    odd = {"setup": "customized", "trait_mappings": [5, {"segment": "plan", "more": 1}], "identifier_mappings": None}

    form = form_of(space, None, initial=odd)

    assert [(row.segment, row.destination) for row in form.traits] == [("plan", "")]
    assert "plan" in shown(form)


def test_journeys_call_the_format_theirs(space: Space) -> None:
    assert "Journey value format" in shown(form_of(space, None, is_journey=True))


def test_an_admin_defines_what_a_destination_always_gets(
    space: Space, owner: User, viewer: User, client_for: Callable[[User], Client]
) -> None:
    """F094: without code."""
    destination = make_destination(space=space, connector="webhook_classic")
    url = f"/s/{space.slug}/delivery/destinations/{destination.public_id}/traits/"
    fields = {"trait_mappings-0-segment": "name", "trait_mappings-0-destination": "fullName"}

    refused = client_for(viewer).post(url, fields)
    saved = client_for(owner).post(url, fields)
    page = client_for(owner).get(url).content.decode()
    invalid = client_for(owner).post(url, {**fields, "trait_mappings-1-segment": "x..y"})

    assert (refused.status_code, saved.status_code, invalid.status_code) == (403, 302, 422)
    assert always_sent(destination) == [{"segment": "name", "destination": "fullName"}]
    assert 'value="fullName"' in page
    assert AuditEntry.objects.get(action="destination.traits_changed").after == {
        "always_sent": [{"segment": "name", "destination": "fullName"}]
    }


def test_the_api_defines_what_a_destination_always_gets(
    space: Space, owner: User, api_for: Callable[..., APIClient]
) -> None:
    """F094."""
    destination = make_destination(space=space)
    url = f"/api/v1/spaces/{space.slug}/destinations/{destination.public_id}/traits/"
    api = api_for(owner, space)

    saved = api.put(url, {"trait_mappings": [{"segment": "name"}]}, format="json")
    refused = api.put(url, {"trait_mappings": [{"segment": ""}, 5]}, format="json")

    assert saved.json() == {"trait_mappings": [{"segment": "name", "destination": "name"}]}
    assert api.get(url).json() == saved.json()
    assert refused.status_code == 400
    assert [error["path"] for error in refused.json()["errors"]] == [
        "/trait_mappings/0/destination",
        "/trait_mappings/1",
    ]


def test_traits_are_suggested_under_their_group(
    space: Space, owner: User, client_for: Callable[[User], Client]
) -> None:
    """F022."""
    ObservedField.objects.create(
        space_id=space.pk,
        scope="trait",
        event_type=0,
        event_name="",
        path="plan",
        value_type="string",
        samples=["gold"],
        last_seen_at="2026-01-01T00:00:00Z",
    )

    found = client_for(owner).get(f"/s/{space.slug}/delivery/traits.json?q=pl").json()

    assert [(option["value"], option["kind"], option["group"]) for option in found] == [
        ("plan", "custom", "Custom traits")
    ]


def test_a_connection_of_a_lost_connector_is_refused_with_a_sentence(known: Space) -> None:
    form = form_of(known, CUSTOMIZED)
    form.destination.connector = "gone"

    assert not form.is_valid()
    assert list(form.errors) == ["/destination"]
    assert not Connection.objects.exists()
