"""Enriched traits and payload formats in the calls that are queued (destinations-and-sync.md §3.3, §6)."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from delivery.models import Connection, DestinationTraits
from delivery.tests.builders import make_connection, make_destination, rows
from delivery.tests.emitting import emit, payloads
from destinations import catalog
from destinations.services.mappings import set_mapping_enabled, update_mapping
from spaces.models import Space
from tests.factories import make_profile

KEY = "j_o_first_purchase__opened_email_dje83h"
JOURNEY = {"computation_key": KEY}


def traits(*names: str) -> dict[str, Any]:
    """A Customized Setup with traits written as `segment>destination`."""
    pairs = [name.partition(">") for name in names]
    return {
        "setup": "customized",
        "trait_mappings": [{"segment": segment, "destination": other or segment} for segment, _, other in pairs],
    }


def bodies(connection: Connection) -> list[dict[str, Any]]:
    return [call["properties" if call["type"] == "track" else "traits"] for call in payloads(connection)]


def test_a_mapped_trait_is_in_both_calls(space: Space) -> None:
    """F027."""
    connection = make_connection(space=space, send_identify=True, **traits("plan"))
    profile = make_profile(space=space, traits={"plan": "gold", "city": "Oslo"})

    emit(space, profile, True)

    identify, track = payloads(connection)
    assert identify["traits"] == {"plan": "gold", "big_spenders": True}
    assert track["properties"] == {"plan": "gold", "audience_key": "big_spenders", "big_spenders": True}


def test_values_keep_their_types_and_a_missing_one_is_left_out(space: Space) -> None:
    names = ["total", "is_vip", "tags", "address.city>city", "address.zip>zip", "address>place.address", "none", "gone"]
    connection = make_connection(space=space, **traits(*names))
    stored = {
        "total": 450.5,
        "is_vip": False,
        "tags": ["a\\b", 'q"é\n'],
        "address": {"city": "São\tPaulo"},
        "none": None,
        "x": 1,
    }

    emit(space, make_profile(space=space, traits=stored), True)

    [found] = bodies(connection)
    assert found == {
        "total": 450.5,
        "is_vip": False,
        "tags": ["a\\b", 'q"é\n'],
        "city": "São\tPaulo",
        "place": {"address": {"city": "São\tPaulo"}},
        "audience_key": "big_spenders",
        "big_spenders": True,
    }


def test_the_value_is_that_of_the_moment(space: Space) -> None:
    connection = make_connection(space=space, **traits("plan"))
    profile = make_profile(space=space, traits={"plan": "gold"})
    emit(space, profile, True)
    rows('UPDATE profile SET traits = \'{"plan": "silver"}\' WHERE id = %s RETURNING 1', profile.id)

    emit(space, profile, False)

    assert [body["plan"] for body in bodies(connection)] == ["gold", "silver"]


def test_the_identifier_wins_over_a_trait_of_its_name(space: Space) -> None:
    connection = make_connection(space=space, send_identify=True, **traits("email"))
    profile = make_profile(space=space, ids=[("email", "a@x.com")], traits={"email": "old@x.com"})

    emit(space, profile, True)

    identify, track = payloads(connection)
    assert identify["traits"]["email"] == "a@x.com"
    assert (track["context"]["traits"]["email"], track["properties"]["email"]) == ("a@x.com", "old@x.com")


def test_default_setup_sends_no_trait(space: Space) -> None:
    connection = make_connection(space=space, **{**traits("plan"), "setup": "default"})

    emit(space, make_profile(space=space, traits={"plan": "gold"}), True)

    assert bodies(connection) == [{"audience_key": "big_spenders", "big_spenders": True}]


def test_all_connections_read_traits_in_one_query(
    space: Space, django_assert_max_num_queries: Callable[..., Any]
) -> None:
    connections = [make_connection(space=space, **traits(name)) for name in ("plan", "city")]
    profile = make_profile(space=space, traits={"plan": "gold", "city": "Oslo"})

    with django_assert_max_num_queries(100) as queries:
        emit(space, profile, True)

    assert len([query for query in queries if "FROM profile p" in query["sql"]]) == 1
    assert [sorted(bodies(one)[0]) for one in connections] == [
        ["audience_key", "big_spenders", "plan"],
        ["audience_key", "big_spenders", "city"],
    ]


def test_without_enrichment_no_traits_are_read(space: Space, django_assert_max_num_queries: Callable[..., Any]) -> None:
    make_connection(space=space)

    with django_assert_max_num_queries(100) as queries:
        emit(space, make_profile(space=space, traits={"plan": "gold"}), True)

    assert [query for query in queries if "FROM profile p" in query["sql"]] == []


def test_lists_get_traits_and_identifiers_too(space: Space) -> None:
    destination = make_destination(space=space, connector="webhook_list")
    setup = traits("plan") | {
        "identifier_mappings": [{"segment": "crm_id", "destination": "customer", "strategy": "all"}]
    }
    connection = make_connection(space=space, destination=destination, **setup)
    profile = make_profile(space=space, ids=[("user_id", "U1"), ("crm_id", "C1")], traits={"plan": "gold"})

    emit(space, profile, True)

    [(id_type, id_value, payload)] = rows(
        "SELECT id_type, id_value, payload FROM list_change WHERE connection_id = %s", connection.pk
    )
    assert (id_type, id_value) == ("crm_id", "C1")
    assert json.loads(payload)["properties"] == {
        "plan": "gold",
        "customer": "C1",
        "audience_key": "big_spenders",
        "big_spenders": True,
    }


def test_what_a_destination_needs_is_sent_when_the_profile_has_it(
    space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F093: as Zendesk needs `name`."""
    definition = catalog.definition("webhook_classic")
    assert definition is not None
    zendesk = replace(definition, required_traits=("name", "firstName"))
    monkeypatch.setattr(catalog, "definition", lambda slug: zendesk)
    connection = make_connection(space=space, destination=make_destination(space=space, connector="webhook_classic"))

    emit(space, make_profile(space=space, traits={"name": "Ada", "plan": "gold"}), True)
    emit(space, make_profile(space=space), True)

    assert [body.get("name") for body in bodies(connection)] == ["Ada", None]
    assert all("firstName" not in body for body in bodies(connection))


