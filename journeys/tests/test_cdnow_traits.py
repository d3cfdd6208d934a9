"""The CDNOW orders: what the trait total_revenue must sum to, counted from the file alone, without the product.

With ENGAGE_CDNOW naming the whole file the figures are those of issue 5: 2,500,315.63 in all, 500 or more for 734.
"""

from __future__ import annotations

import os
from collections import defaultdict
from decimal import Decimal
from pathlib import Path

import pytest
from django.db import connection

from audiences.models import Membership
from audiences.services.audiences import create_audience
from audiences.services.backfill import claim_run as claim_audience_run
from audiences.services.backfill import work as work_audience_run
from journeys.tests.cdnow import SAMPLE, read_orders
from journeys.tests.cdnow_rows import store_orders
from traits.models import TraitValue
from traits.tests.building import make_trait

WHOLE = os.environ.get("ENGAGE_CDNOW", "")


@pytest.mark.django_db
def test_total_revenue_of_every_customer(space):
    """F066: the trait and an audience that reads it, over real orders."""
    orders = read_orders(Path(WHOLE) if WHOLE else SAMPLE)
    spent: dict[str, Decimal] = defaultdict(Decimal)
    for order in orders:
        spent[order.customer] += Decimal(repr(order.revenue))
    store_orders(space, orders)

    trait = make_trait(space=space)
    where = {"trait": "total_revenue", "greater_or_equal": 500}
    audience = create_audience(
        space=space, name="Big", definition={"version": 1, "collection": "users", "where": where}, created_by=None
    )
    while run := claim_audience_run():
        work_audience_run(run)

    with connection.cursor() as cursor:
        cursor.execute("SELECT sum((traits -> 'total_revenue')::numeric), count(*) FROM profile")
        total, profiles = cursor.fetchone()
    big = sum(1 for revenue in spent.values() if revenue >= 500)
    assert (total, profiles) == (sum(spent.values()), len(spent))
    assert trait.size == TraitValue.objects.filter(value__isnull=False).count() == len(spent)
    assert Membership.objects.filter(audience_id=audience.pk, is_member=True).count() == big
    if WHOLE:
        assert (total, big) == (Decimal("2500315.63"), 734)
