"""The mapping editor in the browser, without script: every button is a post of the one form."""

from __future__ import annotations

import html as html_module
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from pytest_httpserver import HTTPServer

from destinations.catalog import definition
from destinations.models import Destination, EventTest
from destinations.recent_events import RecentEvent
from destinations.tests.builders import audience_event, make_destination, make_mapping
from profiles.models import ObservedField
from spaces.models import Space, User
from tests.factories import NOW

Browser = Callable[[User], Client]
TRACK = 'type = "track"'


def new_url(destination: Destination) -> str:
    return f"/s/{destination.space.slug}/destinations/{destination.public_id}/mappings/new/"


def url_of(destination: Destination) -> str:
    mapping = destination.mappings.get()
    return f"/s/{destination.space.slug}/destinations/{destination.public_id}/mappings/{mapping.public_id}/"


def posted(**changes: Any) -> dict[str, Any]:
    return {
        "action": "send",
        "name": "Edited",
        "trigger": TRACK,
        "field_method": "POST",
        "field_data": '{"id": {"@path": "$.userId"}}',
        "event": json.dumps(audience_event()),
        **changes,
    }


def text_of(page: str) -> str:
    """What the page says, without markup."""
    return " ".join(html_module.unescape(re.sub(r"<[^>]+>", " ", page)).split())


def value_of(page: str, key: str) -> str:
    """The current value shown at a field's row."""
    found = re.search(rf'<p class="field-value" id="value-{key}".*?</p>', page, re.DOTALL)
    assert found is not None
    return text_of(found.group())


def observe(space: Space, path: str, sample: Any) -> None:
    ObservedField.objects.create(
        space_id=space.pk,
        scope="trait",
        event_type=0,
        event_name="",
        path=path,
        value_type="text",
        samples=[sample],
        last_seen_at=NOW,
    )


def test_the_editor_has_four_numbered_sections(space: Space, owner: User, client_for: Browser) -> None:
    """ux.md §6."""
    page = client_for(owner).get(new_url(make_destination(space=space))).content.decode()

    numbered = re.findall(r'<span class="section-number">(\d)</span>(\w+)', page)
    assert numbered == [("1", "Trigger"), ("2", "Enrich"), ("3", "Fields"), ("4", "Test")]


def test_required_fields_come_first_and_empty_ones_behind_a_button(
    space: Space, owner: User, client_for: Browser
) -> None:
    page = client_for(owner).get(new_url(make_destination(space=space))).content.decode()

    shown, optional = page.split("Show 2 optional")
    assert re.findall(r'data-test="mapping.field" data-id="(\w+)"', shown) == [
        *("method", "data", "enable_batching", "batch_size")
    ]
    assert re.findall(r'data-test="mapping.field" data-id="(\w+)"', optional) == ["url", "headers"]


def test_each_row_shows_its_value_from_the_sample_or_the_error(space: Space, owner: User, client_for: Browser) -> None:
    destination = make_destination(space=space)
    values = posted(do="preview", field_headers="$.userId", field_url="coalesce($.properties.hook, $.userId)")

    page = client_for(owner).post(new_url(destination), values).content.decode()

    assert value_of(page, "data") == 'Value now: {"id": "u1"}'
    assert "headers must be an object" in value_of(page, "headers").lower()
    assert "url" in value_of(page, "url").lower()
    assert destination.mappings.count() == 1


def test_a_trigger_is_told_condition_by_condition(space: Space, owner: User, client_for: Browser) -> None:
    values = posted(do="preview", trigger='type = "track" and properties.price >= 10')

    page = client_for(owner).post(new_url(make_destination(space=space)), values).content.decode()

    assert "1 of 2 conditions does not hold." in text_of(page)
    assert "properties.price is at least 10 (it is missing)" in text_of(page)


def test_an_invalid_trigger_is_marked_where_it_is_wrong(space: Space, owner: User, client_for: Browser) -> None:
    values = posted(do="save", trigger="type = 'track'")

    answer = client_for(owner).post(new_url(make_destination(space=space)), values)

    page = answer.content.decode()
    assert answer.status_code == 422
    assert re.search(r"<mark title=\"Use double quotes[^>]*>&#x27;track&#x27;</mark>", page)
    assert "(at character 8)" in text_of(page)


