from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from delivery.models import HELD, Connection
from delivery.selectors import tracing
from delivery.selectors.books import Books, books_of
from delivery.selectors.calls import CallFilter, call_page
from delivery.services.emit import Change, emit_changes
from delivery.tests.builders import COMPUTATION_ID, make_connection, make_destination, rows
from delivery.tests.conftest import Clock
from delivery.tests.sinks import Sink
from destinations.services.destinations import set_destination_enabled
from profiles.models import Profile
from spaces.models import Member, Space, User
from tests.factories import make_event, make_profile

RunWorker = Callable[..., bool]
ClientFor = Callable[[User], Client]


@pytest.fixture
def connection(space: Space, sink: Sink) -> Connection:
    return make_connection(space=space, destination=make_destination(space=space, url=sink.url))


@pytest.fixture
def ada(space: Space) -> Profile:
    return make_profile(space=space, ids=[("user_id", "Ada-1"), ("email", "ada@example.com"), ("crm_id", "C-77")])


def enter(space: Space, *profiles: Profile, value: bool = True) -> None:
    emit_changes(
        space=space,
        computation_id=COMPUTATION_ID,
        changes=[Change(profile_id=profile.id, value=value) for profile in profiles],
        now=timezone.now(),
    )


def call_ids() -> list[int]:
    return [row[0] for row in rows("SELECT id FROM delivery UNION SELECT id FROM delivery_log ORDER BY 1")]


def test_message_id_of_a_call_finds_it_wherever_it_is(
    space: Space, connection: Connection, ada: Profile, run_worker: RunWorker
) -> None:
    enter(space, ada)
    [(message_id,)] = rows("SELECT message_id FROM delivery LIMIT 1")

    waiting = tracing.trace(space, message_id)
    run_worker()
    delivered = tracing.trace(space, f"  {message_id} ")

    assert [waiting.kind, *(row.status for row in waiting.calls)] == ["call", "waiting"]
    assert [delivered.kind, *(row.status for row in delivered.calls)] == ["call", "delivered"]
    assert delivered.profile == ada


@pytest.mark.parametrize(
    "text", ["Ada-1", "ada@example.com", "ADA@example.com", "email:ada@example.com", "crm_id:C-77"]
)
def test_any_identifier_finds_the_persons_calls(space: Space, connection: Connection, ada: Profile, text: str) -> None:
    other = make_profile(space=space)
    enter(space, ada, other)

    found = tracing.trace(space, text)

    assert (found.kind, found.profile) == ("person", ada)
    assert {row.profile_id for row in found.calls} == {ada.id}
    assert len(found.calls) == rows("SELECT count(*) FROM delivery WHERE profile_id = %s", ada.id)[0][0]


def test_message_id_of_an_event_finds_it_and_the_calls_that_followed(
    space: Space, connection: Connection, ada: Profile
) -> None:
    enter(space, ada)
    rows("UPDATE delivery SET created_at = created_at - interval '1 hour' RETURNING 1")
    make_event(profile=ada, message_id="web-4711", received_at=timezone.now() - timedelta(minutes=1))
    enter(space, ada, value=False)

    found = tracing.trace(space, "web-4711")

    assert (found.kind, found.profile) == ("event", ada)
    assert found.event is not None
    assert [row.title for row in found.calls] == ["Track: Audience Exited"] * len(found.calls)
    assert len(found.calls) > 0


@pytest.mark.parametrize("text", ["", "   ", "nobody@example.com", "a\0b", "x" * 5000])
def test_nothing_is_found_for_what_is_unknown(space: Space, connection: Connection, ada: Profile, text: str) -> None:
    enter(space, ada)

    assert tracing.trace(space, text).kind == ""


