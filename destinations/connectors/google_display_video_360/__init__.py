"""Google Display & Video 360: lists of devices and matched ids, under a data partner agreement."""

from __future__ import annotations

from destinations.connectors.google_display_video_360.lists import create_audience, get_audience
from destinations.connectors.google_display_video_360.upload import always, sync
from destinations.kit.definition import DestinationDefinition
from destinations.kit.tables import read_table

table = read_table(__name__)
definition = DestinationDefinition(
    slug="google_display_video_360",
    aliases=("display-video-360",),
    name="Google Display & Video 360",
    kind="list",
    description="Remarketing lists of devices and matched IDs in Display & Video 360 and Google Ad Manager.",
    supported=("identify", "track"),
    settings=table.settings,
    operator_settings=table.operator_settings,
    audience_settings=table.audience_settings,
    actions=(
        table.action("syncAudience", perform_batch=sync),
        table.action("addToAudience", perform_batch=always(False)),
        table.action("removeFromAudience", perform_batch=always(True)),
    ),
    presets=table.presets,
    create_audience=create_audience,
    get_audience=get_audience,
    list_interval_minutes=60,
    batch_size=1_000,
    has_history=False,
    identifiers="One of: iOS IDFA, Android advertising ID, Google user ID, anonymous ID as the partner-provided ID.",
    entry_identifiers=("anonymous_id", "android.idfa", "ios.idfa"),
)