def test_pasted_text_that_is_no_json_shows_its_line(space: Space, owner: User, client_for: Browser) -> None:
    values = posted(do="preview", event='{"type": "track",\n "event": "A"\n "userId": 1}')

    page = client_for(owner).post(new_url(make_destination(space=space)), values).content.decode()

    assert "in line 3, column 2" in text_of(page)
    assert re.search(r'<span class="code__line is-error">.*?userId', page)


def test_a_sample_is_generated_for_the_chosen_call(space: Space, owner: User, client_for: Browser) -> None:
    values = posted(do="generate", sample_type="track-exit")

    page = client_for(owner).post(new_url(make_destination(space=space)), values).content.decode()

    event = re.search(r'data-test="mapping.event">(.*?)</textarea>', page, re.DOTALL)
    assert event is not None
    assert json.loads(html_module.unescape(event.group(1)))["event"] == "Audience Exited"


def test_a_recent_event_is_taken(
    space: Space, owner: User, client_for: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    recent = RecentEvent(id="m1", title="Track: VIP", origin="Source", at=NOW, event=audience_event(userId="u-real"))
    monkeypatch.setattr("destinations.editing.recent_events", lambda *_args, **_kwargs: [recent])
    browser, url = client_for(owner), new_url(make_destination(space=space))

    listed = browser.post(url, posted(do="recent", event="{}")).content.decode()
    taken = browser.post(url, posted(event_id="m1", event="{}")).content.decode()
    gone = browser.post(url, posted(event_id="m2")).content.decode()

    assert "Track: VIP" in text_of(listed)
    assert 'value="m1"' in listed
    assert value_of(taken, "data") == 'Value now: {"id": "u-real"}'
    assert "not among the recent ones any more" in text_of(gone)


def test_suggestions_are_marked_until_they_are_accepted(space: Space, owner: User, client_for: Browser) -> None:
    event = audience_event(properties={"url": "https://example.org/a", "headers": {"X-A": "1"}})
    browser, url = client_for(owner), new_url(make_destination(space=space))

    suggested = browser.post(url, posted(do="suggest", event=json.dumps(event), field_data="")).content.decode()
    marked = re.findall(r'name="suggested" value="(\w+)"', suggested)
    values = posted(
        field_data="$.",
        field_url="$.userId",
        field_headers="$.traits",
        suggested=["url", "data"],
        event=json.dumps(event),
    )
    accepted = browser.post(url, {**values, "do": "accept"}).content.decode()
    discarded = browser.post(url, {**values, "do": "discard"}).content.decode()

    assert sorted(marked) == ["data", "headers", "url"]
    assert "coalesce($.traits.url, $.context.traits.url, $.properties.url)" in suggested
    assert "3 suggestions, marked below" in text_of(suggested)
    assert 'name="suggested"' not in accepted
    assert 'value="$.userId"' in accepted or ">\n$.userId</textarea>" in accepted
    assert 'name="suggested"' not in discarded
    assert "$.userId</textarea>" not in discarded
    assert "$.traits</textarea>" in discarded


def test_traits_are_chosen_in_groups_and_kept(space: Space, owner: User, client_for: Browser) -> None:
    observe(space, "plan", "gold")
    observe(space, "address.city", "Oslo")
    destination = make_destination(space=space)
    browser = client_for(owner)
    values = posted(do="save", enrichments=["plan"], field_data='{"plan": {"@path": "$.properties.plan"}}')

    offered = browser.get(new_url(destination)).content.decode()
    previewed = browser.post(new_url(destination), {**values, "do": "preview"}).content.decode()
    browser.post(new_url(destination), {**values, "do": "enable"})

    assert "People: address 0 of 1 selected" in text_of(offered)
    assert "Traits of people 1 of 1 selected" in text_of(previewed)
    assert value_of(previewed, "data") == 'Value now: {"plan": "gold"}'
    made = destination.mappings.get(name="Edited")
    destination.refresh_from_db()
    assert (made.enrichments, destination.mapping_traits) == (["plan"], ["plan"])


def test_comparing_shows_only_changed_paths_and_stores_nothing(
    space: Space, owner: User, client_for: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    recent = RecentEvent(id="m1", title="Track: VIP", origin="Engage", at=NOW, event=audience_event())
    monkeypatch.setattr("destinations.comparing.recent_events", lambda *_args, **_kwargs: [recent])
    destination = make_destination(space=space)
    mapping = destination.mappings.get()
    mapping.fields = {"method": "POST", "data": {"id": {"@path": "$.userId"}}}
    mapping.save()
    values = posted(do="compare", field_method="PUT")

    page = client_for(owner).post(url_of(destination), values).content.decode()

    compared = page[page.index('data-test="mapping.compared"') :]
    assert "1 changed path" in text_of(compared)
    assert 'method \u2212 before: "POST" + after: "PUT"' in text_of(compared)
    mapping.refresh_from_db()
    assert mapping.fields["method"] == "POST"


def test_compare_is_offered_for_live_mappings_only(space: Space, owner: User, client_for: Browser) -> None:
    destination = make_destination(space=space)
    live = client_for(owner).get(url_of(destination)).content.decode()
    destination.mappings.update(is_enabled=False)
    disabled = client_for(owner).get(url_of(destination)).content.decode()

    assert "Compare with live" in live
    assert "Compare with live" not in disabled
    assert "Save and enable" in disabled


def test_a_mapping_is_tested_before_it_is_saved(
    space: Space, owner: User, client_for: Browser, httpserver: HTTPServer
) -> None:
    """ux.md §6, Test: by the code of the event tester."""
    httpserver.expect_request("/hook", method="PUT", json={"id": "u1"}).respond_with_json({"ok": "yes-it-is"})
    destination = make_destination(space=space, settings={"url": httpserver.url_for("/hook")})

    page = client_for(owner).post(new_url(destination), posted(do="test", field_method="PUT")).content.decode()

    assert "200 OK" in text_of(page)
    assert "yes-it-is" in page
    assert destination.mappings.count() == 1
    assert EventTest.objects.get().result["outcome"] == "delivered"


def test_resolved_values_are_edited_and_sent_instead(
    space: Space, owner: User, client_for: Browser, httpserver: HTTPServer
) -> None:
    httpserver.expect_request("/hook", json={"id": "by hand"}).respond_with_json({"ok": 1})
    destination = make_destination(space=space, settings={"url": httpserver.url_for("/hook")})
    browser, url = client_for(owner), new_url(destination)

    resolved = browser.post(url, posted(do="resolve")).content.decode()
    found = re.search(r'data-test="mapping.payload">(.*?)</textarea>', resolved, re.DOTALL)
    assert found is not None
    payload = json.loads(html_module.unescape(found.group(1)))
    payload["data"] = {"id": "by hand"}
    sent = browser.post(url, posted(do="test", payload=json.dumps(payload))).content.decode()
    broken = browser.post(url, posted(do="test", payload='{"a": 1,\n}')).content.decode()
    wrong = browser.post(url, posted(do="test", payload='{"method": "NOPE"}')).content.decode()

    assert "200 OK" in text_of(sent)
    assert "in line 2, column 1" in text_of(broken)
    assert "The test was not made" in text_of(wrong)
    assert len(httpserver.log) == 1


def test_building_only_sends_nothing(space: Space, owner: User, client_for: Browser, httpserver: HTTPServer) -> None:
    destination = make_destination(space=space, settings={"url": httpserver.url_for("/hook")})

    page = client_for(owner).post(new_url(destination), posted(do="build")).content.decode()

    assert "Built, not sent" in text_of(page)
    assert httpserver.log == []
    assert EventTest.objects.count() == 0


def test_after_saving_one_returns_to_where_one_came_from(space: Space, owner: User, client_for: Browser) -> None:
    """F164."""
    destination = make_destination(space=space)
    back = f"/s/{space.slug}/audiences/aud_1/?panel=mappings:abc"

    answer = client_for(owner).post(f"{new_url(destination)}?return_to={back.replace('?', '%3F')}", posted(do="save"))

    assert (answer.status_code, answer["Location"]) == (302, back)


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example/", "/s/other/", "javascript:alert(1)"])
def test_one_returns_to_pages_of_the_space_only(space: Space, owner: User, client_for: Browser, elsewhere: str) -> None:
    destination = make_destination(space=space)

    answer = client_for(owner).post(new_url(destination), posted(do="save", return_to=elsewhere))

    made = destination.mappings.get(name="Edited")
    assert answer["Location"].endswith(f"/mappings/{made.public_id}/")


def test_somebody_else_changed_the_mapping_meanwhile(space: Space, owner: User, client_for: Browser) -> None:
    destination = make_destination(space=space)

    answer = client_for(owner).post(url_of(destination), posted(do="save", based_on="2020-01-01T00:00:00+00:00"))

    assert answer.status_code == 409
    assert "Somebody else changed this mapping meanwhile" in answer.content.decode()


def test_the_actions_to_add_are_listed_first(space: Space, owner: User, client_for: Browser) -> None:
    """F162."""
    destination = make_destination(space=space, connector="hubspot", settings={"oauth_access_token": "t"})

    page = client_for(owner).get(f"{new_url(destination)}?return_to=/s/{space.slug}/audiences/").content.decode()

    assert "Upsert contact" in page
    assert "action=upsertContact&amp;return_to=" in page.replace("%2F", "/")


def test_choices_of_a_field_are_offered(space: Space, owner: User, viewer: User, client_for: Browser) -> None:
    url = new_url(make_destination(space=space)).replace("new/", "choices/")
    browser = client_for(owner)

    methods = browser.get(url, {"action": "send", "field": "method", "q": "pu"}).json()
    booleans = browser.get(url, {"action": "send", "field": "enable_batching"}).json()
    anything = browser.get(url, {"action": "send", "field": "data"}).json()

    assert methods == [{"value": "PUT", "label": "PUT", "hint": ""}]
    assert [option["value"] for option in booleans] == ["true", "false"]
    assert anything == []
    assert client_for(viewer).get(url).status_code == 403


def test_choices_that_the_tool_cannot_tell_are_an_error_and_no_crash(
    space: Space, owner: User, client_for: Browser, settings: Any, httpserver: HTTPServer
) -> None:
    httpserver.expect_request("/crm/v3/schemas").respond_with_data("no", status=403)
    settings.ENGAGE_SEND_TO = httpserver.url_for("")
    destination = make_destination(space=space, connector="hubspot", settings={"oauth_access_token": "t"})
    url = new_url(destination).replace("new/", "choices/")

    answer = client_for(owner).get(url, {"action": "customObject", "field": "objectType"})

    assert answer.status_code in (200, 409)


def test_a_list_destination_builds_and_does_not_send(space: Space, owner: User, client_for: Browser) -> None:
    """F014."""
    destination = make_destination(space=space, connector="sendgrid_lists", settings={"sendGridApiKey": "k"})
    page = client_for(owner).get(new_url(destination) + "?action=" + first_action("sendgrid_lists")).content.decode()

    assert "a single test is built and not sent" in text_of(page)
    assert 'data-test="mapping.send"' not in page


def first_action(connector: str) -> str:

    found = definition(connector)
    assert found is not None
    return found.actions[0].key


def test_a_viewer_sees_the_editor_and_changes_nothing(space: Space, viewer: User, client_for: Browser) -> None:
    destination = make_destination(space=space)
    browser = client_for(viewer)

    seen = browser.get(url_of(destination))
    changed = browser.post(url_of(destination), posted(do="save"))

    assert (seen.status_code, changed.status_code) == (200, 403)
    assert "disabled" in seen.content.decode()


def test_a_new_mapping_gets_a_name_that_is_free(space: Space, owner: User, client_for: Browser) -> None:
    destination = make_destination(space=space)
    make_mapping(destination=destination, name="Send")

    page = client_for(owner).get(new_url(destination)).content.decode()

    assert 'name="name" value="Send 2"' in page
