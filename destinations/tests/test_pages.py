from __future__ import annotations

import importlib
import json
import re
from collections.abc import Callable

import pytest
from django.test import Client
from django.utils import timezone
from pytest_httpserver import HTTPServer

from common.secrets import decrypt
from destinations.kit.testing import WorkerCase
from destinations.models import Destination, EventTest
from destinations.services.filters import create_filter
from destinations.services.functions import create_function
from destinations.tests.builders import make_destination, make_mapping
from spaces.models import Space, User

Browser = Callable[[User], Client]
CONNECTION = (
    "computation_id=aud_1&computation_key=vip&computation_name=VIP&kinds=identify,track"
    "&enter_event=VIP+Joined&exit_event=VIP+Left"
)


def base(space: Space) -> str:
    return f"/s/{space.slug}/destinations/"


def page_of(destination: Destination) -> str:
    return f"{base(destination.space)}{destination.public_id}/"


def event_in(html: str) -> dict[str, object]:
    found = re.search(r'data-test="tester.event">(.*?)</textarea>', html, re.DOTALL)
    assert found is not None
    text = found.group(1).replace("&quot;", '"').replace("&#x27;", "'").replace("&amp;", "&")
    event: dict[str, object] = json.loads(text)
    return event


def test_the_list_shows_each_destination_of_the_space_only(space: Space, owner: User, client_for: Browser) -> None:
    make_destination(space=space, name="My hook")

    html = client_for(owner).get(base(space)).content.decode()

    assert html.count('data-test="destinations.row"') == 1
    assert "My hook" in html
    assert "Webhook (Actions)" in html


def test_forms_say_to_readers_that_they_can_look_only(
    space: Space, owner: User, editor: User, client_for: Browser
) -> None:
    destination = make_destination(space=space)
    mapping = make_mapping(destination=destination)
    made = create_filter(destination=destination, actor=owner, name="Adults", kind="DROP", condition='type = "page"')
    function = create_function(space=space, actor=owner, name="My tool", code="async function onTrack(event) {}")
    home = page_of(destination)
    forms = [
        f"{home}settings/",
        f"{home}mappings/{mapping.public_id}/",
        f"{home}filters/{made.public_id}/",
        f"/s/{space.slug}/functions/{function.public_id}/",
    ]

    for address in forms:
        assert "You can look, not change" in client_for(editor).get(address).content.decode(), address
        assert "You can look, not change" not in client_for(owner).get(address).content.decode(), address


def test_a_paused_destination_is_not_called_enabled(space: Space, owner: User, client_for: Browser) -> None:
    destination = make_destination(space=space)
    destination.paused_at, destination.pause_reason = timezone.now(), "The token was refused."
    destination.save()
    client = client_for(owner)

    for address in (base(space), page_of(destination), f"/s/{space.slug}/"):
        html = client.get(address).content.decode()

        assert 'data-status="paused"' in html
        assert "The token was refused." in html
        assert 'data-status="enabled"' not in html


def test_an_empty_list_offers_the_catalog(space: Space, owner: User, client_for: Browser) -> None:
    html = client_for(owner).get(base(space)).content.decode()

    assert "No destinations yet" in html
    assert f"{base(space)}new/" in html


def test_the_catalog_puts_lists_under_their_own_heading(space: Space, owner: User, client_for: Browser) -> None:
    """F129-F135: in the catalog as List type."""
    html = client_for(owner).get(f"{base(space)}new/").content.decode()

    before, after = html.split("Send as User List")
    assert 'data-id="webhook"' in before
    assert 'data-id="webhook_classic"' in before
    lists = ["webhook_list", "facebook_custom_audiences", "google_ads_remarketing_lists", "snapchat_audiences"]
    lists += ["google_display_video_360", "pinterest_audiences", "marketo_static_lists", "responsys_batch"]
    assert [slug for slug in lists if f'data-id="{slug}"' not in after] == []


def test_the_catalog_is_searched(space: Space, owner: User, client_for: Browser) -> None:
    html = client_for(owner).get(f"{base(space)}new/?q=list").content.decode()

    assert 'data-id="webhook_list"' in html
    assert 'data-id="webhook"' not in html


def test_a_destination_is_added_from_its_form(space: Space, owner: User, client_for: Browser) -> None:
    values = {
        "name": "Mine",
        "setting_url": "https://example.org/x",
        "setting_headers": "X-Key: abc\nX-Team: growth",
        "setting_sharedSecret": "s3cret",
    }

    response = client_for(owner).post(f"{base(space)}new/webhook_classic/", values)

    destination = Destination.objects.get()
    assert response.status_code == 302
    assert destination.settings == {"url": "https://example.org/x"}
    assert decrypt(destination.secrets) == {
        "headers": {"X-Key": "abc", "X-Team": "growth"},
        "sharedSecret": "s3cret",
    }


