"""Salesforce: leads, contacts, accounts, opportunities, cases and custom objects, one by one or in bulk."""

from __future__ import annotations

from destinations.connectors.salesforce.client import custom_objects
from destinations.connectors.salesforce.outcomes import confirm
from destinations.connectors.salesforce.records import Records
from destinations.connectors.salesforce.sign_in import api_url, sign_in
from destinations.kit.definition import Context, DestinationDefinition
from destinations.kit.http import Request
from destinations.kit.tables import read_table

OBJECTS = {
    "lead": Records("Lead", ("last_name",)),
    "contact": Records("Contact", ("last_name",)),
    "account": Records("Account", ("name",)),
    "opportunity": Records("Opportunity", ("close_date", "name", "stage_name")),
    "cases": Records("Case"),
    "customObject": Records(),
}


def test_connection(context: Context) -> Request:
    return Request(method="GET", url=api_url(context, "limits"))


table = read_table(__name__)
definition = DestinationDefinition(
    slug="salesforce",
    name="Salesforce",
    description="Create and update leads, contacts, accounts and other records.",
    settings=table.settings,
    auth=sign_in(tuple(field for field in table.settings if field.key.startswith("oauth_"))),
    actions=tuple(
        table.action(
            f"{key}{suffix}",
            perform=records.perform,
            perform_batch=records.perform_batch,
            confirm=confirm,
            choices={} if records.kind else {"customObjectName": custom_objects},
        )
        # The first ones choose by sync mode, those without "2" by a field of the mapping.
        for suffix in ("2", "")
        for key, records in OBJECTS.items()
    ),
    presets=table.presets,
    test_connection=test_connection,
    requests_per_second=5,
    batch_size=5000,
    identifiers="The fields of “Find the record by”: the e-mail by default. New leads and contacts need a last name.",
    needs_schema_column=True,
    required_traits=("first_name", "last_name", "company"),
)
