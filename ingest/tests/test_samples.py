"""Use as mapping sample: from a message, a call or a stored event to the mapping editor that has it as its sample."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from delivery.models import Delivery
from delivery.tests.builders import make_connection
from delivery.tests.emitting import emit
from destinations.models import Destination
from destinations.stored_samples import stored_sample
from destinations.tests.builders import make_destination
from ingest.received import Incoming, received_page
from ingest.tests.inbound_rows import identify, ingest, track
from spaces.models import Source, Space, User
from tests.factories import make_profile, make_source, make_space

Browser = Callable[[User], Client]
ORDER = track("m1", userId="u1", properties={"email": "ann@example.com", "total": 12})


@pytest.fixture
def source(space: Space) -> Source:
    return make_source(space=space, name="Website")


@pytest.fixture
def crm(space: Space) -> Destination:
    return make_destination(space=space, name="CRM")


def sample_of(page: str) -> dict[str, Any]:
    """The event in the editor."""
    found = re.search(r'<textarea[^>]*id="sample-event"[^>]*>(.*?)</textarea>', page, re.DOTALL)
    assert found is not None
    event: dict[str, Any] = json.loads(html.unescape(found.group(1)))
    return event


def links(page: str, mark: str) -> list[str]:
    return [html.unescape(one) for one in re.findall(rf'href="([^"]+)" data-test="{mark}"', page)]


def test_a_received_message_leads_to_the_editor_of_a_mapping(
    space: Space, source: Source, crm: Destination, owner: User, client_for: Browser
) -> None:
    ingest(source, identify("m0", userId="u1", traits={"plan": "pro"}))
    ingest(source, track("later", userId="u2"))
    [_later, message] = received_page(Incoming(space=space)).rows
    browser = client_for(owner)

    [chooser] = links(
        browser.get(f"/s/{space.slug}/settings/debugger/incoming/{message.id}/").content.decode(), "debugger.sample"
    )
    choice = browser.get(chooser).content.decode()
    stored = [sample_of(browser.get(url).content.decode()) for url in links(choice, "sample.mapping")]
    [new] = links(choice, "sample.new")
    fresh = sample_of(browser.get(new, follow=True).content.decode())

    assert len(stored) == crm.mappings.count() >= 1
    assert all(event["traits"] == {"plan": "pro"} and event["messageId"] == "m0" for event in [*stored, fresh])


def test_a_stored_event_is_named_by_its_message_id(
    space: Space, source: Source, crm: Destination, owner: User, client_for: Browser
) -> None:
    ingest(source, ORDER)
    browser = client_for(owner)

    [chooser] = links(browser.get(f"/s/{space.slug}/delivery/trace/?q=m1").content.decode(), "trace.sample")
    [url, *_] = links(browser.get(chooser).content.decode(), "sample.mapping")
    event = sample_of(browser.get(url).content.decode())

    assert (event["type"], event["event"], event["userId"]) == ("track", "Order Completed", "u1")
    assert event["properties"] == {"email": "ann@example.com", "total": 12}


def test_an_emitted_call_is_named_by_its_id(space: Space, crm: Destination, owner: User, client_for: Browser) -> None:
    make_connection(space=space)
    emit(space, make_profile(space=space, ids=[("user_id", "u1")]), True)
    call = Delivery.objects.get()
    browser = client_for(owner)

    page = browser.get(f"/s/{space.slug}/settings/debugger/calls/{call.id}/").content.decode()
    [chooser] = links(page, "debugger.sample")
    [url, *_] = links(browser.get(chooser).content.decode(), "sample.mapping")
    event = sample_of(browser.get(url).content.decode())

    assert (event["event"], event["messageId"]) == ("Audience Entered", call.message_id)


@pytest.mark.parametrize(
    "reference", ["event:gone", "call:1", "call:x", "received:7.0", "received:x", "other:1", "m1", ":"]
)
def test_what_is_not_there_is_said(
    space: Space, source: Source, crm: Destination, owner: User, client_for: Browser, reference: str
) -> None:
    other = make_source(space=make_space(workspace=space.workspace, name="Other"), name="Elsewhere")
    ingest(other, track("gone", userId="u9"))
    browser, base = client_for(owner), f"/s/{space.slug}/destinations"

    chooser = browser.get(f"{base}/sample/", {"event": reference})
    mapping = crm.mappings.order_by("pk")[0]
    editor = browser.get(f"{base}/{crm.public_id}/mappings/{mapping.public_id}/", {"event": reference})

    assert (chooser.status_code, editor.status_code) == (200, 200)
    assert "This event is not kept any more" in chooser.content.decode()
    assert "This event is not kept any more. Choose another one." in editor.content.decode()
    assert sample_of(editor.content.decode())["userId"] != "u9"


def test_personal_values_are_masked_without_the_right(space: Space, source: Source) -> None:
    ingest(source, ORDER)

    shown = stored_sample(space, "event:m1", shows_pii=False)

    assert shown is not None
    assert "ann@example.com" not in json.dumps(shown)
    assert shown["properties"]["total"] == 12
