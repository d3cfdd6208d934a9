"""The CDNOW orders as they are stored after an import: received now, having happened long ago."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import connection
from django.utils import timezone

from common.ids import new_user_segment_id
from journeys.tests.cdnow import Order
from profiles.models import Event, EventType, ExternalId, Profile
from spaces.models import Space


def store_orders(space: Space, orders: Sequence[Order]) -> None:
    now = timezone.now()
    customers = sorted({order.customer for order in orders})
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('profile_id_seq') FROM generate_series(1, %s)", [len(customers)])
        ids = dict(zip(customers, (row[0] for row in cursor.fetchall()), strict=True))
        cursor.execute("SELECT nextval('event_id_seq') FROM generate_series(1, %s)", [len(orders)])
        event_ids = [row[0] for row in cursor.fetchall()]
    Profile.objects.bulk_create(
        Profile(space_id=space.pk, id=ids[one], segment_id=new_user_segment_id(), created_at=now, updated_at=now)
        for one in customers
    )
    ExternalId.objects.bulk_create(
        ExternalId(
            space_id=space.pk,
            collection=0,
            id_type="user_id",
            value=one,
            original=one,
            profile_id=ids[one],
            created_at=now,
        )
        for one in customers
    )
    Event.objects.bulk_create(
        Event(
            space_id=space.pk,
            id=event_id,
            profile_id=ids[order.customer],
            type=EventType.TRACK,
            name="Order Completed",
            ts=order.at,
            received_at=now,
            source_id=0,
            message_id=f"cdnow-{event_id}",
            properties={"revenue": order.revenue, "quantity": order.quantity},
        )
        for event_id, order in zip(event_ids, orders, strict=True)
    )
