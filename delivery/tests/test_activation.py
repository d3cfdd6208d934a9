"""What a Customized Setup may hold: all problems at once, each at its field, and nothing changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from delivery.models import Connection
from delivery.services import connections, trait_sources
from delivery.services.connections import ComputationRef, ConnectionNotValidError
from delivery.services.samples import connected_of
from delivery.services.trait_sources import TraitSource, add_source, trait_options
from delivery.tests.builders import make_connection, make_destination
from destinations import catalog
from destinations.samples import Connected
from destinations.samples import sample_calls as samples_of
from spaces.models import AuditEntry, Space, User
from tests.factories import NOW, make_profile

COMPUTATION = ComputationRef(computation_class="audience", computation_id="aud_1", key="buyers", name="Buyers")
TRAIT = {"segment": "plan", "destination": "plan"}


@pytest.fixture
def known(space: Space) -> Space:
    """A space whose profiles have identifiers of these types."""
    types = ["user_id", "email", "phone", "crm_id", "anonymous_id"]
    make_profile(space=space, ids=[(name, f"{name}-1") for name in types])
    return space


def identifier(segment: str, destination: str = "", strategy: str = "all") -> dict[str, str]:
    return {"segment": segment, "destination": destination or segment, "strategy": strategy}


def refused(space: Space, connector: str = "webhook", **fields: Any) -> list[tuple[str, str]]:
    destination = make_destination(space=space, connector=connector)
    fields.setdefault("setup", "customized")
    with pytest.raises(ConnectionNotValidError) as caught:
        connections.connect(space=space, computation=COMPUTATION, destination=destination, actor=None, **fields)
    assert not Connection.objects.exists()
    return [(error.path, error.code) for error in caught.value.errors]


def test_everything_wrong_is_named_at_once(known: Space) -> None:
    found = refused(
        known,
        enter_event="",
        value_format="yes",
        setup="special",
        trait_mappings=[
            {"segment": "", "destination": "x"},
            {"segment": "plan", "destination": "buyers"},
            {"segment": "plan", "destination": "a.b"},
            {"segment": "plan", "destination": "a"},
            {"segment": "a..b", "destination": "trait_key"},
        ],
        identifier_mappings=[
            identifier("email", strategy="newest"),
            identifier("email"),
            identifier("loyalty_id"),
            identifier("phone", "a.b.c"),
        ],
    )

    assert found == [
        ("/enter_event", "required"),
        ("/value_format", "invalid"),
        ("/setup", "invalid"),
        ("/trait_mappings/0/segment", "required"),
        ("/trait_mappings/1/destination", "reserved"),
        ("/trait_mappings/3/destination", "duplicate"),
        ("/trait_mappings/4/segment", "invalid"),
        ("/trait_mappings/4/destination", "reserved"),
        ("/identifier_mappings/0/strategy", "unknown"),
        ("/identifier_mappings/1/segment", "duplicate"),
        ("/identifier_mappings/2/segment", "unknown"),
        ("/identifier_mappings/3/destination", "duplicate"),
    ]


@pytest.mark.parametrize(
    ("rows", "path", "code"),
    [
        ([5], "/trait_mappings/0", "invalid"),
        ([{"segment": "plan", "destination": 5}], "/trait_mappings/0/destination", "required"),
        ([{**TRAIT, "extra": "x"}], "/trait_mappings/0/extra", "unknown"),
        ([{"segment": "x" * 256, "destination": "y"}], "/trait_mappings/0/segment", "invalid"),
        ([{"segment": "x", "destination": "a\nb"}], "/trait_mappings/0/destination", "invalid"),
        ([TRAIT] * 101, "/trait_mappings", "too_many"),
    ],
)
def test_what_is_no_list_of_traits_is_refused(known: Space, rows: Any, path: str, code: str) -> None:
    assert refused(known, trait_mappings=rows) == [(path, code)]


def test_at_most_three_identifiers_send_all_values(known: Space) -> None:
    """F023: strategies first added, last added, all."""
    names = ["user_id", "email", "phone", "crm_id"]

    assert refused(known, identifier_mappings=[identifier(name) for name in names]) == [
        ("/identifier_mappings/3/strategy", "too_many")
    ]

    rows = [identifier(name) for name in names[:3]] + [identifier("crm_id", strategy="first")]
    made = connections.connect(
        space=known,
        computation=COMPUTATION,
        destination=make_destination(space=known),
        setup="customized",
        identifier_mappings=rows,
        actor=None,
    )
    assert made.identifier_mappings == rows


@pytest.mark.parametrize(
    ("connector", "takes_traits"), [("webhook", True), ("webhook_list", True), ("webhook_classic", False)]
)
def test_classic_destinations_take_identifiers_but_no_traits(known: Space, connector: str, takes_traits: bool) -> None:
    """F025."""
    connection = make_connection(space=known, destination=make_destination(space=known, connector=connector))
    identifiers = [identifier("email", strategy="last")]

    connections.update(connection=connection, actor=None, setup="customized", identifier_mappings=identifiers)
    try:
        connections.update(connection=connection, actor=None, trait_mappings=[TRAIT])
        problems = []
    except ConnectionNotValidError as error:
        problems = [(one.path, one.detail) for one in error.errors]

    connection.refresh_from_db()
    sentence = "Webhook is a classic destination, which takes no enriched traits. ID Sync works with it."
    assert problems == ([] if takes_traits else [("/trait_mappings", sentence)])
    assert connection.identifier_mappings == identifiers
    assert connection.trait_mappings == ([TRAIT] if takes_traits else [])


def test_lists_take_booleans_only(known: Space) -> None:
    assert refused(known, connector="webhook_list", value_format="string") == [("/value_format", "unsupported")]


def test_blanks_are_removed_and_names_default_to_those_of_the_segment(known: Space) -> None:
    connection = make_connection(space=known)

    connections.update(
        connection=connection,
        actor=None,
        setup="customized",
        trait_mappings=[{"segment": " address.city ", "destination": ""}],
        identifier_mappings=[{"segment": "email", "strategy": "last"}],
    )

    connection.refresh_from_db()
    assert connection.trait_mappings == [{"segment": "address.city", "destination": "address.city"}]
    assert connection.identifier_mappings == [identifier("email", strategy="last")]


def test_the_audit_trail_shows_what_changed(known: Space, owner: User) -> None:
    connection = make_connection(space=known)

    connections.update(
        connection=connection,
        actor=owner,
        setup="customized",
        trait_mappings=[TRAIT],
        value_format="string",
        include_audience_key=False,
    )

    entry = AuditEntry.objects.get(action="connection.updated")
    assert entry.after == {
        "setup": "customized",
        "trait_mappings": [TRAIT],
        "value_format": "string",
        "include_audience_key": False,
    }


def test_the_api_takes_and_returns_it_all(known: Space, owner: User, api_for: Callable[..., APIClient]) -> None:
    connection = make_connection(space=known)
    url = f"/api/v1/spaces/{known.slug}/connections/{connection.public_id}/"
    sent = {
        "setup": "customized",
        "trait_mappings": [TRAIT],
        "identifier_mappings": [identifier("email", "em", "last")],
        "value_format": "string",
        "include_audience_key": False,
        "send_mobile_ids": True,
    }

    answer = api_for(owner, known).patch(url, sent, format="json")

    assert answer.status_code == 200
    assert {name: answer.json()[name] for name in sent} == sent


def test_the_api_tells_all_problems_with_their_paths(
    known: Space, owner: User, api_for: Callable[..., APIClient]
) -> None:
    connection = make_connection(space=known)
    url = f"/api/v1/spaces/{known.slug}/connections/{connection.public_id}/"
    sent = {"setup": "customized", "trait_mappings": [{}], "identifier_mappings": [identifier("nope"), "x"]}

    answer = api_for(owner, known).patch(url, sent, format="json")

    connection.refresh_from_db()
    assert answer.status_code == 400
    assert [error["path"] for error in answer.json()["errors"]] == [
        "/trait_mappings/0/segment",
        "/trait_mappings/0/destination",
        "/identifier_mappings/1",
    ]
    assert connection.setup == "default"


def test_the_tester_sends_what_the_connection_would(known: Space) -> None:
    """F015: format, audience_key and enriched traits as well."""
    connection = make_connection(
        space=known,
        value_format="string",
        include_audience_key=False,
        setup="customized",
        trait_mappings=[TRAIT, {"segment": "city", "destination": "place.city"}],
    )
    definition = catalog.definition("webhook")
    assert definition is not None

    connected = Connected.from_query(connected_of(connection).query())

    entered, _exited = samples_of(space=known, definition=definition, connected=connected, now=NOW)
    assert entered["properties"] == {"plan": "sample", "place": {"city": "sample"}, "big_spenders": "true"}


@pytest.mark.parametrize("traits", ["{", "5", '[1, "", "a..b"]', '["' + "a." * 300 + 'a"]'])
def test_odd_traits_in_the_address_of_the_tester_are_left_out(traits: str) -> None:
    assert Connected.from_query({"computation_key": "k", "traits": traits}).traits == ()


def test_the_picker_groups_traits_by_what_makes_them(space: Space, monkeypatch: pytest.MonkeyPatch) -> None:
    """F022: sources are offered as they exist; what a computation writes is offered once."""
    option = {"label": "", "hint": ""}
    monkeypatch.setattr(trait_sources, "_sources", {})
    for kind, label, names in [
        ("custom", "Custom traits", ["plan", "revenue"]),
        ("computed", "Computed traits", ["revenue"]),
    ]:
        found = [{**option, "value": name} for name in names]
        add_source(TraitSource(kind=kind, label=label, find=lambda *_args, found=found: found))

    offered = trait_options(space, text="", shows_pii=True)

    assert [(one["value"], one["group"]) for one in offered] == [
        ("plan", "Custom traits"),
        ("revenue", "Computed traits"),
    ]
