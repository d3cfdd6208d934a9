"""Iterable: users, events, carts and purchases."""

from __future__ import annotations

from destinations.connectors.iterable import actions, api
from destinations.kit import auth
from destinations.kit.definition import Context, DestinationDefinition
from destinations.kit.http import Request
from destinations.kit.tables import read_table


def test_connection(context: Context) -> Request:
    return Request(method="GET", url=api.url(context, "webhooks"))


table = read_table(__name__)
definition = DestinationDefinition(
    slug="iterable",
    name="Iterable",
    description="Keep users in step, with audiences and traits as fields; send events, carts and purchases.",
    settings=table.settings,
    auth=auth.key("Api-Key", "apiKey"),
    actions=(
        table.action("updateUser", perform=actions.update_user, perform_batch=actions.update_users),
        table.action("trackEvent", perform=actions.track_event, perform_batch=actions.track_events),
        table.action("updateCart", perform=actions.update_cart),
        table.action("trackPurchase", perform=actions.track_purchase),
    ),
    presets=table.presets,
    test_connection=test_connection,
    requests_per_second=500,
    batch_size=1001,
    identifiers="user ID or email",
)