def test_what_an_admin_defined_for_a_destination_is_sent_by_all_its_connections(space: Space) -> None:
    """F094."""
    destination = make_destination(space=space, connector="webhook_classic")
    DestinationTraits.objects.create(destination=destination, traits=[{"segment": "name", "destination": "fullName"}])
    connection = make_connection(space=space, destination=destination)
    other = make_connection(space=space)

    emit(space, make_profile(space=space, traits={"name": "Ada"}), True)

    assert bodies(connection)[0]["fullName"] == "Ada"
    assert "fullName" not in bodies(other)[0]


def test_journey_track_in_the_older_shape(space: Space) -> None:
    """F046: value format string, audience_key off."""
    connection = make_connection(space=space, value_format="string", include_audience_key=False, **JOURNEY)
    profile = make_profile(space=space)

    emit(space, profile, True)
    emit(space, profile, False)

    entered, exited = payloads(connection)
    assert entered["properties"] == {KEY: "true"}
    assert exited["properties"] == {KEY: "false"}
    assert entered["context"]["personas"]["computation_class"] == "audience"
    assert (entered["type"], entered["event"]) == ("track", "Audience Entered")


def test_journey_identify_in_the_older_shape(space: Space) -> None:
    """F047."""
    connection = make_connection(
        space=space, send_identify=True, send_track=False, value_format="string", include_audience_key=False, **JOURNEY
    )

    emit(space, make_profile(space=space), True)

    [call] = payloads(connection)
    assert (call["type"], call["traits"]) == ("identify", {KEY: "true"})


def test_journey_calls_as_they_are_by_default(space: Space) -> None:
    """F047, F048, F049, F050, F051."""
    connection = make_connection(space=space, send_identify=True, **JOURNEY)
    profile = make_profile(space=space, ids=[("user_id", "U1")])

    emit(space, profile, True)
    emit(space, profile, False)

    calls = payloads(connection)
    assert [call["userId"] for call in calls] == ["U1"] * 4
    assert [(call["type"], call.get("event")) for call in calls] == [
        ("identify", None),
        ("track", "Audience Entered"),
        ("identify", None),
        ("track", "Audience Exited"),
    ]
    assert bodies(connection) == [
        {KEY: True},
        {"audience_key": KEY, KEY: True},
        {KEY: False},
        {"audience_key": KEY, KEY: False},
    ]


@pytest.mark.parametrize(
    ("identify", "track", "kinds"),
    [(True, False, ["identify"]), (False, True, ["track"]), (True, True, ["identify", "track"])],
)
def test_the_chosen_calls_go_out(space: Space, identify: bool, track: bool, kinds: list[str]) -> None:
    """F052."""
    connection = make_connection(space=space, send_identify=identify, send_track=track)

    emit(space, make_profile(space=space), True)

    assert [call["type"] for call in payloads(connection)] == kinds


def test_enabled_mappings_ask_for_traits(space: Space) -> None:
    """ux.md §6, Enrich: while a mapping is enabled, calls to its destination carry the traits it asks for."""
    connection = make_connection(space=space, send_identify=True)
    mapping = connection.destination.mappings.get()
    update_mapping(mapping=mapping, actor=None, enrichments=["plan", "address.city"])
    profile = make_profile(space=space, traits={"plan": "gold", "address": {"city": "Oslo"}, "secret": "x"})

    emit(space, profile, True)
    identify, track = payloads(connection)
    set_mapping_enabled(mapping=mapping, actor=None, is_enabled=False)
    emit(space, profile, False)

    assert identify["traits"] == {"plan": "gold", "address": {"city": "Oslo"}, "big_spenders": True}
    assert track["properties"]["plan"] == "gold"
    assert payloads(connection)[2]["traits"] == {"big_spenders": False}
