"""Drift of lists and its repair, with the webhook list as the destination."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from common.errors import ConflictError
from delivery.models import Connection, FirstSync
from delivery.selectors.drift import Drift, drift_of, drift_page
from delivery.services import lists
from delivery.services.emit import Change, emit_changes
from delivery.services.repair import repair, repair_slice
from delivery.tests.builders import make_connection, make_destination, rows
from delivery.tests.sinks import Received, Sink
from spaces.models import AuditEntry, Space, User
from tests.factories import make_identifier, make_profile

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
NOTHING = {
    "members": 0,
    "unreachable": 0,
    "acknowledged": 0,
    "acknowledged_people": 0,
    "waiting_adds": 0,
    "waiting_removes": 0,
    "missing": 0,
    "missing_people": 0,
    "extra": 0,
    "extra_people": 0,
}


class Listed:
    """A list connection of the computation `aud_test`, and a clock."""

    def __init__(self, space: Space, sink: Sink, **settings: Any) -> None:
        self.space, self.sink, self.now = space, sink, NOW
        destination = make_destination(space=space, url=sink.url, connector="webhook_list", **settings)
        self.connection: Connection = make_connection(space=space, destination=destination)

    def change(self, *profile_ids: int, value: bool = True) -> None:
        emit_changes(
            space=self.space,
            computation_id=self.connection.computation_id,
            changes=[Change(profile_id=profile_id, value=value) for profile_id in profile_ids],
            now=self.now,
        )

    def sync(self) -> None:
        self.now += timedelta(minutes=61)
        lists.sync_due(now=self.now)

    def drift(self) -> Drift:
        found = drift_of(Connection.objects.get(pk=self.connection.pk))
        assert found is not None
        return found

    def on_list(self) -> list[int]:
        found = rows("SELECT profile_id FROM list_member WHERE connection_id = %s ORDER BY 1", self.connection.pk)
        return [row[0] for row in found]

    def refuse(self, status: int = 400) -> None:
        self.sink.answer = lambda _received: (status, {}, b"no")

    def accept(self) -> None:
        self.sink.answer = lambda _received: (200, {}, b"ok")


@pytest.fixture
def listed(space: Space, sink: Sink) -> Listed:
    return Listed(space, sink)


def people(space: Space, count: int) -> list[int]:
    return [make_profile(space=space).id for _ in range(count)]


def drift(**numbers: int) -> Drift:
    return Drift(**{**NOTHING, **numbers})


def test_a_list_in_step_has_no_drift(listed: Listed, space: Space) -> None:
    ids = people(space, 3)
    listed.change(*ids)
    listed.sync()

    assert listed.drift() == drift(members=3, acknowledged=3, acknowledged_people=3)
    assert listed.on_list() == ids


def test_what_waits_for_the_next_sync_is_no_drift(listed: Listed, space: Space) -> None:
    stays, leaves = people(space, 2)
    listed.change(stays, leaves)
    listed.sync()
    listed.change(leaves, value=False)
    listed.change(*people(space, 1))

    assert listed.drift() == drift(members=2, acknowledged=2, acknowledged_people=2, waiting_adds=1, waiting_removes=1)


def test_refused_adds_are_missing_and_refused_removes_are_extra(listed: Listed, space: Space) -> None:
    stays, leaves, comes = people(space, 3)
    listed.change(stays, leaves)
    listed.sync()
    listed.refuse()
    listed.change(leaves, value=False)
    listed.change(comes)
    listed.sync()

    missing, extra = drift_page(listed.connection, "missing"), drift_page(listed.connection, "extra")
    assert listed.drift() == drift(
        members=2, acknowledged=2, acknowledged_people=2, missing=1, missing_people=1, extra=1, extra_people=1
    )
    assert [(row.profile_id, row.outcome) for row in missing.rows] == [(comes, "failed")]
    assert [(row.profile_id, row.outcome) for row in extra.rows] == [(leaves, "failed")]


def test_repair_sends_exactly_the_difference(listed: Listed, space: Space, owner: User) -> None:
    stays, leaves, comes = people(space, 3)
    listed.change(stays, leaves)
    listed.sync()
    listed.refuse()
    listed.change(leaves, value=False)
    listed.change(comes)
    listed.sync()
    listed.accept()

    told = repair(connection=listed.connection, actor=owner)
    lists.sync_due(now=listed.now)
    queued = rows("SELECT is_add, profile_id FROM list_change ORDER BY is_add DESC")
    listed.sync()

    assert told is not None
    assert (told.missing, told.extra) == (1, 1)
    assert queued == [(True, comes), (False, leaves)]
    assert listed.on_list() == [stays, comes]
    assert listed.drift() == drift(members=2, acknowledged=2, acknowledged_people=2)
    assert Connection.objects.get().repair_asked_at is None
    entry = AuditEntry.objects.get(action="connection.repaired")
    assert entry.after == {"adds": 1, "removes": 1}


def test_repair_goes_on_in_slices(listed: Listed, space: Space) -> None:
    ids = people(space, 5)
    listed.refuse()
    listed.change(*ids)
    listed.sync()
    listed.accept()
    repair(connection=listed.connection, actor=None)

    done = [repair_slice(connection_id=listed.connection.pk, people=2) for _ in range(4)]
    listed.sync()

    assert done == [True, True, True, False]
    assert listed.on_list() == ids


def test_a_repair_that_was_killed_is_taken_up(listed: Listed, space: Space) -> None:
    ids = people(space, 3)
    listed.refuse()
    listed.change(*ids)
    listed.sync()
    listed.accept()
    repair(connection=listed.connection, actor=None)
    repair_slice(connection_id=listed.connection.pk, people=1)

    listed.sync()
    listed.sync()

    assert listed.on_list() == ids
    assert rows("SELECT count(*) FROM delivery_log WHERE outcome = 'delivered'") == [(3,)]


def test_partial_failures_of_a_batch_are_missing_one_by_one(listed: Listed, space: Space) -> None:
    good, bad = people(space, 2)
    listed.change(good)
    listed.sync()
    listed.refuse()
    listed.change(bad)
    listed.sync()

    assert [row.profile_id for row in drift_page(listed.connection, "missing").rows] == [bad]


@pytest.mark.parametrize("side", ["missing", "extra"])
def test_people_are_paged(listed: Listed, space: Space, side: Any) -> None:
    ids = people(space, 5)
    if side == "extra":
        listed.change(*ids)
        listed.sync()
    listed.refuse()
    listed.change(*ids, value=side == "missing")
    listed.sync()

    first = drift_page(listed.connection, side, size=3)
    second = drift_page(listed.connection, side, after=first.after or "", size=3)

    assert [row.profile_id for row in first.rows] == ids[:3]
    assert [row.profile_id for row in second.rows] == ids[3:]
    assert second.after is None


def everybody(connection: Connection) -> tuple[str, dict[str, Any]]:
    return "SELECT id AS profile_id FROM profile WHERE space_id = %(space)s", {}


def test_members_who_were_never_sent_are_missing_when_everybody_was_to_be(
    listed: Listed, space: Space, settings: Any
) -> None:
    """F122: without history they are not."""
    settings.COMPUTATION_MEMBERS = [f"{__name__}.everybody"]
    make_profile(space=space, ids=[("user_id", "U1"), ("email", "u1@example.org")])
    make_profile(space=space, ids=[("anonymous_id", "a1")])

    without = listed.drift()
    FirstSync.objects.create(connection=listed.connection, state=FirstSync.State.DONE)
    whole = listed.drift()
    repair(connection=listed.connection, actor=None)
    repair_slice(connection_id=listed.connection.pk)
    listed.sync()

    assert without == drift(members=2)
    assert whole == drift(members=2, unreachable=1, missing=2, missing_people=1)
    assert listed.drift() == drift(members=2, unreachable=1, acknowledged=2, acknowledged_people=1)


def test_a_new_identifier_that_was_not_sent_is_no_drift(listed: Listed, space: Space) -> None:
    profile = make_profile(space=space)
    listed.change(profile.id)
    listed.sync()
    make_identifier(profile=profile, id_type="email", value="new@example.org", created_at=NOW)

    assert listed.drift().is_none


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"is_enabled": False}, "This connection is paused. Switch it on first."),
        ({"repair_asked_at": NOW}, "A repair is already under way."),
        ({}, "Nothing has to be repaired: the destination acknowledged exactly the members."),
    ],
)
def test_repair_is_refused_with_a_sentence(listed: Listed, change: dict[str, Any], sentence: str) -> None:
    Connection.objects.update(**change)

    with pytest.raises(ConflictError) as refusal:
        repair(connection=listed.connection, actor=None)

    assert refusal.value.detail == sentence
    assert AuditEntry.objects.filter(action="connection.repaired").count() == 0


def test_repair_waits_for_the_first_sync(listed: Listed) -> None:
    FirstSync.objects.create(connection=listed.connection)

    with pytest.raises(ConflictError, match="first sync"):
        repair(connection=listed.connection, actor=None)


@pytest.fixture
def drifted(listed: Listed, space: Space) -> Listed:
    profile = make_profile(space=space, ids=[("email", "ann@example.org")])
    listed.refuse()
    listed.change(profile.id)
    listed.sync()
    listed.accept()
    return listed


def test_page_counts_both_sides_and_repairs(
    client_for: Callable[[User], Client], owner: User, space: Space, drifted: Listed
) -> None:
    client = client_for(owner)
    url = f"/s/{space.slug}/delivery/connections/{drifted.connection.public_id}/drift/"

    html = client.get(url).content.decode()
    answer = client.post(f"{url}repair/", follow=True)

    assert 'data-test="drift.missing">1<' in html
    assert "ann@example.org" in html
    assert "1 entry is added again (1 person)." in html
    assert "A repair is under way" in answer.content.decode()
    assert Connection.objects.get().repair_asked_at is not None


def test_page_of_one_without_pii_access_hides_addresses(
    client_for: Callable[[User], Client], viewer: User, space: Space, drifted: Listed
) -> None:
    viewer.memberships.update(has_pii_access=False)
    url = f"/s/{space.slug}/delivery/connections/{drifted.connection.public_id}/drift/"

    html = client_for(viewer).get(url).content.decode()

    assert "ann@example.org" not in html
    assert "a••••@example.org" in html


def test_event_destinations_have_no_drift(client_for: Callable[[User], Client], owner: User, space: Space) -> None:
    connection = make_connection(space=space)

    answer = client_for(owner).get(f"/s/{space.slug}/delivery/connections/{connection.public_id}/drift/")

    assert answer.status_code == 404


def test_api_tells_and_repairs(api_for: Callable[..., APIClient], owner: User, space: Space, drifted: Listed) -> None:
    client = api_for(owner, space)
    url = f"/api/v1/spaces/{space.slug}/connections/{drifted.connection.public_id}/drift/"

    report = client.get(url)
    found = client.get(f"{url}people/")
    wrong = client.get(f"{url}people/?side=left")
    repaired = client.post(url)
    again = client.post(url)

    assert report.json()["drift"] == {**NOTHING, "members": 1, "missing": 1, "missing_people": 1}
    [person] = found.json()["results"]
    assert person["entries"] == [{"type": "email", "value": "ann@example.org"}]
    assert (person["outcome"], found.json()["next"]) == ("failed", None)
    assert wrong.status_code == 422 or wrong.status_code == 400
    assert (repaired.status_code, repaired.json()["repair_asked_at"] is not None) == (202, True)
    assert again.status_code == 409


def test_an_answer_per_row_decides_per_row(listed: Listed, space: Space) -> None:
    """The webhook list answers for a batch as a whole: one that is lost is missing until it is tried again."""
    seen: list[Received] = []

    def once(received: Received) -> tuple[int, dict[str, str], bytes]:
        seen.append(received)
        return (503 if len(seen) == 1 else 200), {}, b""

    listed.sink.answer = once
    listed.change(*people(space, 2))
    listed.sync()
    between = listed.drift()
    listed.sync()

    assert between == drift(members=2, waiting_adds=2)
    assert listed.drift() == drift(members=2, acknowledged=2, acknowledged_people=2)