def test_another_space_sees_nothing(space: Space, connection: Connection, ada: Profile, outsider: User) -> None:
    enter(space, ada)
    [(message_id,)] = rows("SELECT message_id FROM delivery LIMIT 1")
    elsewhere = Space.objects.get(workspace__members__user=outsider)

    assert [tracing.trace(elsewhere, text).kind for text in (message_id, "Ada-1", ada.segment_id)] == ["", "", ""]


def test_causes_are_the_newest_events_that_the_computation_looks_at(space: Space, ada: Profile) -> None:
    now = timezone.now()
    for minutes, name in ((50, "Order Completed"), (40, "Product Viewed"), (30, "Order Completed"), (-5, "Later")):
        make_event(profile=ada, name=name, received_at=now - timedelta(minutes=minutes), message_id=f"m{minutes}")

    named = tracing.causes(space, profile_id=ada.id, before=now, events={("track", "Order Completed")})
    every = tracing.causes(space, profile_id=ada.id, before=now, events=None)

    assert [event.message_id for event in named] == ["m30", "m50"]
    assert [event.message_id for event in every] == ["m30", "m40", "m50"]


def test_message_page_tells_the_whole_way(
    client_for: ClientFor, owner: User, space: Space, connection: Connection, ada: Profile, run_worker: RunWorker
) -> None:
    make_event(profile=ada, message_id="web-1", received_at=timezone.now() - timedelta(minutes=1))
    enter(space, ada)
    run_worker()
    client = client_for(owner)

    [message_id] = {row[0] for row in rows("SELECT message_id FROM delivery_log ORDER BY id LIMIT 1")}
    answer = client.get(f"/s/{space.slug}/delivery/trace/", {"q": message_id}, follow=True)

    html = answer.content.decode()
    for part in ("source", "profile", "computation", "call", "mapping", "outcome"):
        assert f'data-test="trace.{part}"' in html
    assert "web-1" in html
    assert "Ada-1" in html
    assert "Everything: the payload is complete." in html
    assert 'data-test="delivery.exchange"' in html


def test_message_page_masks_what_the_member_may_not_see(
    client_for: ClientFor, viewer: User, space: Space, connection: Connection, ada: Profile, run_worker: RunWorker
) -> None:
    Member.objects.filter(user=viewer).update(has_pii_access=False)
    enter(space, ada)
    run_worker()
    client = client_for(viewer)

    pages = [client.get(f"/s/{space.slug}/delivery/calls/{call_id}/").content.decode() for call_id in call_ids()]
    pages.append(client.get(f"/s/{space.slug}/delivery/trace/?q=Ada-1").content.decode())

    assert [page for page in pages if "ada@example.com" in page] == []
    assert all("call.tester" not in page for page in pages)


def test_waiting_call_can_be_tried_now(
    client_for: ClientFor,
    editor: User,
    space: Space,
    connection: Connection,
    ada: Profile,
    sink: Sink,
    run_worker: RunWorker,
    clock: Clock,
) -> None:
    sink.answer = lambda _received: (503, {}, b"")
    enter(space, make_profile(space=space))
    run_worker()
    rows("UPDATE delivery SET next_attempt_at = now() + interval '1 hour' RETURNING 1")
    [call_id] = call_ids()
    sink.answer = lambda _received: (200, {}, b"")
    clock.advance(seconds=1)

    run_worker()
    before = len(sink.requests)
    answer = client_for(editor).post(f"/s/{space.slug}/delivery/calls/{call_id}/retry/")
    run_worker()

    assert answer.status_code == 302
    assert len(sink.requests) - before == 1
    assert books_of([connection])[connection.pk] == Books(emitted=1, delivered=1)


