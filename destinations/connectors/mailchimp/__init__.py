"""Mailchimp: members of an audience, with audiences and traits as merge fields."""

from __future__ import annotations

from destinations.connectors.mailchimp import api, upsert_member
from destinations.kit.definition import Context, DestinationDefinition
from destinations.kit.http import Request
from destinations.kit.tables import read_table


def test_connection(context: Context) -> Request:
    return Request(method="GET", url=api.url(context, "/ping"))


table = read_table(__name__)
definition = DestinationDefinition(
    slug="mailchimp",
    name="Mailchimp",
    description="Keep the members of a Mailchimp audience in step, with audiences and traits as merge fields.",
    supported=("identify",),
    settings=table.settings,
    auth=api.auth(),
    actions=(table.action("upsertMember", perform=upsert_member.perform, perform_batch=upsert_member.perform_batch),),
    presets=table.presets,
    test_connection=test_connection,
    requests_per_second=10,
    batch_size=500,
    identifiers="email",
    needs_schema_column=True,
)
