"""The walk of one person through an audience, by the real worker, for any connector (`WorkerCase`)."""

from __future__ import annotations

from typing import Any

from common.http import CurlPool
from delivery.models import Connection
from delivery.services import lists
from delivery.services.connections import ComputationRef, connect
from delivery.services.emit import Change, emit_changes
from delivery.services.resending import resend_to_new_identifiers
from delivery.services.worker import Worker
from delivery.tests.builders import rows
from delivery.tests.conftest import Clock
from delivery.tests.vendors import Vendor
from destinations.kit.definition import DestinationDefinition
from destinations.kit.testing import WorkerCase
from destinations.models import Destination
from destinations.services.destinations import create_destination
from destinations.services.mappings import create_mapping
from profiles.models import Profile
from spaces.models import Space
from tests.factories import make_identifier, make_profile


class Walk:
    """One destination with one connected audience, `vip`, and the vendor behind it."""

    def __init__(
        self,
        *,
        definition: DestinationDefinition,
        case: WorkerCase,
        space: Space,
        vendor: Vendor,
        clock: Clock,
    ) -> None:
        self.definition, self.case, self.space, self.vendor = definition, case, space, vendor
        self.clock = clock
        vendor.responses = case.responses
        self.destination = self._configured()
        self.connection: Connection = connect(
            space=space,
            computation=ComputationRef(computation_class="audience", computation_id="aud_1", key="vip", name="VIP"),
            destination=self.destination,
            send_identify="identify" in case.kinds,
            send_track="track" in case.kinds,
            settings=dict(case.audience_settings),
            setup=Connection.Setup.CUSTOMIZED if case.traits else Connection.Setup.DEFAULT,
            trait_mappings=[{"segment": name, "destination": name} for name in case.traits],
            first_sync=False,
            actor=None,
        )
        self.person = self.make_person("u1", "ann@example.org")

    def _configured(self) -> Destination:
        destination = create_destination(
            space=self.space,
            actor=None,
            connector=self.definition.slug,
            name=self.definition.name,
            settings=dict(self.case.settings),
        )
        if self.case.mappings:
            destination.mappings.all().delete()
        for told in self.case.mappings:
            action = self.definition.action(told["action"])
            assert action is not None
            create_mapping(
                destination=destination,
                actor=None,
                action=action.key,
                name=action.title,
                trigger=told.get("trigger"),
                fields={**action.default_fields(), **told.get("fields", {})},
                is_enabled=True,
            )
        return destination

    def make_person(self, user_id: str, email: str) -> int:
        ids = [("user_id", user_id), ("email", email)]
        return make_profile(space=self.space, ids=ids, traits=dict(self.case.traits)).id

    def change(self, profile_id: int, *, value: bool) -> None:
        emit_changes(
            space=self.space,
            computation_id="aud_1",
            changes=[Change(profile_id=profile_id, value=value)],
            now=self.clock(),
        )

    def gain_email(self, email: str) -> None:
        self.clock.advance(seconds=1)
        profile = Profile.objects.get(space_id=self.space.pk, id=self.person)
        make_identifier(profile=profile, id_type="email", value=email, created_at=self.clock())
        resend_to_new_identifiers(space=self.space, profile_ids=[self.person], now=self.clock())

    def work(self) -> list[tuple[str, Any]]:
        """Let the worker do what is due, and tell what the vendor got."""
        if self.definition.kind == "list":
            self.clock.advance(minutes=self.definition.list_interval_minutes + 1)
            lists.sync_due(now=self.clock())
        else:
            with CurlPool(concurrency=20) as pool:
                Worker(pool=pool, clock=self.clock).run(seconds=20)
        return self.vendor.calls()

    def through(self) -> tuple[list[Any], list[Any], list[Any]]:
        """What the vendor got when the person entered, gained an e-mail, and left."""
        self.change(self.person, value=True)
        added = self.work()
        self.gain_email("ann@work.example")
        changed = self.work()
        self.change(self.person, value=False)
        return added, changed, self.work()

    def pass_time(self) -> None:
        """Past every pause between two tries, and before trying ends."""
        self.clock.advance(minutes=20)

    def outcomes(self) -> dict[str, int]:
        """How many calls ended how, and how many wait."""
        found = dict(
            rows("SELECT outcome, count(*) FROM delivery_log WHERE connection_id = %s GROUP BY 1", self.connection.pk)
        )
        waiting = sum(
            rows(f"SELECT count(*) FROM {table} WHERE connection_id = %s", self.connection.pk)[0][0]
            for table in ("delivery", "list_change")
        )
        return {**found, **({"waiting": waiting} if waiting else {})}
