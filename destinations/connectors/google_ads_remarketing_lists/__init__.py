"""Google Ads Remarketing Lists: customer match lists, kept in step with audiences."""

from __future__ import annotations

from destinations.connectors.google_ads_remarketing_lists.api import TOKEN_URL, headers
from destinations.connectors.google_ads_remarketing_lists.lists import create_audience, get_audience, test_connection
from destinations.connectors.google_ads_remarketing_lists.user_list import perform, perform_batch
from destinations.kit import auth
from destinations.kit.definition import DestinationDefinition
from destinations.kit.tables import read_table

table = read_table(__name__)
definition = DestinationDefinition(
    slug="google_ads_remarketing_lists",
    aliases=("google-enhanced-conversions", "adwords", "adwords-remarketing-lists"),
    name="Google Ads Remarketing Lists",
    kind="list",
    description="Show ads in Google Search, YouTube, Gmail and Shopping to the people of an audience.",
    supported=("identify", "track"),
    auth=auth.oauth2(
        TOKEN_URL,
        headers=headers,
        consent=auth.Consent(
            url="https://accounts.google.com/o/oauth2/v2/auth",
            scope="https://www.googleapis.com/auth/adwords",
            params={"access_type": "offline", "prompt": "consent"},
        ),
    ),
    settings=table.settings,
    operator_settings=table.operator_settings,
    audience_settings=table.audience_settings,
    actions=(table.action("userList", perform=perform, perform_batch=perform_batch),),
    presets=table.presets,
    create_audience=create_audience,
    get_audience=get_audience,
    test_connection=test_connection,
    # F081: Google takes up to six hours to work a list off.
    list_interval_minutes=360,
    batch_size=10_000,
    identifiers="The most recently added e-mail or mobile advertising ID; a phone number or your user ID besides.",
    entry_identifiers=("email", "android.idfa", "ios.idfa"),
    newest_identifier_only=True,
)
