"""SendGrid's Web API, version 3: addresses and signing in. https://www.twilio.com/docs/sendgrid/api-reference"""

from __future__ import annotations

from destinations.kit.auth import Auth
from destinations.kit.definition import Context
from destinations.kit.errors import IntegrationError

ENDPOINTS = ("https://api.sendgrid.com", "https://api.eu.sendgrid.com")


def url(context: Context, path: str) -> str:
    endpoint = context.settings.get("endpoint") or ENDPOINTS[0]
    if endpoint not in ENDPOINTS:
        raise IntegrationError(f"The endpoint is one of {' and '.join(ENDPOINTS)}.")
    return f"{endpoint}/v3{path}"


def auth() -> Auth:
    return Auth(
        kind="key",
        headers=lambda context: {
            "Authorization": f"Bearer {context.settings.get('sendGridApiKey') or ''}",
            "Accept": "application/json",
        },
    )
