"""Deleting a person leaves nothing of them (issue: governance; ingestion-and-profiles.md §9)."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection as database
from django.utils import timezone

from audiences.models import ChangedProfiles, Membership, MembershipCount
from audiences.services.audiences import create_audience, start_run
from common.errors import ConflictError, InvalidError
from delivery.models import Attempt, Delivery, DeliveryLog, ListChange, ListMember, SentValue
from delivery.selectors import books, dead_letters
from delivery.services import connections, replay
from delivery.services.source_connections import connect_source
from delivery.tests.builders import make_destination
from destinations.models import DeletionForward
from ingest.deletion import job, requests
from ingest.deletion.subject import Identity
from ingest.received import Incoming, received_page
from ingest.tests.inbound_rows import counts, ingest, profile_of, receive, track
from ingest.tests.inbound_rows import process as process_inbound
from ingest.tests.leaving import ANONYMOUS, EMAIL, NAME, USER, World, found, names
from journeys.models import Position, Run
from journeys.tests.factories import run_backfills
from profiles.models import Event, ExternalId, ObservedField, Profile, Regulation, Suppression
from spaces.models import AuditEntry, Space, User
from tests.factories import make_account, make_profile

pytestmark = pytest.mark.django_db
Kind, State = Regulation.Kind, Regulation.State


@pytest.fixture(autouse=True)
def _own_files(tmp_path: Path, settings) -> None:
    settings.ENGAGE_DATA = tmp_path


@pytest.fixture
def world(space: Space) -> World:
    return World(space)


def work_off(regulation: Regulation, *, times: int = 20) -> Regulation:
    """Let workers have it as often as it takes; lists answer at once."""
    for _ in range(times):
        Regulation.objects.filter(pk=regulation.pk).update(lease_until=None)
        ListChange.objects.all().delete()
        claimed = job.claim()
        if claimed is None:
            break
        job.carry_out(claimed)
    regulation.refresh_from_db()
    return regulation


def settle(regulation: Regulation) -> None:
    """Say of every destination that it was seen to."""
    regulation.forwards.filter(state__in=["waiting", "failed"]).update(state="by_hand")


def delete(world: World, owner: User, kind: str = Kind.DELETE) -> Regulation:
    regulation = requests.ask(space=world.space, actor=owner, kind=kind, profile=world.ann)
    work_off(regulation)
    settle(regulation)
    return work_off(regulation)


def test_the_search_of_the_database_finds_the_person_before(world: World) -> None:
    tables = {re.sub(r"_(default|p?\d[\d_]*)$", "", one) for one in names(found(EMAIL, USER, NAME, ANONYMOUS))}

    assert {
        *("profile", "external_id", "event", "delivery", "delivery_log", "attempt", "sent_value", "list_member"),
        *("inbound_log", "rejected_message", "identity_issue", "observed_field", "destinations_eventtest"),
        *("journeys_journeyscenario", "journeys_dryrun", "echo_request", "spaces_auditentry"),
    } <= tables


def test_after_deletion_no_row_of_the_database_names_the_person(world: World, owner: User) -> None:
    regulation = delete(world, owner)

    assert regulation.state == State.DONE
    assert found(EMAIL, USER, NAME, ANONYMOUS) == []
    assert regulation.subject == b""
    assert not world.file.exists()


def test_the_others_are_untouched(world: World, owner: User) -> None:
    delete(world, owner)

    assert [row.id for row in Profile.objects.in_space(world.space).filter(collection=0)] == [world.bob.id]
    assert Event.objects.in_space(world.space).filter(profile_id=world.bob.id).count() == 1
    assert [run.profile_id for run in Run.objects.in_space(world.space)] == [world.bob.id]
    assert [one.profile_id for one in Position.objects.in_space(world.space)] == [world.bob.id]
    texts = [one.text for one in received_page(Incoming(space=world.space)).rows]
    assert sum("user-bob" in text for text in texts) == 2
    fields = {
        row.path: row.samples for row in ObservedField.objects.filter(space_id=world.space.pk) if row.scope == "trait"
    }
    assert fields["email"] == ["bob@example.com"]
    assert fields["plan"] == ["pro"]


def test_sizes_and_books_stay_true(world: World, owner: User) -> None:
    before = {one.pk: books.books_of([one])[one.pk] for one in (world.hook, world.slack)}

    delete(world, owner)

    world.audience.refresh_from_db()
    world.trait.refresh_from_db()
    assert (world.audience.size, world.trait.size) == (1, 1)
    counted = MembershipCount.objects.get(audience_id=world.audience.pk)
    assert (counted.left, counted.size) == (1, 1)
    for one in (world.hook, world.slack):
        after = books.books_of([one])[one.pk]
        assert after.emitted == before[one.pk].emitted
        assert after.superseded == before[one.pk].superseded + 1
        assert after.waiting == before[one.pk].waiting - 1


def test_finished_calls_keep_their_rows_and_cannot_be_replayed(world: World, owner: User) -> None:
    rows = DeliveryLog.objects.filter(space_id=world.space.pk)
    before = sorted(rows.values_list("id", "outcome"))

    regulation = delete(world, owner)

    assert [row for row in sorted(rows.values_list("id", "outcome")) if row in before] == before
    gone = rows.filter(profile_id=0, outcome="failed")
    assert {(row.payload, row.exchange, row.entry) for row in gone} == {("{}", None, None)}
    assert dead_letters.count(world.space, dead_letters.Selection()) == 0
    assert replay.replay(space=world.space, actor=owner) == 0
    assert regulation.counts["delivery_log"] >= 2
    assert Attempt.objects.filter(space_id=world.space.pk).count() > 0


def test_what_is_done_is_told(world: World, owner: User) -> None:
    regulation = delete(world, owner)

    told = {one.destination_id: one.state for one in regulation.forwards.all()}
    assert set(told) == {world.hook.destination_id, world.slack.destination_id, world.crowd.destination_id}
    assert told[world.slack.destination_id] == DeletionForward.State.BY_HAND
    assert regulation.identifiers == {"anonymous_id": 1, "email": 1, "user_id": 1}
    assert regulation.segment_id == world.ann.segment_id
    assert regulation.counts["event"] == 1
    assert regulation.counts["inbound_log"] == 5
    entries = AuditEntry.objects.filter(action__startswith="regulation.").order_by("id")
    assert [entry.action for entry in entries] == ["regulation.asked", "regulation.finished"]
    assert entries[0].after["profile"] == world.ann.segment_id


def test_a_definition_that_names_the_person_is_listed(world: World, owner: User) -> None:
    world.audience.definition = {"version": 1, "collection": "users", "where": {"trait": "email", "value": EMAIL}}
    world.audience.save()

    regulation = delete(world, owner)

    assert regulation.left == [{"what": "audience", "name": "Buyers"}]


def test_while_it_is_under_way_calls_are_refused_and_afterwards_taken(world: World, owner: User) -> None:
    regulation = requests.ask(space=world.space, actor=owner, kind=Kind.DELETE, profile=world.ann)
    before = counts(world.source)

    ingest(world.source, track("n1", userId=USER))
    during = counts(world.source)
    work_off(regulation), settle(regulation), work_off(regulation)
    ingest(world.source, track("n2", userId=USER))

    assert (during[1] - before[1], during[3] - before[3]) == (0, 1)
    assert Suppression.objects.count() == 0
    assert profile_of(world.space, "user_id", USER).id != world.ann.id


def test_deleted_and_suppressed_people_do_not_come_back(world: World, owner: User) -> None:
    delete(world, owner, Kind.DELETE_AND_SUPPRESS)

    ingest(world.source, track("n1", userId=USER), track("n2", anonymousId=ANONYMOUS))

    assert ExternalId.objects.in_space(world.space).filter(value__in=[USER, ANONYMOUS]).count() == 0
    assert found(EMAIL, USER, NAME, ANONYMOUS) == []
    assert Suppression.objects.count() == 3


def test_what_waits_in_the_inbound_log_is_refused_before_the_profile_goes(world: World, owner: User) -> None:
    receive(world.source, track("n1", userId=USER), received_at=timezone.now())
    regulation = requests.ask(space=world.space, actor=owner, kind=Kind.DELETE, profile=world.ann)

    work_off(regulation, times=1)
    waiting = (regulation.step, Profile.objects.filter(id=world.ann.id).exists())
    process_inbound()
    work_off(regulation), settle(regulation), work_off(regulation)

    assert waiting == ("drain", True)
    assert regulation.state == State.DONE
    assert found(USER) == []


def test_a_call_under_way_holds_the_request_until_its_outcome_is_written(world: World, owner: User) -> None:
    Delivery.objects.filter(profile_id=world.ann.id, connection_id=world.hook.pk).update(
        lease_until=timezone.now() + timedelta(minutes=1)
    )
    regulation = requests.ask(space=world.space, actor=owner, kind=Kind.DELETE, profile=world.ann)

    work_off(regulation, times=3)
    step = regulation.step
    Delivery.objects.filter(profile_id=world.ann.id).update(lease_until=None)
    work_off(regulation), settle(regulation), work_off(regulation)

    assert step == "calls"
    assert regulation.state == State.DONE
    assert found(EMAIL, USER) == []


@pytest.mark.parametrize("step", list(job.STEPS))
def test_a_worker_killed_in_any_step_is_taken_up(
    step: str, world: World, owner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    regulation = requests.ask(space=world.space, actor=owner, kind=Kind.DELETE, profile=world.ann)
    real = job.STEPS[step]

    def die_after(one: job.Job) -> None:
        real(one)
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setitem(job.STEPS, step, die_after)
        for _ in range(4):
            Regulation.objects.filter(pk=regulation.pk).update(lease_until=None)
            ListChange.objects.all().delete()
            settle(regulation)
            claimed = job.claim()
            try:
                job.carry_out(claimed)
            except SystemExit:
                break
    work_off(regulation), settle(regulation), work_off(regulation)

    assert regulation.state == State.DONE
    assert found(EMAIL, USER, NAME, ANONYMOUS) == []
    world.audience.refresh_from_db()
    assert world.audience.size == 1


def test_lists_are_asked_to_let_the_person_go_first(world: World, owner: User) -> None:
    regulation = requests.ask(space=world.space, actor=owner, kind=Kind.DELETE, profile=world.ann)
    for _ in range(3):
        Regulation.objects.filter(pk=regulation.pk).update(lease_until=None)
        job.carry_out(job.claim())

    change = ListChange.objects.get(connection_id=world.crowd.pk)
    assert (change.is_add, change.id_value) == (False, EMAIL)
    assert regulation.forwards.get(destination=world.crowd.destination).state == "waiting"
    regulation.refresh_from_db()
    assert regulation.step == "forward"


def test_calls_made_for_a_profile_that_was_merged_away_are_found(world: World, owner: User) -> None:
    DeliveryLog.objects.filter(profile_id=world.ann.id).update(profile_id=999_999)
    Profile.objects.filter(id=world.ann.id).update(merges=1)

    delete(world, owner)

    assert found(EMAIL, USER) == []
    assert not DeliveryLog.objects.filter(profile_id=999_999).exists()


def test_short_identifiers_are_found_where_identifiers_stand_and_nowhere_else(space: Space, owner: User) -> None:
    world = World(space)
    short = make_profile(space=space, ids={"user_id": "pro"})
    ingest(world.source, track("s1", userId="pro", properties={"plan": "x"}), received_at=timezone.now())

    regulation = requests.ask(space=space, actor=owner, kind=Kind.DELETE, profile=short)
    work_off(regulation), settle(regulation), work_off(regulation)

    fields = {row.path: row.samples for row in ObservedField.objects.filter(space_id=space.pk) if row.scope == "trait"}
    assert fields["plan"] == ["pro"]
    texts = [one.text for one in received_page(Incoming(space=space)).rows]
    assert not any('"userId": "pro"' in text for text in texts)
    assert sum(NAME in text for text in texts) == 1


def test_suppressing_a_person_keeps_the_profile_and_refuses_calls(world: World, owner: User) -> None:
    regulation = requests.ask(space=world.space, actor=owner, kind=Kind.SUPPRESS, profile=world.ann)

    ingest(world.source, track("n1", anonymousId=ANONYMOUS))

    assert (regulation.state, regulation.counts) == (State.DONE, {"identifiers": 3})
    assert Profile.objects.filter(id=world.ann.id).exists()
    assert requests.suppressing(world.space, world.ann) == [regulation]
    assert counts(world.source)[3] == 2  # one was refused when the world was made


@pytest.mark.parametrize("way", ["by the request", "by the profile", "by an identifier"])
def test_a_suppression_is_lifted(way: str, world: World, owner: User) -> None:
    regulation = requests.ask(space=world.space, actor=owner, kind=Kind.SUPPRESS, profile=world.ann)
    ways: dict[str, Callable[[], Regulation]] = {
        "by the request": lambda: requests.lift_regulation(regulation=regulation, actor=owner),
        "by the profile": lambda: requests.ask(space=world.space, actor=owner, kind=Kind.UNSUPPRESS, profile=world.ann),
        "by an identifier": lambda: requests.ask(
            space=world.space, actor=owner, kind=Kind.UNSUPPRESS, identifiers=[Identity("user_id", USER, USER)]
        ),
    }

    made = ways[way]()

    assert (made.kind, made.state, made.counts) == (Kind.UNSUPPRESS, State.DONE, {"identifiers": 3})
    assert Suppression.objects.count() == 0


def test_requests_that_make_no_sense_are_refused(world: World, owner: User) -> None:
    firm = make_account(space=world.space)
    ask = {"space": world.space, "actor": owner}

    with pytest.raises(InvalidError, match="company"):
        requests.ask(**ask, kind=Kind.DELETE, profile=firm)
    with pytest.raises(InvalidError, match="Name a profile"):
        requests.ask(**ask, kind=Kind.DELETE)
    with pytest.raises(ConflictError, match="None of these"):
        requests.ask(**ask, kind=Kind.UNSUPPRESS, profile=world.ann)
    requests.ask(**ask, kind=Kind.DELETE, profile=world.ann)
    with pytest.raises(ConflictError, match="already"):
        requests.ask(**ask, kind=Kind.DELETE, profile=world.ann)

    assert Regulation.objects.count() == 1


def test_what_was_queued_for_evaluation_is_forgotten(world: World, owner: User) -> None:
    delete(world, owner)

    assert all(world.ann.id not in row.profile_ids for row in ChangedProfiles.objects.all())
    assert not SentValue.objects.filter(profile_id=world.ann.id).exists()
    assert not ListMember.objects.filter(profile_id=world.ann.id).exists()


def test_a_suppressed_person_enters_no_audience_but_may_leave_one(world: World, owner: User) -> None:
    requests.ask(space=world.space, actor=owner, kind=Kind.SUPPRESS, profile=world.ann)
    definition = {"version": 1, "collection": "users", "where": {"event": "Order Completed"}}

    audience = create_audience(space=world.space, name="Later", definition=definition, created_by=owner)
    run_backfills()
    Event.objects.filter(profile_id=world.ann.id).delete()
    start_run(world.audience)
    run_backfills()

    audience.refresh_from_db()
    members = Membership.objects.filter(is_member=True).values_list("audience_id", "profile_id")
    assert audience.size == 1
    assert set(members) == {(audience.pk, world.bob.id), (world.audience.pk, world.bob.id)}


def test_events_that_were_sent_on_directly_are_forgotten_and_those_of_others_stay(world: World, owner: User) -> None:
    """F136: also calls that the space kept nothing of, by user id, and by what else they say."""
    connection = connect_source(source=world.source, destination=make_destination(space=world.space), actor=owner)
    slack = connect_source(
        source=world.source, destination=make_destination(space=world.space, connector="slack"), actor=owner
    )
    kept_out = {"integrations": {"Engage": False}}
    ingest(
        world.source,
        track("d1", userId=USER, properties={"coupon": EMAIL}),
        {"type": "alias", "messageId": "d2", "userId": USER, "previousId": ANONYMOUS},
        track("d3", anonymousId=ANONYMOUS, **kept_out),
        track("d4", userId="somebody", properties={"email": EMAIL}, **kept_out),
        track("d5", userId="user-bob"),
        track("d6", userId="user-bob", **kept_out),
        received_at=timezone.now(),
    )
    with database.cursor() as cursor:
        cursor.execute("UPDATE delivery SET lease_until = %s", [timezone.now() - timedelta(days=1)])
    for one in (connection, slack):
        connections.supersede_waiting(connection=one, now=timezone.now())
    ingest(world.source, track("d7", userId=USER, properties={"coupon": EMAIL}), received_at=timezone.now())

    regulation = delete(world, owner)

    assert regulation.state == State.DONE
    assert found(EMAIL, USER, NAME, ANONYMOUS) == []
    left = DeliveryLog.objects.filter(connection_id=connection.pk).exclude(payload="{}").values_list("message_id")
    assert sorted(left) == [("d5",), ("d6",)]
    counted = books.books_of([connection])[connection.pk]
    assert (counted.emitted, counted.superseded, counted.unaccounted) == (7, 7, 0)
    assert slack.destination_id in set(regulation.forwards.values_list("destination_id", flat=True))
