"""Iterable: people, events, carts and purchases."""

from __future__ import annotations

from destinations.connectors.iterable import api, commerce, people
from destinations.kit.definition import DestinationDefinition
from destinations.kit.tables import read_table

table = read_table(__name__)
definition = DestinationDefinition(
    slug="iterable",
    name="Iterable",
    description="Keep people and their fields in step, and send events that start journeys.",
    supported=("identify", "track"),
    settings=table.settings,
    auth=api.SIGN_IN,
    actions=(
        table.action("updateUser", perform=people.update_user, perform_batch=people.update_users),
        table.action("trackEvent", perform=people.track_event, perform_batch=people.track_events),
        table.action("updateCart", perform=commerce.update_cart),
        table.action("trackPurchase", perform=commerce.track_purchase),
    ),
    presets=table.presets,
    test_connection=api.test_connection,
    requests_per_second=500,
    batch_size=1000,
    identifiers="email or userId",
)
