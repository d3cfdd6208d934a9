"""A person with rows in every table that can hold one, and a search of the whole database for what is left."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import connection
from django.utils import timezone

from audiences.models import Audience, AudienceExport, ComputeStatus, Membership
from audiences.services.exports import path_of
from delivery.models import Attempt, Connection, DeliveryLog, ListMember
from delivery.services.emit import Change, emit_changes
from delivery.tests.builders import make_connection, make_destination
from destinations.models import EventTest
from ingest import bodies
from ingest.models import IdentityIssue
from ingest.tests.inbound_rows import identify, ingest, profile_of, track
from journeys.models import DryRun, JourneyScenario, Position, Run
from journeys.tests.factories import make_definition, make_live_journey, row_of
from profiles.models import Profile
from spaces import audit
from spaces.models import Source, Space
from tests.factories import make_profile, make_source
from traits.models import Trait, TraitValue
from traits.tests.building import ORDERS

EMAIL, USER, NAME, ANONYMOUS = "Ann.Leaver@Example.com", "user-7291", "Annabella Leaver", "anon-5512-77"
RAN = {"ok": True, "differences": [], "at": "2026-05-01T12:00:00Z", "version": 1, "revision": 1}
NOTHING: dict[str, Any] = {"entered": 0, "completed": False, "steps": {}, "sent": []}
WHERE = {"version": 1, "collection": "users", "where": {"event": "Order Completed"}}


class World:
    """`ann` will leave, `bob` stays."""

    def __init__(self, space: Space) -> None:
        self.space = space
        self.source: Source = make_source(space=space)
        self._receive()
        self.ann: Profile = profile_of(space, "user_id", USER)
        self.bob: Profile = profile_of(space, "user_id", "user-bob")
        self._compute()
        self._deliver()
        self._journeys()
        self._copies()

    def _receive(self) -> None:
        now = timezone.now()
        ingest(
            self.source,
            identify(
                "m1", userId=USER, traits={"email": EMAIL, "name": NAME, "plan": "pro", "address": {"city": "Ulm"}}
            ),
            identify("m2", userId="user-bob", traits={"email": "bob@example.com", "name": "Bob", "plan": "pro"}),
            track("m3", userId=USER, anonymousId=ANONYMOUS, properties={"revenue": 5, "coupon": EMAIL.lower()}),
            track("m4", userId="user-bob", properties={"revenue": 7}),
            {"type": "group", "messageId": "m5", "userId": USER, "groupId": "firm-1", "traits": {"name": "Firm"}},
            {"type": "nonsense", "messageId": "m6", "userId": USER},
            received_at=now,
        )
        ingest(self.source, track("m3", userId=USER), received_at=now)
        IdentityIssue.objects.create(
            space_id=self.space.pk, at=now, violation="ID value blocked", id_type="email", value=EMAIL, message_id="x"
        )

    def _compute(self) -> None:
        now = timezone.now()
        self.audience = Audience.objects.create(
            space=self.space, key="buyers", name="Buyers", definition=WHERE, status=ComputeStatus.LIVE, size=2
        )
        self.trait = Trait.objects.create(
            space=self.space, key="orders", name="Orders", kind="event_counter", definition=ORDERS, size=2
        )
        for profile in (self.ann, self.bob):
            Membership.objects.create(
                space_id=self.space.pk,
                audience_id=self.audience.pk,
                profile_id=profile.id,
                is_member=True,
                changed_at=now,
            )
            TraitValue.objects.create(
                space_id=self.space.pk, trait_id=self.trait.pk, profile_id=profile.id, value=1, changed_at=now
            )

    def _deliver(self) -> None:
        now = timezone.now()
        both = {"computation_id": self.audience.public_id, "computation_key": "buyers", "computation_name": "Buyers"}
        hook = make_destination(space=self.space, connector="webhook")
        slack = make_destination(space=self.space, connector="slack")
        crowd = make_destination(space=self.space, connector="webhook_list")
        self.hook: Connection = make_connection(space=self.space, destination=hook, **both)
        self.slack: Connection = make_connection(space=self.space, destination=slack, **both)
        self.crowd: Connection = make_connection(space=self.space, destination=crowd, **both)
        for value in (True, False):
            changes = [Change(profile_id=one.id, value=value) for one in (self.ann, self.bob)]
            emit_changes(space=self.space, computation_id=self.audience.public_id, changes=changes, now=now)
            now += timedelta(seconds=1)
            with connection.cursor() as cursor:
                cursor.execute("DELETE FROM list_change")
            if value:
                self._finish()

    def _finish(self) -> None:
        """The calls that entered are over: one failed for good, with an exchange that somebody else's call keeps."""
        exchange = json.dumps([{"request": {"body": EMAIL}, "response": {"body": USER}}])
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM delivery RETURNING *")
            columns = [column.name for column in cursor.description]
            gone = [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
        keeper = min(row["id"] for row in gone if row["profile_id"] == self.bob.id)
        for row in gone:
            is_mine = row["profile_id"] == self.ann.id
            DeliveryLog.objects.create(
                **{name: row[name] for name in ("space_id", "id", "destination_id", "connection_id", "profile_id")},
                **{name: row[name] for name in ("message_id", "kind", "payload", "created_at", "event")},
                finished_at=timezone.now(),
                attempts=1,
                outcome="failed" if is_mine else "delivered",
                reason="400" if is_mine else None,
                detail=f"{EMAIL} is not known" if is_mine else None,
                exchange=exchange if row["id"] == keeper else str(keeper),
            )
            Attempt.objects.create(
                space_id=self.space.pk,
                delivery_id=row["id"],
                number=1,
                at=timezone.now(),
                reason="400",
                detail=f"{USER} refused" if is_mine else "",
                exchange=exchange if row["id"] == keeper else str(keeper),
            )
        ListMember.objects.create(
            space_id=self.space.pk,
            connection_id=self.crowd.pk,
            profile_id=self.ann.id,
            id_type="email",
            id_value=EMAIL,
            added_at=timezone.now(),
        )

    def _journeys(self) -> None:
        wait = {"id": "s1", "type": "delay", "after": "entry", "duration": {"days": 1}}
        self.version = make_live_journey(space=self.space, definition=make_definition(wait), computes=False)
        for profile in (self.ann, self.bob):
            run = Run.objects.create(
                space_id=self.space.pk,
                profile_id=profile.id,
                id=profile.id,
                journey_id=self.version.journey_id,
                version_id=self.version.pk,
                entered_at=timezone.now(),
            )
            Position.objects.create(
                space_id=self.space.pk,
                profile_id=profile.id,
                run_id=run.id,
                step_id=row_of(self.version, "s1").pk,
                version_id=self.version.pk,
                arrived_at=timezone.now(),
                joined_at=timezone.now(),
            )
        JourneyScenario.objects.create(
            journey=self.version.journey,
            name="Ann",
            request={"profile": f"user_id:{USER}"},
            expected=NOTHING,
            result=RAN,
        )
        DryRun.objects.create(
            space=self.space,
            version=self.version,
            definition=self.version.definition,
            revision=1,
            from_at=timezone.now(),
            to_at=timezone.now(),
            state="cancelled",
            result={"samples": [{"payload": {"userId": USER, "email": EMAIL}}]},
        )

    def _copies(self) -> None:
        test = {"type": "track", "userId": USER}
        EventTest.objects.create(
            destination=self.hook.destination, event=test, result={"calls": [{"request": {"body": json.dumps(test)}}]}
        )
        with connection.cursor() as cursor:  # a table of an app above
            cursor.execute(
                "INSERT INTO echo_request (name, received_at, method, query, headers, body, status) "
                "VALUES ('hook', now(), 'POST', '', '{}', %s, 200)",
                [json.dumps(test)],
            )
        audit.record(
            space=self.space, actor=None, action="journey.tested", target=self.version.journey, after={"person": EMAIL}
        )
        export = AudienceExport.objects.create(
            space=self.space, audience=self.audience, state=AudienceExport.State.DONE, expires_at=timezone.now()
        )
        self.file = path_of(export)
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self.file.write_text(f"email\n{EMAIL}\n")


def found(*texts: str) -> list[str]:
    """`table: row` of every row of the database that holds one of the texts, packed requests opened."""
    wanted = [text.lower() for text in texts]
    holds: list[str] = []
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
        for (table,) in cursor.fetchall():
            cursor.execute(f'SELECT t::text FROM "{table}" t')
            holds += [
                f"{table}: {row[:200]}" for (row,) in cursor.fetchall() if any(text in row.lower() for text in wanted)
            ]
        for table in ("inbound_log", "inbound_batch"):
            cursor.execute(f"SELECT encoding, body FROM {table}")
            for encoding, body in cursor.fetchall():
                text = bodies.unpack(encoding, bytes(body)).decode()
                holds += [f"{table}: {text[:200]}"] * any(one in text.lower() for one in wanted)
    for path in (settings.ENGAGE_DATA / "exports").glob("*"):
        text = path.read_text().lower()
        holds += [f"{path.name}: {text[:200]}"] * any(one in text for one in wanted)
    return holds


def others(space: Space, count: int) -> list[Profile]:
    return [make_profile(space=space, traits={"n": number}) for number in range(count)]


def names(values: Any) -> set[str]:
    return {value.partition(":")[0] for value in values}
