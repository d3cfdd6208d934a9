"""Braze: profiles, events, purchases and aliases."""

from __future__ import annotations

from destinations.connectors.braze import identity, track
from destinations.connectors.braze.track import Track
from destinations.kit import auth
from destinations.kit.definition import DestinationDefinition
from destinations.kit.tables import read_table

table = read_table(__name__)
TRACKED = {
    "updateUserProfile": Track("attributes", track.profile),
    "trackEvent": Track("events", track.event),
    "trackPurchase": Track("purchases", track.purchase),
    "updateUserProfile2": Track("attributes", track.profile, "profile"),
    "trackEvent2": Track("events", track.event, "happening"),
    "trackPurchase2": Track("purchases", track.purchase, "happening"),
}
definition = DestinationDefinition(
    slug="braze",
    name="Braze",
    description="Keep user profiles in step, and record events and purchases.",
    settings=table.settings,
    auth=auth.bearer("api_key"),
    actions=(
        *(table.action(key, perform_batch=kind.perform_batch) for key, kind in TRACKED.items()),
        *(table.action(key, perform=identity.create_alias) for key in ("createAlias", "createAlias2")),
        table.action("identifyUser", perform=identity.identify_user),
    ),
    presets=table.presets,
    delete_user=identity.delete_user,
    requests_per_second=100,
    batch_size=75,
    identifiers="user_id (external ID), braze_id, a user alias or an e-mail.",
)