def test_waiting_call_can_be_cancelled_once(
    client_for: ClientFor,
    editor: User,
    viewer: User,
    space: Space,
    connection: Connection,
    sink: Sink,
    run_worker: RunWorker,
) -> None:
    enter(space, make_profile(space=space))
    [call_id] = call_ids()
    url = f"/s/{space.slug}/delivery/calls/{call_id}/cancel/"

    statuses = [client_for(user).post(url).status_code for user in (viewer, editor, editor)]
    run_worker()

    assert statuses == [403, 302, 409]
    assert sink.requests == []
    assert rows("SELECT outcome, reason FROM delivery_log") == [("superseded", "CANCELED_BY_USER")]
    assert books_of([connection])[connection.pk] == Books(emitted=1, superseded=1)


def test_call_of_a_paused_connection_cannot_be_hurried(
    client_for: ClientFor, editor: User, space: Space, connection: Connection
) -> None:
    enter(space, make_profile(space=space))
    rows("UPDATE delivery SET next_attempt_at = %s RETURNING 1", HELD)
    [call_id] = call_ids()

    assert client_for(editor).post(f"/s/{space.slug}/delivery/calls/{call_id}/retry/").status_code == 409


def test_skipped_call_cannot_be_replayed_while_its_destination_is_off(
    client_for: ClientFor, editor: User, owner: User, space: Space, connection: Connection
) -> None:
    set_destination_enabled(destination=connection.destination, actor=owner, is_enabled=False)
    enter(space, make_profile(space=space))
    [call_id] = call_ids()

    answer = client_for(editor).post(f"/s/{space.slug}/delivery/calls/{call_id}/retry/")

    assert answer.status_code == 409
    assert "is off: enable it first" in answer.content.decode()
    assert books_of([connection])[connection.pk] == Books(emitted=1, filtered=1)


def test_messages_are_filtered_by_person_reason_kind_and_time(
    client_for: ClientFor,
    owner: User,
    space: Space,
    connection: Connection,
    ada: Profile,
    sink: Sink,
    run_worker: RunWorker,
) -> None:
    sink.answer = lambda _received: (400, {}, b"")
    enter(space, ada, make_profile(space=space), make_profile(space=space))
    run_worker()
    now = timezone.now()
    client = client_for(owner)
    total = len(call_ids())

    def listed(query: dict[str, str]) -> int:
        return client.get(f"/s/{space.slug}/delivery/calls/", query).content.decode().count('data-test="delivery.call"')

    assert listed({"person": "ada@example.com"}) == total - 2
    assert listed({"reason": "400"}) == total
    assert listed({"reason": "500"}) == 0
    assert listed({"kind": "identify"}) == 0
    assert listed({"destination": connection.destination.public_id, "status": "failed"}) == total
    assert listed({"computation": COMPUTATION_ID, "kind": "track"}) == total
    assert listed({"from": (now - timedelta(minutes=5)).isoformat()}) == total
    assert listed({"to": (now - timedelta(minutes=5)).isoformat()}) == 0
    assert listed({"person": "nobody"}) == total


def test_time_filter_that_is_no_time_is_told(
    client_for: ClientFor, owner: User, space: Space, connection: Connection
) -> None:
    answer = client_for(owner).get(f"/s/{space.slug}/delivery/calls/?from=yesterday")

    assert answer.status_code == 200
    assert "from has to be a time such as" in answer.content.decode()


def test_replay_pages_go_from_dead_letters_to_the_outcome(
    client_for: ClientFor, editor: User, space: Space, connection: Connection, sink: Sink, run_worker: RunWorker
) -> None:
    sink.answer = lambda _received: (422, {}, b"unknown field")
    enter(space, *(make_profile(space=space) for _ in range(3)))
    run_worker()
    sink.answer = lambda _received: (200, {}, b"")
    client = client_for(editor)
    base = f"/s/{space.slug}/delivery"

    grouped = client.get(f"{base}/dead-letters/").content.decode()
    preview = client.get(f"{base}/replays/new/?reason=422").content.decode()
    refused = client.post(f"{base}/replays/new/?reason=422", {"rate": "0"})
    started = client.post(f"{base}/replays/new/?reason=422", {"rate": "100"})
    run_page = client.get(started["Location"]).content.decode()
    again = client.post(f"{base}/replays/new/?reason=499", {"rate": "100"}, follow=True)

    assert grouped.count('data-test="dead.reason"') == 1
    assert "Replay all 3…" in grouped
    assert preview.count('data-test="replay.sample"') == 3
    assert (refused.status_code, started.status_code) == (422, 302)
    assert "Dead letters: The destination could not use the payload (422)" in run_page
    assert "Nothing is sent" in again.content.decode()


