"""Salesforce Marketing Cloud: contacts, rows of data extensions, and events that start journeys."""

from __future__ import annotations

from destinations.connectors.salesforce_marketing_cloud import contacts, data_extensions, rest, rows
from destinations.kit.definition import DestinationDefinition
from destinations.kit.tables import read_table

table = read_table(__name__)
_columns = {"keys": data_extensions.columns, "values": data_extensions.columns}
definition = DestinationDefinition(
    slug="salesforce_marketing_cloud",
    name="Salesforce Marketing Cloud",
    description="Keep contacts and data extensions in step, and let people enter journeys.",
    aliases=("salesforce-marketing-cloud",),
    settings=table.settings,
    auth=rest.SIGN_IN,
    actions=(
        table.action("contact", perform=contacts.create_contact),
        table.action("contactDataExtension", perform_batch=rows.perform_batch),
        table.action("dataExtension", perform_batch=rows.perform_batch),
        table.action("apiEvent", perform=contacts.send_api_event),
        table.action(
            "contactDataExtensionV2",
            perform_batch=rows.perform_batch_v2,
            hooks=(data_extensions.hook(),),
            choices=_columns,
        ),
        table.action(
            "dataExtensionV2", perform_batch=rows.perform_batch_v2, hooks=(data_extensions.hook(),), choices=_columns
        ),
        table.action(
            "asyncDataExtension",
            perform_batch=rows.perform_batch_async,
            hooks=(data_extensions.hook(),),
            choices=_columns,
        ),
    ),
    presets=table.presets,
    test_connection=rest.test_connection,
    requests_per_second=20,
    batch_size=10,
    identifiers="contactKey (the user id)",
    needs_schema_column=True,
)
