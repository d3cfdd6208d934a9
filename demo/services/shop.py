"""The history of a small web shop: tracking calls of the last 30 days, the same for the same seed and day.

The shape is that of daily life: most people look, some add, few order, a few order often; some browse without
ever telling who they are, and some use a second e-mail.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

FIRST_NAMES = [
    "Ada", "Ben", "Chloe", "Diego", "Emma", "Farid", "Grace", "Hugo", "Ines", "Jonas", "Kira", "Liam", "Maya",
    "Noah", "Olga", "Pavel", "Quinn", "Rosa", "Sven", "Tara", "Umar", "Vera", "Wen", "Ximena", "Yusuf", "Zoe",
    "Anna", "Bilal", "Carla", "Dmitri", "Elif", "Finn", "Gita", "Hana", "Ivan", "Julia", "Kofi", "Lena", "Marco",
    "Nadia", "Otto", "Priya",
]  # fmt: skip
LAST_NAMES = [
    "Abel", "Becker", "Costa", "Dubois", "Evans", "Fischer", "Garcia", "Haas", "Ito", "Jensen", "Kaya", "Lopez",
    "Meyer", "Nguyen", "Okafor", "Petrov", "Quist", "Rossi", "Silva", "Tanaka", "Ueda", "Vogel", "Weber", "Xu",
    "Yilmaz", "Zhang", "Andersen", "Brown", "Chen", "Diaz", "Eriksen", "Fontaine", "Gupta", "Hughes", "Ivanova",
]  # fmt: skip
CITIES = [
    ("Berlin", "DE"), ("London", "GB"), ("Paris", "FR"), ("Madrid", "ES"), ("New York", "US"), ("Austin", "US"),
    ("Toronto", "CA"), ("Lisbon", "PT"), ("Warsaw", "PL"), ("Tokyo", "JP"), ("Istanbul", "TR"), ("São Paulo", "BR"),
]  # fmt: skip
PRODUCTS = [
    ("sku-101", "Trail Shoes", "Shoes", 119.0), ("sku-102", "City Sneakers", "Shoes", 89.0),
    ("sku-103", "Rain Jacket", "Jackets", 149.0), ("sku-104", "Down Vest", "Jackets", 99.0),
    ("sku-105", "Merino Shirt", "Shirts", 59.0), ("sku-106", "Linen Shirt", "Shirts", 49.0),
    ("sku-107", "Day Pack", "Bags", 79.0), ("sku-108", "Weekender", "Bags", 129.0),
    ("sku-109", "Wool Socks", "Accessories", 15.0), ("sku-110", "Beanie", "Accessories", 25.0),
    ("sku-111", "Water Bottle", "Accessories", 29.0), ("sku-112", "Head Lamp", "Accessories", 45.0),
]  # fmt: skip
PAGES = [("Home", "/"), ("Shoes", "/shoes"), ("Jackets", "/jackets"), ("Sale", "/sale"), ("Journal", "/journal")]
PLANS = ["free", "free", "free", "plus", "plus", "pro"]
DAYS = 30
SECONDS_A_DAY = 86_400
# The share of people who lose interest within their first days.
LAPSED = 0.3


@dataclass(frozen=True, kw_only=True)
class Size:
    """How many people with a name, and how many who never give one."""

    customers: int
    visitors: int


@dataclass(frozen=True, kw_only=True)
class Visitor:
    """One person: `anonymous_id` always, `user_id` and `email` once they signed up."""

    number: int
    anonymous_id: str
    user_id: str | None
    email: str | None
    keenness: float


def history(*, size: Size, now: datetime, seed: int = 7) -> Iterator[dict[str, Any]]:
    """All calls, person by person, each with messageId, timestamp and sentAt."""
    rng = random.Random(seed)  # noqa: S311 - the same shop every time
    for number in range(size.customers + size.visitors):
        is_customer = number < size.customers
        first, last = rng.choice(FIRST_NAMES), rng.choice(LAST_NAMES)
        visitor = Visitor(
            number=number,
            anonymous_id=f"anon-{seed}-{number:06d}",
            user_id=f"acme-{number:06d}" if is_customer else None,
            email=f"{first}.{last}.{number}@example.com".lower() if is_customer else None,
            keenness=min(rng.paretovariate(1.6), 9.0),
        )
        for position, call in enumerate(_life(visitor, f"{first} {last}", rng, now)):
            yield {**call, "messageId": f"demo-{seed}-{number}-{position}", "sentAt": _iso(now)}


def _life(visitor: Visitor, name: str, rng: random.Random, now: datetime) -> Iterator[dict[str, Any]]:
    arrived = now - timedelta(seconds=rng.uniform(1, DAYS * SECONDS_A_DAY))
    yield _page(visitor, rng, arrived, known=False)
    if visitor.user_id is not None:
        yield from _sign_up(visitor, name, rng, arrived + timedelta(minutes=3))
    visits = max(1, round(visitor.keenness * rng.uniform(0.6, 2.1)))
    span = (now - arrived).total_seconds()
    if rng.random() < LAPSED:
        span = min(span, rng.uniform(1, 6) * SECONDS_A_DAY)
    for at in sorted(arrived + timedelta(seconds=rng.uniform(240, max(span, 241))) for _ in range(visits)):
        if at < now:
            yield from _visit(visitor, rng, at, now)


def _identity(visitor: Visitor, known: bool) -> dict[str, Any]:
    identity: dict[str, Any] = {"anonymousId": visitor.anonymous_id}
    if known and visitor.user_id is not None:
        identity["userId"] = visitor.user_id
    return identity


def _sign_up(visitor: Visitor, name: str, rng: random.Random, at: datetime) -> Iterator[dict[str, Any]]:
    city, country = rng.choice(CITIES)
    traits = {
        "email": visitor.email,
        "name": name,
        "plan": rng.choice(PLANS),
        "address": {"city": city, "country": country},
        "newsletter": rng.random() < 0.55,
        "created_at": _iso(at),
    }
    yield {"type": "identify", **_identity(visitor, True), "traits": traits, "timestamp": _iso(at)}
    method = rng.choice(["email", "email", "google", "apple"])
    yield _track(visitor, "Signed Up", {"plan": traits["plan"], "method": method}, at + timedelta(seconds=2))
    if rng.random() < 0.08:
        work = {"email": f"{visitor.user_id}@work.example.org"}
        later = at + timedelta(seconds=30)
        yield {"type": "identify", **_identity(visitor, True), "traits": work, "timestamp": _iso(later)}


def _visit(visitor: Visitor, rng: random.Random, at: datetime, now: datetime) -> Iterator[dict[str, Any]]:
    steps: list[dict[str, Any]] = [_page(visitor, rng, at, known=True)]
    clock = at
    for _ in range(rng.choice([1, 1, 2, 2, 3, 4])):
        clock += timedelta(seconds=rng.uniform(8, 90))
        steps.append(_page(visitor, rng, clock, known=True))
        clock += timedelta(seconds=rng.uniform(5, 60))
        product = rng.choice(PRODUCTS)
        steps.append(_track(visitor, "Product Viewed", _product(product), clock))
        if visitor.user_id is not None and rng.random() < 0.3:
            clock += timedelta(seconds=rng.uniform(5, 60))
            quantity = rng.choice([1, 1, 1, 2])
            steps.append(_track(visitor, "Product Added", {**_product(product), "quantity": quantity}, clock))
            if rng.random() < 0.45:
                clock += timedelta(seconds=rng.uniform(40, 300))
                steps.append(_order(visitor, product, quantity, rng, clock))
    if visitor.user_id is not None and rng.random() < 0.2:
        campaign = rng.choice(["Autumn sale", "New arrivals", "We miss you"])
        steps.append(_track(visitor, "Email Opened", {"campaign": campaign}, clock + timedelta(hours=2)))
    limit = _iso(now)
    yield from (step for step in steps if step["timestamp"] <= limit)


def _order(
    visitor: Visitor, product: tuple[str, str, str, float], quantity: int, rng: random.Random, at: datetime
) -> dict[str, Any]:
    shipping = rng.choice([0.0, 4.9])
    properties = {
        "order_id": f"o-{visitor.number}-{int(at.timestamp())}",
        "revenue": round(product[3] * quantity + shipping, 2),
        "currency": "EUR",
        "shipping": shipping,
        "coupon": rng.choice([None, None, None, "WELCOME10"]),
        "products": [{**_product(product), "quantity": quantity}],
    }
    return _track(visitor, "Order Completed", properties, at)


def _product(product: tuple[str, str, str, float]) -> dict[str, Any]:
    return {"product_id": product[0], "name": product[1], "category": product[2], "price": product[3]}


def _track(visitor: Visitor, event: str, properties: dict[str, Any], at: datetime) -> dict[str, Any]:
    return {
        "type": "track",
        **_identity(visitor, True),
        "event": event,
        "properties": properties,
        "timestamp": _iso(at),
    }


def _page(visitor: Visitor, rng: random.Random, at: datetime, known: bool) -> dict[str, Any]:
    name, path = rng.choice(PAGES)
    return {
        "type": "page",
        **_identity(visitor, known),
        "name": name,
        "properties": {"path": path, "url": f"https://acme.example{path}", "title": f"{name} - Acme Store"},
        "timestamp": _iso(at),
    }


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
