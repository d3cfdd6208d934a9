"""SendGrid: contacts of Marketing Campaigns, and e-mails with templates."""

from __future__ import annotations

from destinations.connectors.sendgrid import api, choices, send_email, upsert_contact
from destinations.kit.definition import Context, DestinationDefinition
from destinations.kit.http import Request
from destinations.kit.tables import read_table


def test_connection(context: Context) -> Request:
    return Request(method="GET", url=api.url(context, "/user/account"))


table = read_table(__name__)
definition = DestinationDefinition(
    slug="sendgrid",
    name="SendGrid",
    description="Keep contacts in step, with audiences and traits as custom fields; send e-mails with templates.",
    settings=table.settings,
    auth=api.auth(),
    actions=(
        table.action("updateUserProfile", perform_batch=upsert_contact.perform_batch),
        table.action(
            "sendEmail",
            perform=send_email.perform,
            choices={
                "template_id": choices.templates,
                "domain": choices.domains,
                "ip_pool_name": choices.ip_pools,
                "group_id": choices.groups,
            },
        ),
    ),
    presets=table.presets,
    test_connection=test_connection,
    requests_per_second=100,
    identifiers="email, phone number ID, external ID or anonymous ID",
    needs_schema_column=True,
)
