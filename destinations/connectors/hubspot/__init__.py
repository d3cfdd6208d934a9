"""HubSpot: contacts, companies, records and custom events."""

from __future__ import annotations

from collections.abc import Mapping

from destinations.connectors.hubspot import (
    choices,
    crm,
    send_event,
    upsert_company,
    upsert_contact,
    upsert_object,
    upsert_record,
)
from destinations.kit import auth
from destinations.kit.definition import Context, DestinationDefinition
from destinations.kit.errors import PayloadValidationError
from destinations.kit.http import Request, json_request
from destinations.kit.tables import read_table

# What the app of an installation has to be allowed: the same scopes, ticked as required.
SCOPES = (
    "oauth",
    "crm.objects.contacts.read",
    "crm.objects.contacts.write",
    "crm.objects.companies.read",
    "crm.objects.companies.write",
    "crm.objects.custom.read",
    "crm.objects.custom.write",
    "crm.schemas.contacts.read",
    "crm.schemas.contacts.write",
    "crm.schemas.companies.read",
    "crm.schemas.companies.write",
    "crm.schemas.custom.read",
    "crm.lists.read",
    "crm.lists.write",
    "behavioral_events.event_definitions.read_write",
)


def test_connection(context: Context) -> Request:
    return Request(method="GET", url=crm.objects_url("contacts", "?limit=1"))


def delete_user(context: Context, ids: Mapping[str, str]) -> Request:
    """HubSpot's permanent deletion of a contact, by e-mail."""
    if not ids.get("email"):
        raise PayloadValidationError("HubSpot deletes contacts by their e-mail, and the request has none.")
    body = {"objectId": ids["email"], "idProperty": "email"}
    return json_request("POST", crm.objects_url("contacts", "/gdpr-delete"), body)


table = read_table(__name__)
definition = DestinationDefinition(
    slug="hubspot",
    name="HubSpot",
    description="Keep contacts, companies and custom objects in step, with audiences and traits as properties.",
    settings=table.settings,
    # The token of a private app works in place of an OAuth one, and never expires.
    auth=auth.oauth2(
        f"{crm.API}/oauth/v1/token",
        consent=auth.Consent(url="https://app.hubspot.com/oauth/authorize", scope=" ".join(SCOPES)),
    ),
    actions=(
        table.action("upsertContact", perform=upsert_contact.perform, perform_batch=upsert_contact.perform_batch),
        table.action(
            "sendCustomBehavioralEvent", perform=send_event.perform, choices={"eventName": choices.event_names}
        ),
        table.action("upsertCompany", perform=upsert_company.perform),
        table.action(
            "upsertCustomObjectRecord",
            perform=upsert_record.perform,
            choices={
                "objectType": choices.object_types,
                "toObjectType": choices.object_types,
                "associationLabel": choices.association_labels,
            },
        ),
        table.action("upsertObject", perform_batch=upsert_object.perform_batch),
    ),
    presets=table.presets,
    test_connection=test_connection,
    delete_user=delete_user,
    requests_per_second=5,
    cap_counts="objects",
    batch_size=100,
    identifiers="email",
    needs_schema_column=True,
)
