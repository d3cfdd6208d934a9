"""Salesforce Marketing Cloud Lists: an audience as a column of a data extension."""

from __future__ import annotations

from destinations.connectors.salesforce_marketing_cloud import rest
from destinations.connectors.salesforce_marketing_cloud_lists import audiences, members
from destinations.kit.definition import DestinationDefinition
from destinations.kit.tables import read_table

table = read_table(__name__)
definition = DestinationDefinition(
    slug="salesforce_marketing_cloud_lists",
    name="Salesforce Marketing Cloud Lists",
    kind="list",
    description="Keep the members of an audience as rows of a data extension, which journeys and sends use.",
    supported=("identify", "track"),
    settings=table.settings,
    audience_settings=table.audience_settings,
    auth=rest.SIGN_IN,
    actions=(table.action("syncMembers", perform_batch=members.perform_batch),),
    presets=table.presets,
    create_audience=audiences.create_audience,
    get_audience=audiences.get_audience,
    test_connection=rest.test_connection,
    requests_per_second=20,
    list_interval_minutes=60,
    batch_size=50,
    identifiers="contactKey (the user id, else the e-mail address)",
    needs_schema_column=True,
)