def test_every_problem_of_the_form_is_shown_and_nothing_is_made(space: Space, owner: User, client_for: Browser) -> None:
    values = {"name": "", "setting_url": "", "setting_batchSize": "0", "setting_intervalMinutes": "60"}

    response = client_for(owner).post(f"{base(space)}new/webhook_list/", values)

    assert response.status_code == 422
    assert response.content.decode().count('class="field__errors"') == 3
    assert Destination.objects.count() == 0


def test_what_the_service_refuses_is_shown_at_its_field(space: Space, owner: User, client_for: Browser) -> None:
    values = {"name": "Hook", "setting_url": "javascript:alert(1)"}

    response = client_for(owner).post(f"{base(space)}new/webhook/", values)

    assert response.status_code == 422
    assert "URL is not a web address" in response.content.decode()


def test_the_overview_shows_limits_and_needs(space: Space, owner: User, client_for: Browser) -> None:
    """F083."""
    event = make_destination(space=space)
    batch = make_destination(space=space, connector="webhook_list")
    browser = client_for(owner)

    event_html = browser.get(page_of(event)).content.decode()
    list_html = browser.get(page_of(batch)).content.decode()

    assert "Rate cap" in event_html
    assert "No cap" in event_html
    assert "Every 60 minutes" in list_html
    assert "1,000 people" in list_html
    assert "Required identifiers" in list_html


def test_a_stored_secret_is_in_no_page(space: Space, owner: User, client_for: Browser) -> None:
    destination = make_destination(
        space=space, settings={"url": "https://example.org/", "sharedSecret": "s3cret-value"}
    )
    browser = client_for(owner)

    pages = ["", "mappings/", "tester/", "settings/", f"mappings/{destination.mappings.get().public_id}/"]
    html = "".join(browser.get(page_of(destination) + page).content.decode() for page in pages)

    assert "s3cret-value" not in html
    assert "One is stored; leave this empty to keep it." in html


def test_saving_settings_with_a_blank_secret_keeps_it(space: Space, owner: User, client_for: Browser) -> None:
    destination = make_destination(space=space, settings={"url": "https://example.org/", "sharedSecret": "s3cret"})
    values = {"name": "Renamed", "setting_url": "https://example.org/2", "setting_sharedSecret": ""}

    response = client_for(owner).post(f"{page_of(destination)}settings/", values)

    destination.refresh_from_db()
    assert response.status_code == 302
    assert (destination.name, destination.settings) == ("Renamed", {"url": "https://example.org/2"})
    assert decrypt(destination.secrets) == {"sharedSecret": "s3cret"}


def test_a_viewer_sees_destinations_but_changes_nothing(space: Space, viewer: User, client_for: Browser) -> None:
    destination = make_destination(space=space)
    browser = client_for(viewer)

    seen = browser.get(page_of(destination))
    changed = browser.post(f"{page_of(destination)}toggle/", {"enabled": "0"})

    destination.refresh_from_db()
    assert (seen.status_code, changed.status_code) == (200, 403)
    assert destination.is_enabled


def test_another_spaces_destination_is_not_found(space: Space, outsider: User, client_for: Browser) -> None:
    destination = make_destination(space=space)

    assert client_for(outsider).get(page_of(destination)).status_code == 404


def test_deleting_takes_the_name(space: Space, owner: User, client_for: Browser) -> None:
    destination = make_destination(space=space, name="Hook")
    browser = client_for(owner)

    refused = browser.post(f"{page_of(destination)}delete/", {"confirm_name": "nope"})
    deleted = browser.post(f"{page_of(destination)}delete/", {"confirm_name": "Hook"})

    assert (refused.status_code, deleted.status_code) == (422, 302)
    assert browser.get(page_of(destination)).status_code == 404


def test_a_mapping_is_saved_disabled_or_saved_and_enabled(space: Space, owner: User, client_for: Browser) -> None:
    destination = make_destination(space=space)
    values = {
        "name": "Entered",
        "trigger": 'type = "track" and event = "Audience Entered"',
        "field_method": "POST",
        "field_data": "$.properties",
        "field_enable_batching": "false",
    }
    browser = client_for(owner)

    browser.post(f"{page_of(destination)}mappings/new/", values)
    browser.post(f"{page_of(destination)}mappings/new/", {**values, "name": "Enabled", "do": "enable"})

    rows = {row.name: row for row in destination.mappings.all()}
    assert rows["Entered"].is_enabled is False
    assert rows["Enabled"].is_enabled is True
    assert rows["Entered"].fields == {
        "method": "POST",
        "data": {"@path": "$.properties"},
        "enable_batching": False,
        "batch_keys": ["url", "method", "headers"],
    }


