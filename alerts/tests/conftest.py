from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from django.utils import timezone

from alerts.models import AlertRule
from alerts.services import rules
from audiences.models import Audience
from delivery.models import Connection
from delivery.services import counters
from delivery.services.counters import Count
from destinations.models import Destination
from spaces.models import Space, User


@pytest.fixture
def destination(space: Space) -> Destination:
    return Destination.objects.create(space=space, connector="webhook", name="CRM", settings={})


@pytest.fixture
def audience(space: Space) -> Audience:
    return Audience.objects.create(space=space, key="buyers", name="Buyers", definition={}, size=100)


@pytest.fixture
def connection(space: Space, destination: Destination, audience: Audience) -> Connection:
    return Connection.objects.create(
        space=space,
        destination=destination,
        computation_id=audience.public_id,
        computation_key="buyers",
        computation_name="Buyers",
    )


@pytest.fixture
def count(connection: Connection) -> Callable[..., None]:
    """`count(delivered=5, failed=1, at=…)` enters calls in the books."""

    def enter(*, at: datetime | None = None, **calls: int) -> None:
        counters.add(
            [Count.of(connection, outcome, calls=number) for outcome, number in calls.items()],
            now=at or timezone.now(),
        )

    return enter


@pytest.fixture
def make_rule(space: Space, owner: User) -> Callable[..., AlertRule]:
    def make(kind: str, **values: Any) -> AlertRule:
        return rules.create_rule(space=space, actor=values.pop("actor", owner), kind=kind, values=values)

    return make
