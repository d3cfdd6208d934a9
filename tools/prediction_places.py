"""What the screenshots need of predictions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.product import Product


def make_predictions(product: Product, api: Callable[..., Any]) -> dict[str, str]:
    """A prediction whose model is trained, and one for which the demo's month is too short. Ingest must be idle."""
    definition = {"version": 1, "collection": "users", "kind": "prediction", "event": {"event": "Order Completed"}}
    soon = api("POST", "traits/", {"name": "Orders within a week", "definition": definition | {"horizon": {"days": 7}}})
    later = api("POST", "traits/", {"name": "Orders in a season", "definition": definition | {"horizon": {"days": 90}}})
    wanted = {"prediction": (soon["id"], "Live"), "thin_prediction": (later["id"], "Failed")}
    for trait, status in wanted.values():
        product.wait(
            "a trained prediction",
            lambda trait=trait, status=status: api("GET", f"traits/{trait}/")["status"] == status,
            300,
        )
    return {name: trait for name, (trait, _) in wanted.items()}
