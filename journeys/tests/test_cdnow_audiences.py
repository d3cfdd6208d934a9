"""Audiences over real orders, against counts from the file alone, without the product.

With ENGAGE_CDNOW naming the whole file the figures are those of issue 5.
"""

from __future__ import annotations

import os
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from audiences.services import audiences as services
from audiences.tests.test_compute import member_ids, run_backfill
from journeys.tests.cdnow import SAMPLE, read_orders
from journeys.tests.cdnow_rows import store_orders
from profiles.models import ExternalId

WHOLE = os.environ.get("ENGAGE_CDNOW", "")
ORDERED = {"event": "Order Completed"}
JANUARY, JUNE = datetime(1998, 1, 1, tzinfo=UTC), datetime(1998, 6, 1, tzinfo=UTC)


@pytest.fixture
def days(space):
    """The days of the orders of each customer, as they are in the file."""
    orders = read_orders(Path(WHOLE) if WHOLE else SAMPLE)
    store_orders(space, orders)
    found = defaultdict(list)
    for order in orders:
        found[order.customer].append(order.at)
    return found


@pytest.mark.django_db
def test_audiences_of_customers_are_those_counted_in_the_file(space, owner, days):
    """At least 5 orders; a last order in June 1998; at least 3 orders and none since 1998-01-01.

    The 1,506 of the issue are those with an order on or after 1998-06-01; on or after 1998-06-02 there are 1,452.
    """
    wheres = {
        "Often": ORDERED | {"count": {"gte": 5}},
        "June": ORDERED | {"window": {"since": "1998-06-01T00:00:00Z"}},
        "Lately": ORDERED | {"window": {"since": "1998-06-02T00:00:00Z"}},
        "Lapsed": {
            "all": [
                ORDERED | {"count": {"gte": 3}},
                ORDERED | {"count": {"eq": 0}, "window": {"since": "1998-01-01T00:00:00Z"}},
            ]
        },
    }
    expected = {
        "Often": {customer for customer, own in days.items() if len(own) >= 5},
        "June": {customer for customer, own in days.items() if max(own) >= JUNE},
        "Lately": {customer for customer, own in days.items() if max(own) >= JUNE + timedelta(days=1)},
        "Lapsed": {customer for customer, own in days.items() if len(own) >= 3 and max(own) < JANUARY},
    }

    found = {}
    for name, where in wheres.items():
        definition = {"version": 1, "collection": "users", "where": where}
        audience = services.create_audience(space=space, name=name, definition=definition, created_by=owner)
        run_backfill()
        audience.refresh_from_db()
        members = ExternalId.objects.filter(profile_id__in=member_ids(audience)).values_list("value", flat=True)
        found[name] = set(members)
        assert audience.size == len(found[name])

    assert found == expected
    figures = {name: len(members) for name, members in found.items()}
    assert not WHOLE or figures == {"Often": 3925, "June": 1506, "Lately": 1452, "Lapsed": 2930}
