"""The journeys of the demo: three that are live from the start and one draft, small enough not to delay it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from destinations.models import Destination
from journeys.services.drafts import create_journey
from journeys.services.publishing import publish
from spaces.models import Space, User

WINDOW_DAYS = 3


def load_journeys(*, space: Space, owner: User, destinations: Mapping[str, Destination], now: datetime) -> None:
    """Create and publish them as of `now`, when the history was received: what it holds counts in later steps too."""
    for description, definition in (_first_purchase(destinations), _win_back(destinations), _readers(destinations)):
        draft = create_journey(
            space=space,
            name=definition["name"],
            description=description,
            definition=definition,
            created_by=owner,
        )
        publish(version=draft, published_by=owner, now=now)
    description, definition = _loyalty()
    create_journey(
        space=space, name=definition["name"], description=description, definition=definition, created_by=owner
    )


def _where(*nodes: Mapping[str, Any]) -> dict[str, Any]:
    return {"version": 1, "collection": "users", "where": {"all": [dict(node) for node in nodes]}}


def _journey(
    name: str, entry: Mapping[str, Any], *steps: Mapping[str, Any], settings: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    return {
        "version": 1,
        "name": name,
        "settings": dict(settings or {"exit_after": None, "reentry_after": None}),
        "entry": dict(entry),
        "steps": [dict(step) for step in steps],
    }


def _to(destination: Destination) -> dict[str, Any]:
    return {"destination": destination.public_id, "send_identify": True, "send_track": True}


def _recently(event: str, **rest: Any) -> dict[str, Any]:
    return {"event": event, "window": {"within": {"days": WINDOW_DAYS}}, **rest}


def _first_purchase(destinations: Mapping[str, Destination]) -> tuple[str, dict[str, Any]]:
    return (
        "Welcomes new customers, and thanks those who read our mail and buy.",
        _journey(
            "First purchase",
            {"name": "New users", "condition": _where(_recently("Signed Up")), "use_historical": True},
            {"id": "settle", "type": "delay", "after": "entry", "name": "", "duration": {"minutes": 1}},
            {
                "id": "bought",
                "type": "true_false",
                "after": "settle",
                "name": "Bought already?",
                "condition": _where({"event": "Order Completed"}),
                "true_name": "Buyers",
                "false_name": "Not yet",
            },
            {
                "id": "thanks",
                "type": "send_to_destinations",
                "after": {"step": "bought", "branch": "true"},
                "name": "First order thanks",
                "connections": [_to(destinations["crm"])],
            },
            {
                "id": "opened",
                "type": "condition",
                "after": {"step": "bought", "branch": "false"},
                "name": "Opens an e-mail",
                "condition": _where({"event": "Email Opened"}),
            },
            {
                "id": "offer",
                "type": "send_to_destinations",
                "after": "opened",
                "name": "Opened email",
                "connections": [_to(destinations["crm"]), _to(destinations["ads"])],
            },
        ),
    )


def _win_back(destinations: Mapping[str, Destination]) -> tuple[str, dict[str, Any]]:
    condition = _where(
        {"event": "Signed Up", "window": {"between": {"from": {"days": 25}, "to": {"days": 20}}}},
        {"event": "Product Viewed", "count": {"eq": 0}, "window": {"within": {"days": 14}}},
    )
    return (
        "Tests whether a voucher or an ad brings people back who stopped looking.",
        _journey(
            "Win back quiet customers",
            {"name": "Quiet for two weeks", "condition": condition, "use_historical": True},
            {
                "id": "test",
                "type": "random",
                "after": "entry",
                "name": "Voucher or ad",
                "branches": [
                    {"id": "voucher", "name": "Voucher", "percent": 50},
                    {"id": "ad", "name": "Ad", "percent": 50},
                ],
            },
            {
                "id": "voucher",
                "type": "send_to_destinations",
                "after": {"step": "test", "branch": "voucher"},
                "name": "Voucher by e-mail",
                "connections": [_to(destinations["crm"])],
            },
            {
                "id": "ad",
                "type": "show_ad",
                "after": {"step": "test", "branch": "ad"},
                "name": "Win-back ad",
                "connections": [_to(destinations["ads"])],
                "remove_after": {"weeks": 2},
            },
            settings={"exit_after": {"days": 30}, "reentry_after": {"days": 60}},
        ),
    )


def _readers(destinations: Mapping[str, Destination]) -> tuple[str, dict[str, Any]]:
    shoes = _recently("Product Added", properties=[{"property": "category", "equals": "Shoes"}])
    jackets = _recently("Product Added", properties=[{"property": "category", "equals": "Jackets"}])
    return (
        "Tells the order desk what newsletter readers put into their carts.",
        _journey(
            "Newsletter readers who shop",
            {
                "name": "Readers who look around",
                "condition": _where({"trait": "newsletter", "equals": True}, _recently("Product Viewed")),
                "use_historical": True,
            },
            {
                "id": "interest",
                "type": "multi_branch",
                "after": "entry",
                "name": "What they put into the cart",
                "branches": [{"id": "shoes", "name": "Shoes"}, {"id": "jackets", "name": "Jackets"}],
            },
            {
                "id": "shoes",
                "type": "condition",
                "after": {"step": "interest", "branch": "shoes"},
                "name": "Adds shoes",
                "condition": _where(shoes),
            },
            {
                "id": "jackets",
                "type": "condition",
                "after": {"step": "interest", "branch": "jackets"},
                "name": "Adds a jacket",
                "condition": _where(jackets),
            },
            {
                "id": "fans",
                "type": "send_to_destinations",
                "after": "shoes",
                "name": "Shoe fans",
                "connections": [_to(destinations["erp"])],
            },
            {"id": "join", "type": "connect", "after": "jackets", "to": "fans"},
            settings={"exit_after": {"days": 14}, "reentry_after": None},
        ),
    )


def _loyalty() -> tuple[str, dict[str, Any]]:
    condition = _where({"event": "Order Completed", "count": {"gte": 5}, "window": {"within": {"days": 30}}})
    return (
        "An idea: invite people who keep buying.",
        _journey(
            "Invite to the loyalty club",
            {"name": "Five orders in a month", "condition": condition, "use_historical": True},
            {"id": "wait", "type": "delay", "after": "entry", "name": "", "duration": {"days": 1}},
            {"id": "invite", "type": "send_to_destinations", "after": "wait", "name": "Invitation", "connections": []},
        ),
    )
