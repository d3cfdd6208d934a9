"""Pinterest Audiences: customer lists and audiences of them, kept in step with audiences."""

from __future__ import annotations

from destinations.connectors.pinterest_audiences.lists import (
    TOKEN_URL,
    create_audience,
    get_audience,
    test_connection,
)
from destinations.connectors.pinterest_audiences.sync_audience import perform_batch
from destinations.kit import auth
from destinations.kit.definition import DestinationDefinition
from destinations.kit.tables import read_table

table = read_table(__name__)
definition = DestinationDefinition(
    slug="pinterest_audiences",
    aliases=("pinterest-audiences",),
    name="Pinterest Audiences",
    kind="list",
    description="Show ads on Pinterest to the people of an audience, or leave them out.",
    supported=("identify", "track"),
    auth=auth.oauth2(
        TOKEN_URL,
        client_in="basic",
        consent=auth.Consent(url="https://www.pinterest.com/oauth/", scope="ads:read,ads:write"),
    ),
    settings=table.settings,
    actions=(table.action("syncAudience", perform_batch=perform_batch),),
    presets=table.presets,
    create_audience=create_audience,
    get_audience=get_audience,
    test_connection=test_connection,
    requests_per_second=10,
    list_interval_minutes=60,
    batch_size=10_000,
    identifiers="One of: e-mail, iOS IDFA, Android advertising ID.",
    entry_identifiers=("email", "android.idfa", "ios.idfa"),
)
