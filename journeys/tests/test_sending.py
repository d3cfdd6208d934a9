"""The destinations of a step that sends, edited in a draft and in what is live."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from delivery.models import Connection, Delivery
from destinations.models import Destination
from destinations.tests.builders import make_destination
from journeys.models import JourneyVersion
from journeys.services.drafts import create_journey
from journeys.services.sending import sending_step
from journeys.tests.factories import make_definition
from spaces.models import Space, User

Browser = Callable[[User], Client]
LIST = {"connector": "webhook_list", "settings": {"url": "https://example.org/list"}}


@pytest.fixture
def version(space: Space, owner: User) -> JourneyVersion:
    """A draft of "First purchase" with an empty Send step and an empty ad."""
    definition = make_definition(
        {"id": "mail", "type": "send_to_destinations", "after": "entry", "name": "Opened email", "connections": []},
        {"id": "ad", "type": "show_ad", "after": "mail", "connections": [], "remove_after": None},
        name="First purchase",
    )
    return create_journey(space=space, name="First purchase", definition=definition, created_by=owner)


def _url(version: JourneyVersion, step: str = "mail", rest: str = "") -> str:
    journey = version.journey
    return f"/s/{journey.space.slug}/journeys/{journey.public_id}/steps/{step}/destinations/{rest}"


def _specs(version: JourneyVersion, step: str = "mail") -> list[dict[str, Any]]:
    version.refresh_from_db()
    found = sending_step(version, step)
    assert found is not None
    specs: list[dict[str, Any]] = found["connections"]
    return specs


def _connect(browser: Client, version: JourneyVersion, *destinations: Destination, step: str = "mail") -> Any:
    return browser.post(_url(version, step), {"destination": [one.public_id for one in destinations]})


def test_only_enabled_destinations_of_the_space_are_offered(
    space: Space, owner: User, client_for: Browser, version: JourneyVersion
) -> None:
    """F002: connected and enabled ones; event and list types under headings of their own."""
    make_destination(space=space, name="CRM")
    make_destination(space=space, name="Ads", **LIST)
    make_destination(space=space, name="Resting", is_enabled=False)

    page = client_for(owner).get(_url(version)).content.decode()

    assert "CRM" in page
    assert "Send as User List" in page
    assert "Ads" in page
    assert "Resting" not in page


def test_without_any_destination_the_page_leads_to_the_catalog(
    space: Space, owner: User, client_for: Browser, version: JourneyVersion
) -> None:
    """F002."""
    page = client_for(owner).get(_url(version)).content.decode()

    assert "No destination yet" in page
    assert f"/s/{space.slug}/destinations/new/" in page


def test_an_ad_is_offered_lists_only(space: Space, owner: User, client_for: Browser, version: JourneyVersion) -> None:
    make_destination(space=space, name="Support desk")
    make_destination(space=space, name="Acme remarketing", **LIST)

    page = client_for(owner).get(_url(version, "ad")).content.decode()

    assert "Acme remarketing" in page
    assert "Support desk" not in page


def test_several_destinations_are_connected_at_once_and_kept(
    space: Space, owner: User, client_for: Browser, version: JourneyVersion
) -> None:
    """F001, F009, F010: saved with the step, shown again, and nothing is sent from a draft."""
    crm, ads = make_destination(space=space, name="CRM"), make_destination(space=space, name="Ads", **LIST)
    browser = client_for(owner)

    answer = _connect(browser, version, crm, ads)

    assert answer.status_code == 302
    assert _specs(version) == [
        {"destination": crm.public_id, "send_identify": True, "send_track": True},
        {"destination": ads.public_id, "send_identify": True, "send_track": True},
    ]
    assert not Connection.objects.exists()
    assert not Delivery.objects.exists()


def test_choosing_nothing_is_said_at_the_form(
    space: Space, owner: User, client_for: Browser, version: JourneyVersion
) -> None:
    make_destination(space=space)

    answer = client_for(owner).post(_url(version))

    assert answer.status_code == 422
    assert "Choose at least one destination." in answer.content.decode()
    assert _specs(version) == []


def test_a_destination_disabled_meanwhile_is_refused_and_nothing_changes(
    space: Space, owner: User, client_for: Browser, version: JourneyVersion
) -> None:
    gone = make_destination(space=space, is_enabled=False)

    answer = _connect(client_for(owner), version, gone)

    assert answer.status_code == 422
    assert _specs(version) == []


def test_settings_are_saved_and_shown_again(
    space: Space, owner: User, client_for: Browser, version: JourneyVersion
) -> None:
    """F010, F024, F026, F052: calls, event names, value format and Customized Setup of one destination."""
    crm = make_destination(space=space, name="CRM")
    browser = client_for(owner)
    _connect(browser, version, crm)

    answer = browser.post(
        _url(version, rest=f"{crm.public_id}/"),
        {
            "connection-send_track": "on",
            "connection-enter_event": "Got here",
            "connection-exit_event": "Left here",
            "connection-value_format": "string",
            "connection-setup": "customized",
            "connection-trait_mappings-0-segment": "plan",
            "connection-trait_mappings-0-destination": "tier",
        },
    )
    page = browser.get(_url(version, rest=f"{crm.public_id}/")).content.decode()

    assert answer.status_code == 302
    assert _specs(version) == [
        {
            "destination": crm.public_id,
            "send_identify": False,
            "send_track": True,
            "enter_event": "Got here",
            "exit_event": "Left here",
            "value_format": "string",
            "include_audience_key": False,
            "setup": "customized",
            "traits": [{"segment": "plan", "destination": "tier"}],
        }
    ]
    assert "Got here" in page
    assert 'value="tier"' in page


def test_settings_that_cannot_be_sent_are_refused_at_their_fields(
    space: Space, owner: User, client_for: Browser, version: JourneyVersion
) -> None:
    crm = make_destination(space=space, name="CRM")
    browser = client_for(owner)
    _connect(browser, version, crm)
    before = _specs(version)

    answer = browser.post(_url(version, rest=f"{crm.public_id}/"), {"connection-enter_event": "Same"})

    assert answer.status_code == 422
    assert "Choose at least one call" in answer.content.decode()
    assert _specs(version) == before


def test_an_event_destination_has_a_tester_with_the_steps_key_and_a_list_has_none(
    space: Space, owner: User, client_for: Browser, version: JourneyVersion
) -> None:
    """F013, F014, F021: in a draft that was never published."""
    crm, ads = make_destination(space=space, name="CRM"), make_destination(space=space, name="Ads", **LIST)
    browser = client_for(owner)
    _connect(browser, version, crm, ads)

    event = browser.get(_url(version, rest=f"{crm.public_id}/?tab=tester"))
    listed = browser.get(_url(version, rest=f"{ads.public_id}/?tab=tester"))

    assert "j_o_first_purchase__opened_email_" in event.context["tester_url"]
    assert "Event tester" in event.content.decode()
    assert "Event tester" not in listed.content.decode()


def test_the_mappings_that_take_the_steps_calls_lead_to_their_editor_and_back(
    space: Space, owner: User, client_for: Browser, version: JourneyVersion
) -> None:
    """F161, F162, F164 from a step that sends."""
    crm, ads = make_destination(space=space, name="CRM"), make_destination(space=space, name="Ads", **LIST)
    browser = client_for(owner)
    _connect(browser, version, crm, ads)

    shown = browser.get(_url(version, rest=f"{crm.public_id}/?tab=mappings")).content.decode()
    listed = browser.get(_url(version, rest=f"{ads.public_id}/?tab=mappings")).content.decode()
    mapping = crm.mappings.get()
    toggle = f"/s/{space.slug}/destinations/{crm.public_id}/mappings/{mapping.public_id}/toggle/"
    back = f"{_url(version, rest=crm.public_id)}/?version=1&tab=mappings"
    answer = browser.post(toggle, {"enabled": "0", "return_to": back})

    assert shown.count('data-test="connection.mapping"') == 1
    assert "Add mapping" in shown
    assert "computation_key=j_o_first_purchase__opened_email_" in shown
    assert "Matching mappings" not in listed
    assert answer["Location"] == back


def test_a_destination_is_removed_from_the_step_only(
    space: Space, owner: User, client_for: Browser, version: JourneyVersion
) -> None:
    crm = make_destination(space=space, name="CRM")
    browser = client_for(owner)
    _connect(browser, version, crm)

    browser.post(_url(version, rest=f"{crm.public_id}/remove/"))

    assert _specs(version) == []
    crm.refresh_from_db()
    assert crm.deleted_at is None


def test_a_deleted_destination_can_be_taken_off(
    space: Space, owner: User, client_for: Browser, version: JourneyVersion
) -> None:
    crm = make_destination(space=space, name="CRM")
    browser = client_for(owner)
    _connect(browser, version, crm)
    Destination.objects.filter(pk=crm.pk).update(deleted_at="2026-01-01T00:00:00Z")

    page = browser.get(_url(version, rest=f"{crm.public_id}/"))
    browser.post(_url(version, rest=f"{crm.public_id}/remove/"))

    assert page.status_code == 404
    assert _specs(version) == []


def test_a_step_that_sends_nothing_and_a_viewers_edit_are_refused(
    space: Space, owner: User, viewer: User, client_for: Browser, version: JourneyVersion
) -> None:
    crm = make_destination(space=space, name="CRM")

    assert client_for(owner).get(_url(version, "nothing")).status_code == 404
    assert _connect(client_for(viewer), version, crm).status_code == 403
    assert _specs(version) == []
