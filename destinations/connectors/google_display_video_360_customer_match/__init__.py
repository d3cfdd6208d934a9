"""Google Display & Video 360 Customer Match: first-party audiences by contact data or mobile advertising IDs."""

from __future__ import annotations

from destinations.connectors.google_display_video_360_customer_match.audiences import (
    TOKEN_URL,
    create_audience,
    get_audience,
)
from destinations.connectors.google_display_video_360_customer_match.members import always, sync
from destinations.kit import auth
from destinations.kit.definition import DestinationDefinition
from destinations.kit.tables import read_table

table = read_table(__name__)
definition = DestinationDefinition(
    slug="google_display_video_360_customer_match",
    aliases=("first-party-dv360",),
    name="Google Display & Video 360 Customer Match",
    kind="list",
    description="First-party audiences in Display & Video 360, matched by e-mail, phone, address or device.",
    supported=("identify", "track"),
    auth=auth.oauth2(
        TOKEN_URL,
        consent=auth.Consent(
            url="https://accounts.google.com/o/oauth2/v2/auth",
            scope="https://www.googleapis.com/auth/display-video",
            params={"access_type": "offline", "prompt": "consent"},
        ),
    ),
    operator_settings=table.operator_settings,
    audience_settings=table.audience_settings,
    actions=(
        table.action("syncAudience", perform_batch=sync),
        table.action("addToAudContactInfo", perform_batch=always(is_add=True, by_device=False)),
        table.action("addToAudMobileDeviceId", perform_batch=always(is_add=True, by_device=True)),
        table.action("removeFromAudContactInfo", perform_batch=always(is_add=False, by_device=False)),
        table.action("removeFromAudMobileDeviceId", perform_batch=always(is_add=False, by_device=True)),
    ),
    presets=table.presets,
    create_audience=create_audience,
    get_audience=get_audience,
    list_interval_minutes=60,
    batch_size=10_000,
    identifiers="E-mail, phone number or name with address; or a mobile advertising ID.",
    entry_identifiers=("email", "android.idfa", "ios.idfa"),
)
