"""Iterable: users, events, carts and purchases."""

from __future__ import annotations

from collections.abc import Mapping

from destinations.connectors.iterable import actions, api
from destinations.kit import auth
from destinations.kit.definition import Context, DestinationDefinition
from destinations.kit.http import Request, json_request
from destinations.kit.tables import read_table


def test_connection(context: Context) -> Request:
    return Request(method="GET", url=api.url(context, "webhooks"))


def delete_user(context: Context, ids: Mapping[str, str]) -> Request:
    """Iterable forgets the user, and takes no data about them again. One identifier a request: the e-mail first."""
    who = api.who(ids)
    name = "email" if "email" in who else "userId"
    return json_request("POST", api.url(context, "users/forget"), {name: who[name]})


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
    delete_user=delete_user,
    requests_per_second=500,
    batch_size=1001,
    identifiers="user ID or email",
)
