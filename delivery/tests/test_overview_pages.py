from __future__ import annotations

import html
import re
from collections.abc import Callable

import pytest
from django.test import Client
from django.utils import timezone

from delivery.models import Connection
from delivery.services import engage_sources
from delivery.services.emit import Change, emit_changes
from delivery.tests.builders import make_connection, make_destination
from delivery.tests.sinks import Sink
from destinations.models import Destination
from spaces.models import Space, User
from tests.factories import make_profile

ClientFor = Callable[[User], Client]
RunWorker = Callable[..., bool]


@pytest.fixture
def busy(space: Space, sink: Sink, run_worker: RunWorker) -> Connection:
    """Two failed calls, one that waits, and another destination on the same source."""
    destination = make_destination(space=space, url=sink.url)
    make_destination(space=space, connector="slack", url=sink.url)
    engage_sources.place(space)
    connection = make_connection(space=space, destination=destination)
    sink.answer = lambda _received: (400, {}, b"no such field")
    enter(space, 2)
    run_worker()
    enter(space, 1)
    return connection


def enter(space: Space, count: int) -> None:
    changes = [Change(profile_id=make_profile(space=space).id, value=True) for _ in range(count)]
    emit_changes(space=space, computation_id="aud_test", changes=changes, now=timezone.now())


def hrefs(page: str, test_id: str) -> list[str]:
    return [html.unescape(url) for url in re.findall(rf'href="([^"]*)"[^>]*data-test="{test_id}"', page)]


def test_each_number_of_the_overview_opens_a_list_of_that_length(
    space: Space, owner: User, client_for: ClientFor, busy: Connection
) -> None:
    """W085: counts reconcile with their lists."""
    browser = client_for(owner)

    page = browser.get(f"/s/{space.slug}/delivery/?step=failed").content.decode()

    assert 'data-test="overview.unaccounted">0<' in page
    totals = []
    for url in [
        *hrefs(page, "overview.received"),
        *hrefs(page, "overview.term"),
        *hrefs(page, "overview.reason-count"),
    ]:
        found = browser.get(url).content.decode()
        total = re.search(r'data-test="messages.list" data-total="(\d+)"', found)
        assert total is not None
        assert found.count('data-test="delivery.call"') == int(total[1])
        totals.append(int(total[1]))
    assert totals == [3, 0, 0, 1, 2, 0, 0, 2]


def test_samples_of_a_reason_are_opened_on_the_page(
    space: Space, owner: User, client_for: ClientFor, busy: Connection
) -> None:
    page = client_for(owner).get(f"/s/{space.slug}/delivery/?step=failed&samples=400").content.decode()

    assert page.count('data-test="overview.sample-row"') == 1
    assert "no such field" in page


def test_the_other_destination_explains_what_was_not_for_it(
    space: Space, owner: User, client_for: ClientFor, busy: Connection
) -> None:
    """F043: the note beside Filtered at destination; the switch leaves such calls out."""
    other = Destination.objects.get(space=space, connector="slack")
    browser = client_for(owner)
    where = f"/s/{space.slug}/delivery/destinations/{other.public_id}/"

    page = browser.get(where + "?step=destination").content.decode()
    without = browser.get(where + "?passed=0").content.decode()

    assert 'data-test="overview.routing-note"' in page
    assert "Events routed to other destinations by the <code>integrations</code> object are expected" in page
    [count] = hrefs(page, "overview.reason-count")
    assert browser.get(count).content.decode().count('data-test="delivery.call"') == 3
    assert re.search(r'data-test="overview.received">0<', without)


