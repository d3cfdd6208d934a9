"""Hooks of mappings: what a mapping needs at the vendor is made or chosen in the editor, and kept when it is saved."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from pytest_httpserver import HTTPServer
from rest_framework.test import APIClient

from destinations.catalog import definition
from destinations.hook_forms import HookForm
from destinations.mapping_forms import MappingForm
from destinations.models import Destination
from destinations.tests.builders import make_destination
from spaces.models import Space, User

Browser = Callable[[User], Client]
HOOK = "retlOnMappingSave"
MADE = {
    "inputs": {"operation": "create", "audienceName": "VIPs"},
    "outputs": {"audienceName": "VIPs", "audienceId": "7"},
}


@pytest.fixture
def facebook(space: Space, httpserver: HTTPServer, settings: Any) -> Destination:
    settings.ENGAGE_SEND_TO = httpserver.url_for("").removeprefix("http://").rstrip("/")
    return make_destination(
        space=space,
        connector="facebook_custom_audiences",
        settings={"retlAdAccountId": "42", "oauth_access_token": "token"},
    )


def url_of(destination: Destination) -> str:
    base = f"/s/{destination.space.slug}/destinations/{destination.public_id}/mappings"
    return f"{base}/{destination.mappings.get().public_id}/"


def posted(destination: Destination, do: str, **changes: str) -> dict[str, str]:
    row = destination.mappings.get()
    fields = {key: str(value) for key, value in MappingForm.initial_for(row.fields).items() if key.startswith("field_")}
    return {
        "action": row.action,
        "name": row.name,
        "trigger": row.trigger,
        "event": "{}",
        "do": do,
        **fields,
        **changes,
    }


def carried(page: str) -> str:
    """What the page holds of the hook's result until it is saved."""
    tag = re.search(rf'<input[^>]*name="hook_{HOOK}"[^>]*>', page)
    assert tag is not None
    value = re.search(r'value="([^"]*)"', tag.group())
    return html.unescape(value.group(1)) if value else ""


def test_a_list_is_made_while_editing_and_kept_by_saving(
    facebook: Destination, owner: User, client_for: Browser, httpserver: HTTPServer
) -> None:
    httpserver.expect_ordered_request("/v24.0/act_42/customaudiences", method="POST").respond_with_json({"id": "7"})
    client = client_for(owner)
    typed = {f"{HOOK}-operation": "create", f"{HOOK}-audienceName": "VIPs"}

    page = client.post(url_of(facebook), posted(facebook, f"hook:{HOOK}", **typed)).content.decode()
    before = facebook.mappings.get().fields.get(HOOK)
    saved = client.post(url_of(facebook), posted(facebook, "save", **typed, **{f"hook_{HOOK}": carried(page)}))
    shown = client.get(url_of(facebook)).content.decode()

    assert (before, saved.status_code) == (None, 302)
    assert facebook.mappings.get().fields[HOOK] == MADE
    assert 'data-test="mapping.hook-found"' in shown
    assert '<dd class="mono">7</dd>' in shown


def test_saving_other_things_keeps_what_the_hook_made(facebook: Destination, owner: User, client_for: Browser) -> None:
    row = facebook.mappings.get()
    row.fields = {**row.fields, HOOK: MADE}
    row.save()
    client = client_for(owner)
    page = client.get(url_of(facebook)).content.decode()

    client.post(url_of(facebook), posted(facebook, "save", name="Renamed", **{f"hook_{HOOK}": carried(page)}))

    row.refresh_from_db()
    assert (row.name, row.fields[HOOK]) == ("Renamed", MADE)


def test_what_the_vendor_refuses_is_said_and_nothing_is_kept(
    facebook: Destination, owner: User, client_for: Browser, httpserver: HTTPServer
) -> None:
    answer = {"error": {"message": "Unknown audience", "code": 100}}
    httpserver.expect_request("/v24.0/9").respond_with_json(answer, status=400)
    typed = {f"{HOOK}-operation": "existing", f"{HOOK}-existingAudienceId": "9"}

    page = client_for(owner).post(url_of(facebook), posted(facebook, f"hook:{HOOK}", **typed)).content.decode()

    assert "Facebook: Unknown audience." in page
    assert carried(page) in ("", "null")
    assert 'data-test="mapping.hook-found"' not in page


def test_a_missing_input_is_named_at_its_field(facebook: Destination, owner: User, client_for: Browser) -> None:
    typed = {f"{HOOK}-operation": "existing", f"{HOOK}-existingAudienceId": ""}

    page = client_for(owner).post(url_of(facebook), posted(facebook, f"hook:{HOOK}", **typed)).content.decode()

    assert "Audience ID is required." in page


def test_columns_of_a_data_extension_are_typed_one_a_line(space: Space) -> None:
    found = definition("salesforce_marketing_cloud")
    assert found is not None
    action = found.action("dataExtensionV2")
    assert action is not None
    (hook,) = action.hooks
    mapping = MappingForm(None, action=action, initial={})
    data = {f"{hook.key}-columns": "Email, EmailAddress, no, yes\nSpent, Decimal, yes, no, 18, 2"}

    form = HookForm(data, hook=hook, found={}, carrier=mapping[f"hook_{hook.key}"])  # type: ignore[arg-type]

    assert form.is_valid()
    assert form.values()["columns"] == [
        {"name": "Email", "type": "EmailAddress", "isNullable": False, "isPrimaryKey": True},
        {"name": "Spent", "type": "Decimal", "isNullable": True, "isPrimaryKey": False, "length": 18, "scale": 2},
    ]


def test_the_api_does_the_same(
    facebook: Destination, api_for: Callable[[User], APIClient], owner: User, httpserver: HTTPServer
) -> None:
    httpserver.expect_request("/v24.0/7").respond_with_json({"id": "7", "name": "VIPs"})
    address = f"/api/v1/spaces/{facebook.space.slug}/destinations/{facebook.public_id}/mappings/hook/"
    given = {"action": "sync", "hook": HOOK, "inputs": {"operation": "existing", "existingAudienceId": "7"}}
    client = api_for(owner)

    made = client.post(address, given, format="json")
    unknown = client.post(address, {**given, "hook": "onSomething"}, format="json")

    assert (made.status_code, made.json()["outputs"]) == (200, {"audienceName": "VIPs", "audienceId": "7"})
    assert (unknown.status_code, unknown.json()["errors"][0]["path"]) == (400, "/hook")
