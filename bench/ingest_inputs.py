"""Made-up shop events for the measurements of ingest: about 600 bytes each, the same for bare and product."""

from __future__ import annotations

import json
import random
from typing import Any
from uuid import UUID

NAMES = ("Product Viewed", "Product Added", "Order Completed", "Cart Viewed", "Products Searched")


class Shop:
    """Visits of 20,000 people: each makes one to eight calls in a row, as a browser session does."""

    def __init__(self, people: int = 20_000, seed: int = 7) -> None:
        self.random = random.Random(seed)
        self.people = people
        self.person = 0
        self.left = 0

    def event(self) -> dict[str, Any]:
        """A track call of a known person (nine of ten also send their anonymousId); every twentieth is an identify."""
        pick = self.random
        if self.left == 0:
            self.person, self.left = pick.randrange(self.people), pick.randrange(1, 9)
        self.left -= 1
        person = self.person
        call: dict[str, Any] = {
            "messageId": str(UUID(int=pick.getrandbits(128))),
            "timestamp": f"2026-0{pick.randrange(1, 10)}-{pick.randrange(10, 28)}T10:{pick.randrange(10, 60)}:00.000Z",
            "userId": f"user-{person}",
            "context": {
                "library": {"name": "analytics.js", "version": "2.11.1"},
                "locale": "en-US",
                "userAgent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0",
                "page": {"path": f"/product/{pick.randrange(500)}", "title": "Product", "search": ""},
            },
        }
        if pick.random() < 0.9:
            call["anonymousId"] = f"anonymous-{person}"
        if pick.random() < 0.05:
            traits = {"plan": pick.choice(["free", "pro"]), "visits": pick.randrange(100)}
            return call | {"type": "identify", "traits": traits}
        properties = {
            "product_id": f"sku-{pick.randrange(500)}",
            "revenue": round(pick.random() * 200, 2),
            "quantity": pick.randrange(1, 5),
            "currency": "USD",
            "category": pick.choice(["shoes", "hats", "books"]),
        }
        return call | {"type": "track", "event": pick.choice(NAMES), "properties": properties}

    def batch(self, size: int = 100) -> bytes:
        return json.dumps({"batch": [self.event() for _ in range(size)]}).encode()