def test_replay_pages_are_kept_from_viewers_and_outsiders(
    client_for: ClientFor, viewer: User, outsider: User, space: Space, connection: Connection
) -> None:
    url = f"/s/{space.slug}/delivery/replays/new/"

    assert [client_for(user).get(url).status_code for user in (viewer, outsider)] == [403, 404]
    assert [client_for(user).post(url).status_code for user in (viewer, outsider)] == [403, 404]


def test_api_traces_replays_and_cancels(
    api_for: Callable[..., APIClient],
    owner: User,
    space: Space,
    connection: Connection,
    ada: Profile,
    sink: Sink,
    run_worker: RunWorker,
) -> None:
    sink.answer = lambda _received: (422, {}, b"")
    enter(space, ada, make_profile(space=space))
    run_worker()
    api = api_for(owner, space)
    base = f"/api/v1/spaces/{space.slug}"
    total = len(call_ids())

    traced = api.get(f"{base}/trace/", {"q": "ada@example.com"}).json()
    dead = api.get(f"{base}/dead-letters/").json()
    seen = api.post(f"{base}/replays/preview/", {"reason": "422", "rate": 2}, format="json").json()
    wrong = api.post(f"{base}/replays/", {"rate": 0}, format="json")
    started = api.post(f"{base}/replays/", {"connection": connection.public_id, "rate": 5}, format="json")
    run = started.json()
    paused = api.post(f"{base}/replays/{run['id']}/pause/").json()
    resumed = api.post(f"{base}/replays/{run['id']}/resume/").json()
    cancelled = api.post(f"{base}/replays/{run['id']}/cancel/").json()
    items = api.get(f"{base}/replays/{run['id']}/messages/").json()
    retried = api.post(f"{base}/deliveries/{call_ids()[0]}/retry/").json()
    dropped = api.post(f"{base}/deliveries/{call_ids()[0]}/cancel/").json()
    nothing = api.post(f"{base}/replays/", {"reason": "500"}, format="json")

    assert (traced["found"], traced["profile"], len(traced["calls"])) == ("person", ada.segment_id, total - 1)
    assert (dead["total"], dead["groups"][0]["reason"], dead["groups"][0]["calls"]) == (total, "422", total)
    assert (seen["count"], seen["rate"], seen["seconds"]) == (total, 2, -(-total // 2))
    assert (wrong.status_code, wrong.json()["errors"][0]["path"]) == (400, "/rate")
    assert (started.status_code, run["total"], run["state"]) == (201, total, "running")
    assert (paused["state"], resumed["state"], cancelled["state"]) == ("paused", "running", "cancelled")
    assert items == {"next": None, "results": []}
    assert (retried["status"], dropped["status"]) == ("waiting", "superseded")
    assert (nothing.status_code, nothing.json()["code"]) == (409, "nothing_to_replay")


def test_filter_by_computation_and_paging_meet_every_call_once(
    space: Space, connection: Connection, run_worker: RunWorker
) -> None:
    enter(space, *(make_profile(space=space) for _ in range(5)))
    run_worker()
    enter(space, *(make_profile(space=space) for _ in range(2)))
    wanted = CallFilter(computation_id=COMPUTATION_ID)

    first = call_page(space, wanted, size=4)
    second = call_page(space, wanted, size=4, after=first.after or "")

    assert sorted(row.id for row in [*first.rows, *second.rows]) == call_ids()
    assert second.after is None
