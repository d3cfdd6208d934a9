"""Pardot (Account Engagement): prospects with their fields."""

from __future__ import annotations

from destinations.connectors.pardot.upsert_prospect import PATH, host, perform
from destinations.kit import auth
from destinations.kit.definition import Context, DestinationDefinition
from destinations.kit.http import Request
from destinations.kit.tables import read_table

LOGIN, SANDBOX_LOGIN = "https://login.salesforce.com", "https://test.salesforce.com"


def token_url(context: Context) -> str:
    return f"{SANDBOX_LOGIN if context.settings.get('isSandbox') else LOGIN}/services/oauth2/token"


def consent_page(context: Context) -> str:
    return f"{SANDBOX_LOGIN if context.settings.get('isSandbox') else LOGIN}/services/oauth2/authorize"


def headers(context: Context) -> dict[str, str]:
    return {
        **auth.bearer_headers(context),
        "Pardot-Business-Unit-Id": str(context.settings.get("businessUnitID") or ""),
    }


def test_connection(context: Context) -> Request:
    return Request(method="GET", url=f"{host(context)}{PATH}?fields=id&limit=1")


table = read_table(__name__)
definition = DestinationDefinition(
    slug="pardot",
    name="Pardot",
    description="Create and update prospects, with audiences as custom fields.",
    aliases=("actions-pardot",),
    settings=table.settings,
    auth=auth.oauth2(
        token_url, headers=headers, consent=auth.Consent(url=consent_page, scope="pardot_api refresh_token")
    ),
    actions=(table.action("prospects", perform=perform),),
    presets=table.presets,
    test_connection=test_connection,
    requests_per_second=2,
    identifiers="email",
    needs_schema_column=True,
    required_traits=("first_name", "last_name", "company"),
)
