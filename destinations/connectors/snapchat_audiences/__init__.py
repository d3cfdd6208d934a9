"""Snapchat Audiences: customer list segments, kept in step with audiences."""

from __future__ import annotations

from destinations.connectors.snapchat_audiences.segments import (
    TOKEN_URL,
    create_audience,
    get_audience,
    test_connection,
)
from destinations.connectors.snapchat_audiences.sync_audience import MOST, perform_batch
from destinations.kit import auth
from destinations.kit.definition import DestinationDefinition
from destinations.kit.tables import read_table

table = read_table(__name__)
definition = DestinationDefinition(
    slug="snapchat_audiences",
    aliases=("snap-audiences",),
    name="Snapchat Audiences",
    kind="list",
    description="Show ads on Snapchat to the people of an audience, or leave them out.",
    supported=("identify", "track"),
    auth=auth.oauth2(
        TOKEN_URL,
        consent=auth.Consent(
            url="https://accounts.snapchat.com/login/oauth2/authorize", scope="snapchat-marketing-api"
        ),
    ),
    settings=table.settings,
    audience_settings=table.audience_settings,
    actions=(table.action("syncAudience", perform_batch=perform_batch),),
    presets=table.presets,
    create_audience=create_audience,
    get_audience=get_audience,
    test_connection=test_connection,
    list_interval_minutes=60,
    batch_size=MOST,
    identifiers="One of: e-mail, phone number, mobile advertising ID.",
    entry_identifiers=("email", "android.idfa", "ios.idfa"),
)
