"""What the screenshots need of predictions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.product import Product


def start_predictions(api: Callable[..., Any]) -> dict[str, str]:
    """Ids by placeholder: one that gets a model, one for which the demo's month is too short. Ingest must be idle."""
    definition = {"version": 1, "collection": "users", "kind": "prediction", "event": {"event": "Order Completed"}}
    names = {"prediction": ("Orders within a week", 7), "thin_prediction": ("Orders in a season", 90)}
    return {
        place: api("POST", "traits/", {"name": name, "definition": definition | {"horizon": {"days": days}}})["id"]
        for place, (name, days) in names.items()
    }


def wait_trained(product: Product, api: Callable[..., Any], started: dict[str, str]) -> None:
    for place, status in (("prediction", "Live"), ("thin_prediction", "Failed")):
        path = f"traits/{started[place]}/"
        product.wait("a trained prediction", lambda path=path, status=status: api("GET", path)["status"] == status, 300)
