"""SendGrid Lists: a list of Marketing Campaigns for each audience."""

from __future__ import annotations

from destinations.connectors.sendgrid_lists import api, choices, lists, sync_audience
from destinations.kit.definition import Context, DestinationDefinition
from destinations.kit.http import Request
from destinations.kit.tables import read_table


def test_connection(context: Context) -> Request:
    return Request(method="GET", url=api.url(context, "/user/account"))


table = read_table(__name__)
definition = DestinationDefinition(
    slug="sendgrid_lists",
    name="SendGrid Lists",
    kind="list",
    aliases=("sendgrid-audiences",),
    description="Keep a list of Marketing Campaigns in step with each audience.",
    supported=("identify", "track"),
    settings=table.settings,
    audience_settings=table.audience_settings,
    auth=api.auth(),
    actions=(
        table.action(
            "syncAudience",
            perform_batch=sync_audience.perform_batch,
            choices={
                "custom_text_fields": choices.custom_fields("Text"),
                "custom_number_fields": choices.custom_fields("Number"),
                "custom_date_fields": choices.custom_fields("Date"),
            },
        ),
    ),
    presets=table.presets,
    create_audience=lists.create_audience,
    get_audience=lists.get_audience,
    test_connection=test_connection,
    requests_per_second=100,
    list_interval_minutes=60,
    batch_size=100,
    identifiers="email, phone number ID, external ID or anonymous ID",
)