def test_the_tab_of_a_destination_and_the_page_of_an_audience(
    space: Space, owner: User, client_for: ClientFor, busy: Connection
) -> None:
    browser = client_for(owner)
    destination = busy.destination

    tab = browser.get(f"/s/{space.slug}/delivery/destinations/{destination.public_id}/")
    events = browser.get(f"/s/{space.slug}/delivery/destinations/{destination.public_id}/events/")
    audience = browser.get(f"/s/{space.slug}/delivery/computations/aud_test/")
    missing = browser.get(f"/s/{space.slug}/delivery/computations/aud_none/")

    assert "Delivery Overview" in tab.content.decode()
    assert "errors.discarded.400" in events.content.decode()
    assert "Response from Destination" in events.content.decode()
    assert re.search(r'data-test="overview.received">3<', audience.content.decode())
    assert "Not connected to a destination" in missing.content.decode()


@pytest.mark.parametrize("query", ["?range=2y", "?from=x", "?destination=nope", "?mapping=nope", "?computation=nope"])
def test_a_filter_that_means_nothing_is_left_out_with_a_sentence(
    space: Space, owner: User, client_for: ClientFor, busy: Connection, query: str
) -> None:
    answer = client_for(owner).get(f"/s/{space.slug}/delivery/{query}")

    assert answer.status_code == 200
    assert "A filter was left out" in answer.content.decode()


def test_live_updates_get_the_figures_alone(space: Space, owner: User, client_for: ClientFor, busy: Connection) -> None:
    answer = client_for(owner).get(f"/s/{space.slug}/delivery/", headers={"HX-Request": "true", "X-Live": "true"})

    assert "<html" not in answer.content.decode()
    assert 'data-test="overview.equation"' in answer.content.decode()


def test_the_debugger_opens_calls_with_all_four_tabs(
    space: Space, owner: User, client_for: ClientFor, busy: Connection
) -> None:
    """F028, F031, F032, W024: the sources, their newest calls, and each as code, full JSON, violations, its way."""
    browser = client_for(owner)
    where = f"/s/{space.slug}/settings/debugger/"

    page = browser.get(where).content.decode()
    ids = re.findall(r'data-test="debugger.row" data-id="(\d+)"', page)
    oldest = ids[-1]
    pretty = browser.get(f"{where}?message={oldest}").content.decode()
    raw = browser.get(f"{where}calls/{oldest}/?tab=raw", headers={"HX-Request": "true"}).content.decode()
    violations = browser.get(f"{where}calls/{oldest}/?tab=violations").content.decode()
    way = browser.get(f"{where}calls/{oldest}/?tab=where").content.decode()

    assert ids == sorted(ids, key=int, reverse=True)
    assert len(ids) == 3
    assert "Engage (Acme Dev)" in page
    assert "analytics.track" in html.unescape(re.sub(r"<[^>]+>", "", pretty))
    assert "integrations" in raw
    assert "<html" not in raw
    assert 'data-test="debugger.violation"' in violations
    assert "no such field" in way
    assert browser.get(f"{where}calls/999999999/").status_code == 404


def test_new_calls_are_asked_for_by_the_newest_one(
    space: Space, owner: User, client_for: ClientFor, busy: Connection
) -> None:
    browser = client_for(owner)
    page = browser.get(f"/s/{space.slug}/settings/debugger/").content.decode()
    newest = re.search(r'data-newest="(\d+)"', page)
    assert newest is not None
    enter(space, 2)

    answer = browser.get(f"/s/{space.slug}/settings/debugger/new/", {"since": newest[1]})

    assert answer["X-Count"] == "2"
    assert answer.content.decode().count('data-test="debugger.row"') == 2


def test_a_call_opens_in_the_tester(space: Space, owner: User, client_for: ClientFor, busy: Connection) -> None:
    browser = client_for(owner)
    page = browser.get(f"/s/{space.slug}/settings/debugger/").content.decode()
    call = re.findall(r'data-test="debugger.row" data-id="(\d+)"', page)[0]
    pane = browser.get(f"/s/{space.slug}/settings/debugger/calls/{call}/")

    answer = browser.post(pane.context["tester_url"], {"event": pane.context["event_text"], "build": "1"})

    assert answer.status_code == 200
    assert answer.context["result"]["outcome"] == "built"
