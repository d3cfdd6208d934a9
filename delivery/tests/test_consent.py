"""Accounts connected in the browser, destinations resumed, settings tested before they are saved."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client
from rest_framework.test import APIClient

from common.secrets import decrypt, encrypt
from delivery.tests.vendors import Vendor, running_vendor
from destinations import catalog
from destinations.kit.testing import Rule, answer
from destinations.models import Destination
from destinations.services.destinations import create_destination
from destinations.services.tokens import pause_destination
from spaces.models import AuditEntry, Member, Role, Space, User

TOKEN = "https://api.pinterest.com/v5/oauth/token"
ClientFor = Callable[[User], Client]


@pytest.fixture
def vendor(settings: Any) -> Iterator[Vendor]:
    with running_vendor() as opened:
        settings.ENGAGE_SEND_TO = opened.address
        yield opened


@pytest.fixture
def pinterest(space: Space) -> Destination:
    return create_destination(
        space=space,
        actor=None,
        connector="pinterest_audiences",
        name="Pinterest",
        settings={"adAccountId": "549", "oauth_client_id": "app", "oauth_client_secret": "hush"},
    )


def begin(client: Client, destination: Destination) -> dict[str, str]:
    """The query that the browser is sent to the vendor with."""
    sent = client.get(f"/s/{destination.space.slug}/destinations/{destination.public_id}/account/")
    assert sent.status_code == 302
    return {key: values[0] for key, values in parse_qs(urlsplit(sent["Location"]).query).items()}


def test_an_account_is_connected_and_its_tokens_are_stored_encrypted(
    client_for: ClientFor, owner: User, pinterest: Destination, vendor: Vendor
) -> None:
    vendor.responses = [Rule(url=TOKEN, response=answer(200, {"access_token": "pina_1", "refresh_token": "pinr_1"}))]
    pause_destination(destination_id=pinterest.pk, reason="Signing in failed.")
    client = client_for(owner)

    query = begin(client, pinterest)
    back = client.get("/oauth/callback/", {"code": "c0de", "state": query["state"]}, follow=True)

    stored = Destination.objects.get()
    assert query["client_id"] == "app"
    assert query["redirect_uri"].endswith("/oauth/callback/")
    assert (query["response_type"], query["scope"]) == ("code", "ads:read,ads:write")
    [(call, body)] = vendor.calls()
    assert call == f"POST {TOKEN}"
    assert body == {"code": "c0de", "redirect_uri": query["redirect_uri"], "grant_type": "authorization_code"}
    assert b"pina_1" not in bytes(stored.token)
    assert decrypt(stored.token)["access_token"] == "pina_1"
    assert decrypt(stored.token)["refresh_token"] == "pinr_1"
    assert stored.paused_at is None
    assert "An account is connected to Pinterest." in back.content.decode()
    assert AuditEntry.objects.filter(action="destination.account_connected").count() == 1


def test_a_state_works_once_and_only_in_the_browser_that_began(
    client_for: ClientFor, owner: User, pinterest: Destination, vendor: Vendor
) -> None:
    vendor.responses = [Rule(url=TOKEN, response=answer(200, {"access_token": "pina_1"}))]
    client, other = client_for(owner), client_for(owner)
    state = begin(client, pinterest)["state"]

    elsewhere = other.get("/oauth/callback/", {"code": "c", "state": state})
    changed = client.get("/oauth/callback/", {"code": "c", "state": f"{state}x"})
    first = client.get("/oauth/callback/", {"code": "c", "state": state})
    second = client.get("/oauth/callback/", {"code": "c", "state": state})

    assert [elsewhere.status_code, changed.status_code, first.status_code, second.status_code] == [404, 404, 302, 404]
    assert len(vendor.calls()) == 1


def test_a_refusal_of_the_vendor_is_quoted(
    client_for: ClientFor, owner: User, pinterest: Destination, vendor: Vendor
) -> None:
    vendor.responses = [Rule(url=TOKEN, response=answer(400, {"error_description": "code expired"}))]
    client = client_for(owner)

    denied = client.get(
        "/oauth/callback/", {"error": "access_denied", "state": begin(client, pinterest)["state"]}, follow=True
    )
    refused = client.get("/oauth/callback/", {"code": "c", "state": begin(client, pinterest)["state"]}, follow=True)

    assert "No account was connected: access_denied." in denied.content.decode()
    assert "code expired" in refused.content.decode()
    assert bytes(Destination.objects.get().token) == b""


def test_who_lost_the_right_meanwhile_connects_nothing(
    client_for: ClientFor, owner: User, pinterest: Destination, vendor: Vendor
) -> None:
    client = client_for(owner)
    state = begin(client, pinterest)["state"]
    Member.objects.filter(user=owner).update(role=Role.READ_ONLY)

    answered = client.get("/oauth/callback/", {"code": "c", "state": state})

    assert answered.status_code == 404
    assert vendor.calls() == []


def test_without_a_client_nobody_is_sent_away(client_for: ClientFor, owner: User, space: Space) -> None:
    destination = create_destination(
        space=space, actor=None, connector="pinterest_audiences", name="P", settings={"adAccountId": "549"}
    )

    page = client_for(owner).get(f"/s/{space.slug}/destinations/{destination.public_id}/account/", follow=True)

    assert "Give the client ID and secret of your app in the settings first" in page.content.decode()


@pytest.mark.parametrize(
    "slug",
    [
        "facebook_custom_audiences",
        "facebook_custom_audiences_website",
        "google_ads_remarketing_lists",
        "google_display_video_360_customer_match",
        "hubspot",
        "pardot",
        "pinterest_audiences",
        "salesforce",
        "snapchat_audiences",
    ],
)
def test_connectors_of_the_authorization_code_flow_connect_accounts(slug: str) -> None:
    definition = catalog.definition(slug)
    assert definition is not None
    assert definition.auth is not None

    assert definition.auth.consent is not None
    assert definition.auth.exchange is not None
    assert [one.required for one in definition.settings if one.key == "oauth_access_token"] == [False]


@pytest.fixture
def paused(pinterest: Destination) -> Destination:
    pause_destination(destination_id=pinterest.pk, reason="Signing in failed: the destination answered 400.")
    pinterest.refresh_from_db()
    return pinterest


def test_a_paused_destination_says_why_and_is_resumed(client_for: ClientFor, owner: User, paused: Destination) -> None:
    client = client_for(owner)
    url = f"/s/{paused.space.slug}/destinations/{paused.public_id}/"

    page = client.get(url).content.decode()
    after = client.post(f"{url}resume/", follow=True).content.decode()

    assert "Signing in failed: the destination answered 400." in page
    assert 'data-test="destination.resume"' in page
    assert 'data-test="destination.resume"' not in after
    assert Destination.objects.get().paused_at is None


def test_the_api_tells_of_a_pause_and_ends_it(
    api_for: Callable[..., APIClient], owner: User, paused: Destination
) -> None:
    client = api_for(owner, paused.space)
    url = f"/api/v1/spaces/{paused.space.slug}/destinations/{paused.public_id}/"

    before = client.get(url).json()
    resumed = client.post(f"{url}resume/").json()

    assert before["pause_reason"] == "Signing in failed: the destination answered 400."
    assert (resumed["paused_at"], resumed["pause_reason"]) == (None, "")
    assert AuditEntry.objects.filter(action="destination.resumed").count() == 1


def test_settings_are_tested_before_they_are_saved(
    client_for: ClientFor, owner: User, space: Space, vendor: Vendor
) -> None:
    vendor.responses = [Rule(response=answer(403, {"message": "bad key"}))]
    url = f"/s/{space.slug}/destinations/new/sendgrid/"
    typed = {"name": "SendGrid", "setting_sendGridApiKey": "SG.wrong", "check": "1"}

    refused = client_for(owner).post(url, typed)
    vendor.responses = []
    accepted = client_for(owner).post(url, typed)

    assert "did not accept these settings" in refused.content.decode()
    assert "accepted these settings" in accepted.content.decode()
    assert Destination.objects.count() == 0


def test_wrong_settings_are_told_at_their_fields_and_nothing_is_asked(
    client_for: ClientFor, owner: User, space: Space, vendor: Vendor
) -> None:
    answered = client_for(owner).post(
        f"/s/{space.slug}/destinations/new/pinterest_audiences/", {"name": "", "check": "1"}
    )

    html = answered.content.decode()
    assert answered.status_code == 422
    assert 'href="#id_name"' in html
    assert 'href="#id_setting_adAccountId"' in html
    assert vendor.calls() == []


def test_stored_settings_are_tested_over_rest(
    api_for: Callable[..., APIClient], owner: User, pinterest: Destination, vendor: Vendor
) -> None:
    vendor.responses = [Rule(response=answer(200, {"id": "549"}))]
    Destination.objects.update(secrets=_with_token(pinterest))
    client = api_for(owner, pinterest.space)

    answered = client.post(f"/api/v1/spaces/{pinterest.space.slug}/destinations/{pinterest.public_id}/check/")

    assert answered.json() == {"accepted": True, "detail": "", "status": 200}


def _with_token(destination: Destination) -> bytes:
    return encrypt({**decrypt(destination.secrets), "oauth_access_token": "pina_0"})
