from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from delivery.models import Connection
from delivery.selectors.books import Books, books_of
from delivery.selectors.calls import CallFilter, call_page
from delivery.services.emit import Change, emit_changes
from delivery.services.replay import replay
from delivery.tests.builders import COMPUTATION_ID, make_connection, make_destination, rows
from delivery.tests.sinks import Sink
from spaces.models import Space, User
from tests.factories import make_profile

RunWorker = Callable[..., bool]
ClientFor = Callable[[User], Client]


@pytest.fixture
def failed(space: Space, sink: Sink, run_worker: RunWorker) -> Connection:
    """A connection with three dead letters and a call that waits."""
    connection = make_connection(space=space, destination=make_destination(space=space, url=sink.url))
    sink.answer = lambda _received: (400, {}, b"no such field")
    enter(space, 3)
    run_worker()
    sink.answer = lambda _received: (200, {}, b"fine now")
    enter(space, 1)
    return connection


def enter(space: Space, count: int) -> None:
    emit_changes(
        space=space,
        computation_id=COMPUTATION_ID,
        changes=[Change(profile_id=make_profile(space=space).id, value=True) for _ in range(count)],
        now=timezone.now(),
    )


def test_books_balance(failed: Connection) -> None:
    books = books_of([failed])[failed.pk]

    assert books == Books(emitted=4, failed=3, waiting=1)
    assert books.unaccounted == 0


def test_connections_link_each_number_to_its_list(
    client_for: ClientFor, owner: User, space: Space, failed: Connection
) -> None:
    answer = client_for(owner).get(f"/s/{space.slug}/delivery/connections/")

    html = answer.content.decode()
    assert answer.status_code == 200
    assert f"/s/{space.slug}/delivery/calls/?status=failed&amp;connection={failed.public_id}" in html
    assert 'data-test="delivery.unaccounted">0<' in html


@pytest.mark.parametrize(("status", "count"), [("", 4), ("failed", 3), ("waiting", 1), ("delivered", 0)])
def test_call_list_holds_what_its_status_counts(
    client_for: ClientFor, owner: User, space: Space, failed: Connection, status: str, count: int
) -> None:
    url = f"/s/{space.slug}/delivery/calls/?status={status}&connection={failed.public_id}"

    answer = client_for(owner).get(url)

    assert answer.content.decode().count('data-test="delivery.call"') == count


def test_call_page_shows_the_answer(client_for: ClientFor, owner: User, space: Space, failed: Connection) -> None:
    [(call_id,)] = rows("SELECT min(id) FROM delivery_log")

    answer = client_for(owner).get(f"/s/{space.slug}/delivery/calls/{call_id}/")

    html = answer.content.decode()
    assert "no such field" in html
    assert html.count('data-test="delivery.attempt"') == 1


@pytest.mark.parametrize(
    "path",
    [
        "delivery/",
        "delivery/calls/",
        "delivery/calls/?status=nonsense&connection=none&profile=none",
        "delivery/calls/?after=12&before=x",
        "delivery/dead-letters/",
        "delivery/connections/{connection}/recent/",
        "delivery/destinations/{destination}/",
        "delivery/destinations/{destination}/activity/",
    ],
)
@pytest.mark.parametrize("htmx", [True, False])
def test_pages_answer(
    client_for: ClientFor, viewer: User, space: Space, failed: Connection, path: str, htmx: bool
) -> None:
    path = path.format(connection=failed.public_id, destination=failed.destination.public_id)

    answer = client_for(viewer).get(f"/s/{space.slug}/{path}", headers={"HX-Request": "true"} if htmx else {})

    assert answer.status_code == 200


def test_outsider_gets_404(client_for: ClientFor, outsider: User, space: Space, failed: Connection) -> None:
    [(call_id,)] = rows("SELECT min(id) FROM delivery_log")
    client = client_for(outsider)

    answers = [client.get(f"/s/{space.slug}/delivery/{path}").status_code for path in ("", f"calls/{call_id}/")]
    answers.append(client.post(f"/s/{space.slug}/delivery/calls/{call_id}/retry/").status_code)

    assert answers == [404, 404, 404]


