"""A space with many profiles and events, written by COPY.

Activity is skewed: a tenth of the people do half of what happens. Ten kinds of events over the last 90 days, with a
revenue, a product and a category; a third of the profiles has the plan "pro".
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

NAMES = (
    "Product Viewed", "Product Added", "Cart Viewed", "Checkout Started", "Order Completed", "Coupon Entered",
    "Email Opened", "Ad Clicked", "Signed In", "Review Written",
)  # fmt: skip
WEIGHTS = (30, 14, 10, 6, 10, 4, 12, 6, 6, 2)
PLANS = ("free", "team", "pro")
DAYS = 90
NOW = datetime.now(UTC).replace(second=0, microsecond=0)
BLOCK = 50_000


def make_space(slug: str) -> Any:
    from spaces.models import Space, Workspace  # noqa: PLC0415 - Django is set up before

    workspace, _ = Workspace.objects.get_or_create(name="Bench", slug="bench")
    return Space.objects.create(workspace=workspace, name=slug, slug=slug)


def fill(space_id: int, *, profiles: int, events: int, first_id: int = 1, seed: int = 7) -> None:
    """Profiles `first_id` … with user ids, and their events; statistics are gathered afterwards."""
    from django.db import connection  # noqa: PLC0415 - Django is set up before

    with connection.cursor() as cursor:
        _copy(cursor, PROFILE, _profile_rows(space_id, first_id, profiles))
        _copy(cursor, IDENTIFIER, _identifier_rows(space_id, first_id, profiles))
        _copy(cursor, EVENT, _event_rows(space_id, first_id, profiles, events, random.Random(seed)))
        cursor.execute(
            "SELECT setval('profile_id_seq', greatest(%s, nextval('profile_id_seq')))", [first_id + profiles]
        )
        for table in ("profile", "external_id", "event", "membership"):
            cursor.execute(f"VACUUM ANALYZE {table}")


PROFILE = (
    "COPY profile (space_id, id, collection, segment_id, traits, trait_times, merges, created_at, "
    "updated_at) FROM STDIN"
)
IDENTIFIER = "COPY external_id (space_id, collection, id_type, value, original, profile_id, created_at) FROM STDIN"
EVENT = "COPY event (space_id, profile_id, type, name, ts, received_at, source_id, message_id, properties) FROM STDIN"


def _copy(cursor: Any, statement: str, rows: Iterator[str]) -> None:
    with cursor.copy(statement) as copy:
        block: list[str] = []
        for row in rows:
            block.append(row)
            if len(block) == BLOCK:
                copy.write("".join(block))
                block = []
        copy.write("".join(block))


def _profile_rows(space_id: int, first_id: int, count: int) -> Iterator[str]:
    for number in range(first_id, first_id + count):
        traits = f'{{"plan": "{PLANS[number % 3]}", "age": {18 + number % 60}, "city": "City {number % 500}"}}'
        yield f"{space_id}\t{number}\t0\tuse_{number:027d}\t{traits}\t{{}}\t0\t{NOW}\t{NOW}\n"


def _identifier_rows(space_id: int, first_id: int, count: int) -> Iterator[str]:
    for number in range(first_id, first_id + count):
        yield f"{space_id}\t0\tuser_id\tuser-{number}\tuser-{number}\t{number}\t{NOW}\n"


def _event_rows(space_id: int, first_id: int, profiles: int, events: int, source: random.Random) -> Iterator[str]:
    start, busy = NOW - timedelta(days=DAYS), max(1, profiles // 10)
    texts = [(start + timedelta(minutes=minute)).isoformat() for minute in range(DAYS * 1440)]
    names = source.choices(NAMES, WEIGHTS, k=100_003)
    draw = source.random
    for number in range(events):
        among = busy if draw() < 0.5 else profiles
        profile = first_id + int(draw() * among)
        moment = texts[int(draw() * len(texts))]
        revenue, product = 1 + int(draw() * 12_000) / 100, int(draw() * 1_000)
        yield (
            f"{space_id}\t{profile}\t0\t{names[number % 100_003]}\t{moment}\t{moment}\t1\tm{number}\t"
            f'{{"revenue": {revenue:.2f}, "product_id": "p{product}", "category": "c{product % 20}"}}\n'
        )