def test_a_wrong_mapping_shows_all_problems_and_keeps_what_was_typed(
    space: Space, owner: User, client_for: Browser
) -> None:
    destination = make_destination(space=space)
    values = {"name": "X", "trigger": "type = 'track'", "field_method": "", "field_data": "{broken"}

    response = client_for(owner).post(f"{page_of(destination)}mappings/new/", values)
    html = response.content.decode()

    assert response.status_code == 422
    assert "This is not valid JSON" in html
    assert "{broken" in html
    assert destination.mappings.count() == 1


def test_the_preview_shows_what_would_be_sent(space: Space, owner: User, client_for: Browser) -> None:
    destination = make_destination(space=space)
    values = {
        "action": "send",
        "name": "X",
        "trigger": 'event = "VIP"',
        "field_method": "PUT",
        "field_data": '{"id": {"@path": "$.userId"}}',
        "event": '{"type": "track", "event": "VIP", "userId": "u-77"}',
    }

    html = client_for(owner).post(f"{page_of(destination)}mappings/preview/", values).content.decode()

    assert "The sample event triggers this mapping." in html
    assert "Event name is VIP" in html
    assert "u-77" in html
    assert re.search(r">PUT</span>\s*https://example.org/hook", html)


def test_the_preview_signs_nothing_for_who_may_only_look(space: Space, viewer: User, client_for: Browser) -> None:
    destination = make_destination(space=space, settings={"url": "https://example.org/", "sharedSecret": "s3cret"})
    values = {"action": "send", "trigger": 'type = "track"', "field_method": "POST", "event": '{"type": "track"}'}

    html = client_for(viewer).post(f"{page_of(destination)}mappings/preview/", values).content.decode()

    assert html.count("computed when it is sent") == 2
    assert "sha256=" not in html


def test_mappings_are_toggled_duplicated_and_deleted(space: Space, owner: User, client_for: Browser) -> None:
    destination = make_destination(space=space)
    mapping = destination.mappings.get()
    url = f"{page_of(destination)}mappings/{mapping.public_id}/"
    browser = client_for(owner)

    browser.post(f"{url}toggle/", {"enabled": "0"})
    browser.post(f"{url}duplicate/")
    browser.post(f"{url}delete/")

    left = destination.mappings.get()
    assert (left.name, left.is_enabled) == (f"{mapping.name} (Copy)", False)


def test_event_types_are_exactly_those_of_the_connection(space: Space, owner: User, client_for: Browser) -> None:
    """F015."""
    destination = make_destination(space=space)

    html = client_for(owner).get(f"{page_of(destination)}tester/?{CONNECTION}").content.decode()

    assert re.findall(r"<option value=\"[^\"]*\"[^>]*>([^<]*)</option>", html) == [
        "Identify: entered",
        "Identify: exited",
        "Track: VIP Joined",
        "Track: VIP Left",
    ]


def test_choosing_an_event_type_makes_a_new_test_user(space: Space, owner: User, client_for: Browser) -> None:
    """F016."""
    destination = make_destination(space=space)
    url = f"{page_of(destination)}tester/event/?{CONNECTION}&type=track-exit"
    browser = client_for(owner)

    first, second = (event_in(browser.get(url).content.decode()) for _ in range(2))

    assert re.fullmatch(r"test-user-[0-9a-z]{6}", str(first["userId"]))
    assert first["userId"] != second["userId"]
    assert first["event"] == "VIP Left"
    assert first["properties"] == {"audience_key": "vip", "vip": False}


def test_the_fragment_is_part_of_the_page_for_side_sheets(space: Space, owner: User, client_for: Browser) -> None:
    """F013."""
    destination = make_destination(space=space)
    url = f"{page_of(destination)}tester/?{CONNECTION}"

    html = client_for(owner).get(url, headers={"HX-Request": "true"}).content.decode()

    assert "<html" not in html
    assert "Event Type" in html
    assert "Send Event" in html
    assert "Event lifecycle" in html


def test_sending_shows_the_answer_in_the_event_lifecycle(
    space: Space, owner: User, client_for: Browser, httpserver: HTTPServer
) -> None:
    """F018, F019."""
    httpserver.expect_request("/hook").respond_with_data('{"ok": "yes-it-is"}')
    destination = make_destination(space=space, settings={"url": httpserver.url_for("/hook")})
    browser = client_for(owner)
    event = event_in(browser.get(f"{page_of(destination)}tester/").content.decode())
    url, values = f"{page_of(destination)}tester/send/", {"event": json.dumps(event)}

    fragment = browser.post(url, values, headers={"HX-Request": "true"}).content.decode()
    page = browser.post(url, values).content.decode()

    assert "200 OK" in fragment
    assert "yes-it-is" in fragment
    assert "<html" not in fragment
    assert "Event lifecycle" in page
    assert "200 OK" in page
    assert len(httpserver.log) == 2


