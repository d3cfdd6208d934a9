"""Marketo: leads with their fields, and custom activities."""

from __future__ import annotations

from destinations.connectors.marketo import add_activity, upsert_lead
from destinations.connectors.marketo_static_lists.client import ask, host, sign_in
from destinations.kit.definition import Context, Conversation, DestinationDefinition
from destinations.kit.http import Request
from destinations.kit.tables import read_table


def test_connection(context: Context) -> Conversation:
    return (yield from ask(Request(method="GET", url=f"{host(context)}/rest/v1/leads/describe.json")))


table = read_table(__name__)
definition = DestinationDefinition(
    slug="marketo",
    name="Marketo",
    description="Create and update leads, and record activities.",
    supported=("identify", "track"),
    settings=table.settings,
    auth=sign_in(),
    actions=(
        table.action("upsertLead", perform_batch=upsert_lead.perform_batch),
        table.action(
            "addActivity",
            perform_batch=add_activity.perform_batch,
            choices={"activityTypeId": add_activity.activity_types},
        ),
    ),
    presets=table.presets,
    test_connection=test_connection,
    requests_per_second=5,
    batch_size=300,
    identifiers="email, else the user ID or anonymous ID when the settings name the fields of Marketo that hold them.",
    needs_schema_column=True,
)
