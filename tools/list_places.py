"""What the screenshots need of lists and accounts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.product import Product


def make_lists(product: Product, api: Callable[..., Any], *, audience: str) -> tuple[str, str]:
    """(a connection of a list that refused its members, a destination that is paused for want of an account)."""
    slug = product.demo["space"]
    settings = {"url": f"{product.url}/echo/{slug}-ads?status=400"}
    ads = {"name": "Ads (refuses)", "connector": "webhook_list", "settings": settings}
    refusing = api("POST", "destinations/", ads)
    connection = api("POST", f"audiences/{audience}/connections/", {"destination": refusing["id"]})
    settings = {"adAccountId": "549755885175", "oauth_client_id": "1479", "oauth_client_secret": "not a secret"}
    pinterest = {"name": "Pinterest", "connector": "pinterest_audiences", "settings": settings}
    paused = api("POST", "destinations/", pinterest)["id"]
    api("POST", f"audiences/{audience}/connections/", {"destination": paused})
    product.wait("a paused destination", lambda: api("GET", f"destinations/{paused}/")["paused_at"])
    return connection["id"], paused
