"""Facebook Custom Audiences: a custom audience from a customer list, kept in step with an audience."""

from __future__ import annotations

from destinations.connectors.facebook_custom_audiences.audiences import (
    create_audience,
    get_audience,
    test_connection,
)
from destinations.connectors.facebook_custom_audiences.sync import ROWS, audience_hook, perform_batch
from destinations.kit import auth
from destinations.kit.definition import DestinationDefinition
from destinations.kit.tables import read_table

TOKEN_URL = "https://graph.facebook.com/v24.0/oauth/access_token"  # noqa: S105 - an address

table = read_table(__name__)
definition = DestinationDefinition(
    slug="facebook_custom_audiences",
    aliases=("facebook-custom-audiences",),
    name="Facebook Custom Audiences",
    kind="list",
    description="Show ads on Facebook and Instagram to the people of an audience, or leave them out.",
    supported=("identify", "track"),
    auth=auth.oauth2(
        TOKEN_URL,
        consent=auth.Consent(url="https://www.facebook.com/v24.0/dialog/oauth", scope="ads_management"),
    ),
    settings=table.settings,
    audience_settings=table.audience_settings,
    actions=(table.action("sync", perform_batch=perform_batch, hooks=(audience_hook,)),),
    presets=table.presets,
    create_audience=create_audience,
    get_audience=get_audience,
    test_connection=test_connection,
    list_interval_minutes=60,
    batch_size=ROWS,
    identifiers="An external ID, and an e-mail, a phone number or a mobile advertising ID. Names, birth date and "
    "address raise the share of people who are found.",
)
