"""Intercom: contacts, events and companies."""

from __future__ import annotations

from collections.abc import Mapping

from destinations.connectors.intercom import contacts, identify_company, identify_contact, track_event
from destinations.kit import auth
from destinations.kit.definition import Context, Conversation, DestinationDefinition
from destinations.kit.http import Request
from destinations.kit.tables import read_table


def test_connection(context: Context) -> Request:
    return Request(method="GET", url=contacts.url(context, "/me"))


def delete_user(context: Context, ids: Mapping[str, str]) -> Conversation:
    """Delete the contact with this external id; nothing to do where there is none."""
    found = yield from contacts.find(context, external_id=ids.get("userId"), email=ids.get("email"))
    if found:
        yield Request(method="DELETE", url=contacts.contact_url(context, found))


table = read_table(__name__)
definition = DestinationDefinition(
    slug="intercom",
    name="Intercom",
    description="Keep users and leads in step, with audiences and traits as custom attributes; send events.",
    settings=table.settings,
    # Intercom's tokens never expire: there is nothing to renew.
    auth=auth.Auth(kind="oauth2", headers=auth.bearer_headers, fields=auth.OAUTH_FIELDS[:1]),
    actions=(
        table.action("identifyContact", perform=identify_contact.perform),
        table.action("trackEvent", perform=track_event.perform),
        table.action("groupIdentifyContact", perform=identify_company.perform),
    ),
    presets=table.presets,
    test_connection=test_connection,
    delete_user=delete_user,
    requests_per_second=8,
    identifiers="user ID, else email",
    needs_schema_column=True,
)