def test_replay_sends_once_under_the_same_message_id(
    space: Space, sink: Sink, run_worker: RunWorker, failed: Connection
) -> None:
    before = {row[0] for row in rows("SELECT message_id FROM delivery_log")}
    ids = [row[0] for row in rows("SELECT id FROM delivery_log")]
    sink.requests.clear()

    assert replay(space=space, actor=None, call_ids=ids) == 3
    assert replay(space=space, actor=None, call_ids=ids) == 0
    waiting = books_of([failed])[failed.pk]
    run_worker()
    assert replay(space=space, actor=None, call_ids=ids) == 0
    run_worker()

    assert waiting == Books(emitted=4, waiting=4)
    assert books_of([failed])[failed.pk] == Books(emitted=4, delivered=4)
    assert before < set(sink.message_ids)
    assert len(sink.requests) == 4


def test_retry_button_queues_the_call(
    client_for: ClientFor, editor: User, viewer: User, space: Space, failed: Connection
) -> None:
    [(call_id,)] = rows("SELECT min(id) FROM delivery_log")
    url = f"/s/{space.slug}/delivery/calls/{call_id}/retry/"

    refused = client_for(viewer).post(url).status_code
    taken = client_for(editor).post(url).status_code

    assert (refused, taken) == (403, 302)
    assert books_of([failed])[failed.pk] == Books(emitted=4, failed=2, waiting=2)


def test_paging_goes_through_outbox_and_log(space: Space, failed: Connection) -> None:
    first = call_page(space, CallFilter(), size=3)
    second = call_page(space, CallFilter(), size=3, after=first.after or "")
    back = call_page(space, CallFilter(), size=3, before=second.before or "")

    ids = [row.id for row in [*first.rows, *second.rows]]
    assert ids == sorted(ids, reverse=True)
    assert len(set(ids)) == 4
    assert (first.rows[0].status, second.after) == ("waiting", None)
    assert [row.id for row in back.rows] == ids[:3]


def test_api_lists_calls_and_changes_connections(
    api_for: Callable[..., APIClient], owner: User, space: Space, failed: Connection
) -> None:
    api = api_for(owner, space)
    base = f"/api/v1/spaces/{space.slug}"

    listed = api.get(f"{base}/deliveries/?status=failed&connection={failed.public_id}&limit=2").json()
    following = api.get(listed["next"]).json()
    paused = api.patch(f"{base}/connections/{failed.public_id}/", {"enabled": False}, format="json").json()
    sync = api.get(f"{base}/connections/{failed.public_id}/sync/").json()
    replayed = api.post(f"{base}/deliveries/replay/", {"connection": failed.public_id}, format="json")

    assert [len(listed["results"]), len(following["results"])] == [2, 1]
    assert listed["results"][0]["reason"] == "400"
    assert listed["results"][0]["payload"]["event"] == "Audience Entered"
    assert (paused["enabled"], paused["status"]) == (False, "Disconnected")
    assert paused["counts"] == {
        "emitted": 4,
        "delivered": 0,
        "filtered": 0,
        "failed": 3,
        "waiting": 1,
        "in_flight": 0,
        "superseded": 0,
        "unaccounted": 0,
    }
    assert sync["next_list_sync_at"] is None
    assert (replayed.status_code, replayed.json()) == (202, {"replayed": 3})


def test_api_refuses_unknown_filters(api_for: Callable[..., APIClient], owner: User, space: Space) -> None:
    answer = api_for(owner, space).get(f"/api/v1/spaces/{space.slug}/deliveries/?status=lost&connection=nope")

    assert answer.status_code == 400
    assert [error["path"] for error in answer.json()["errors"]] == ["/status", "/connection"]


def test_api_removes_a_connection(
    api_for: Callable[..., APIClient], owner: User, space: Space, failed: Connection
) -> None:
    api = api_for(owner, space)
    url = f"/api/v1/spaces/{space.slug}/connections/{failed.public_id}/"

    assert api.delete(url).status_code == 204
    assert api.delete(url).status_code == 409
    assert books_of([failed])[failed.pk] == Books(emitted=4, failed=3, superseded=1)