def test_an_event_that_is_no_json_is_refused_in_place(space: Space, owner: User, client_for: Browser) -> None:
    """F020."""
    destination = make_destination(space=space)

    response = client_for(owner).post(
        f"{page_of(destination)}tester/send/", {"event": "{"}, headers={"HX-Request": "true"}
    )

    assert response.status_code == 422
    assert "This is not valid JSON" in response.content.decode()
    assert EventTest.objects.count() == 0


def test_a_list_destination_says_why_it_has_no_tester(space: Space, owner: User, client_for: Browser) -> None:
    """F014."""
    destination = make_destination(space=space, connector="webhook_list")
    browser = client_for(owner)

    overview = browser.get(page_of(destination)).content.decode()
    fragment = browser.get(f"{page_of(destination)}tester/", headers={"HX-Request": "true"}).content.decode()

    assert "Event tester" not in overview
    assert "no event tester" in fragment
    assert "Send Event" not in fragment


def test_a_viewer_may_not_send_tests(space: Space, viewer: User, client_for: Browser) -> None:
    destination = make_destination(space=space)

    assert client_for(viewer).post(f"{page_of(destination)}tester/send/", {"event": "{}"}).status_code == 403


def test_the_mappings_tab_counts_up_to_the_limit(space: Space, owner: User, client_for: Browser) -> None:
    destination = make_destination(space=space)
    make_mapping(destination=destination, name="Second", is_enabled=False)

    html = client_for(owner).get(f"{page_of(destination)}mappings/").content.decode()

    assert html.count('data-test="mappings.row"') == 2
    assert "2 of 50, applied in this order" in html
    assert "context.personas.computation_class is audience" in html


@pytest.mark.parametrize("path", ["mappings/nope000000/", "mappings/preview/"])
def test_what_is_not_there_is_not_found(space: Space, owner: User, client_for: Browser, path: str) -> None:
    destination = make_destination(space=space)

    assert client_for(owner).get(page_of(destination) + path).status_code in (404, 405)


def settings_of(connector: str) -> dict[str, object]:
    cases: list[WorkerCase] = importlib.import_module(f"destinations.connectors.{connector}.tests.worker_cases").CASES
    return dict(cases[0].settings)


def test_a_partner_of_both_types_is_added_as_each(space: Space, owner: User, client_for: Browser) -> None:
    """F064: Salesforce Marketing Cloud."""
    event, batch = "salesforce_marketing_cloud", "salesforce_marketing_cloud_lists"
    for connector in (event, batch):
        make_destination(space=space, connector=connector, name=connector, settings=settings_of(connector))
    browser = client_for(owner)

    before, after = browser.get(f"{base(space)}new/").content.decode().split("Send as User List")
    rows = browser.get(base(space)).content.decode().split('data-test="destinations.row"')[1:]

    assert f'data-id="{event}"' in before
    assert f'data-id="{batch}"' in after
    assert [('<span class="tag">List</span>' in row) for row in sorted(rows, key=lambda row: batch in row)] == [
        False,
        True,
    ]


@pytest.mark.parametrize(
    ("connector", "said"),
    [
        ("braze", "Nothing to set up there"),
        ("iterable", "Nothing to set up there"),
        ("hubspot", "Create the property there first"),
    ],
)
def test_the_overview_says_whether_a_column_has_to_exist_first(
    space: Space, owner: User, client_for: Browser, connector: str, said: str
) -> None:
    """F076."""
    destination = make_destination(space=space, connector=connector, settings=settings_of(connector))

    html = client_for(owner).get(page_of(destination)).content.decode()

    facts = html.partition('data-test="destination.facts"')[2].partition("</section>")[0]
    assert re.search(rf"Column</dt>\s*<dd[^>]*>\s*{said}", facts)


def test_settings_lead_to_adding_a_destination(space: Space, owner: User, client_for: Browser) -> None:
    """F127: Settings, Destinations, Add destination."""
    browser = client_for(owner)

    settings = browser.get(f"/s/{space.slug}/settings/").content.decode()
    tab = re.search(r'href="([^"]+)"[^>]*>\s*Destinations', settings.partition('class="page-tabs"')[2])
    assert tab is not None
    listed = browser.get(tab[1]).content.decode()
    button = re.search(r'href="([^"]+)" data-test="destinations.add">.*?Add destination', listed, re.DOTALL)
    assert button is not None
    catalog = browser.get(button[1])

    assert catalog.status_code == 200
    assert 'data-test="catalog.item"' in catalog.content.decode()
