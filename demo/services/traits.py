"""Computed traits of the demo shop."""

from __future__ import annotations

from typing import Any

from destinations.models import Destination
from spaces.models import Space, User
from traits.services.connections import ConnectionSpec
from traits.services.traits import create_trait


def load_traits(*, space: Space, owner: User, destinations: dict[str, Destination]) -> None:
    """Revenue and orders of every customer and what they look at most; the revenue goes to the order desk."""
    orders, views = {"event": "Order Completed"}, {"event": "Product Viewed"}
    recent = orders | {"window": {"within": {"days": 30}}}
    plans: list[tuple[str, str, dict[str, Any], list[str]]] = [
        (
            "Total revenue",
            "Everything a customer ever spent.",
            {"kind": "aggregation", "aggregate": "sum", "event": orders, "property": "revenue"},
            ["erp"],
        ),
        (
            "Orders in 30 days",
            "0 for customers whose last order is longer ago.",
            {"kind": "event_counter", "event": recent},
            [],
        ),
        (
            "Favorite category",
            "What a visitor looked at most often, three times at least.",
            {"kind": "most_frequent", "event": views, "property": "category", "minimum": 3},
            [],
        ),
        (
            "Categories viewed",
            "",
            {"kind": "unique_list", "event": views, "property": "category"},
            [],
        ),
    ]
    for name, description, definition, wanted in plans:
        create_trait(
            space=space,
            name=name,
            description=description,
            definition={"version": 1, "collection": "users", **definition},
            created_by=owner,
            destinations=[ConnectionSpec(destination=destinations[key]) for key in wanted],
        )
