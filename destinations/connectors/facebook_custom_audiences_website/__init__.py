"""Facebook Custom Audiences Website: audiences by a rule on the events of a pixel."""

from __future__ import annotations

from destinations.connectors.facebook_custom_audiences_website.audiences import (
    create_audience,
    get_audience,
    test_connection,
)
from destinations.connectors.facebook_custom_audiences_website.send_event import EVENTS, perform_batch
from destinations.kit import auth
from destinations.kit.definition import DestinationDefinition
from destinations.kit.tables import read_table

TOKEN_URL = "https://graph.facebook.com/v24.0/oauth/access_token"  # noqa: S105 - an address

table = read_table(__name__)
definition = DestinationDefinition(
    slug="facebook_custom_audiences_website",
    aliases=("facebook-custom-audiences-website",),
    name="Facebook Custom Audiences Website",
    kind="list",
    description="Website audiences on Facebook and Instagram of people who enter an audience from now on.",
    supported=("identify", "track"),
    auth=auth.oauth2(
        TOKEN_URL,
        consent=auth.Consent(url="https://www.facebook.com/v24.0/dialog/oauth", scope="ads_management"),
    ),
    settings=table.settings,
    audience_settings=table.audience_settings,
    actions=(table.action("sendEvent", perform_batch=perform_batch),),
    presets=table.presets,
    create_audience=create_audience,
    get_audience=get_audience,
    test_connection=test_connection,
    list_interval_minutes=60,
    batch_size=EVENTS,
    has_history=False,
    identifiers="One of: e-mail, phone number, external ID, mobile advertising ID, browser ID (fbp) or click ID (fbc).",
)
