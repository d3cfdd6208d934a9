"""Iterable Lists: an audience as a static list."""

from __future__ import annotations

from destinations.connectors.iterable_lists import api
from destinations.connectors.iterable_lists.lists import create_audience, get_audience
from destinations.connectors.iterable_lists.sync_audience import perform_batch
from destinations.kit import auth
from destinations.kit.definition import Context, DestinationDefinition
from destinations.kit.http import Request
from destinations.kit.tables import read_table


def test_connection(context: Context) -> Request:
    return Request(method="GET", url=api.url(context, "webhooks"))


table = read_table(__name__)
definition = DestinationDefinition(
    slug="iterable_lists",
    name="Iterable Lists",
    kind="list",
    description="Keep static lists in step with audiences: who enters is subscribed, who leaves is taken off.",
    aliases=("iterable-audiences", "iterable-lists"),
    supported=("identify", "track"),
    settings=table.settings,
    audience_settings=table.audience_settings,
    auth=auth.key("Api-Key", "apiKey"),
    actions=(table.action("syncAudience", perform_batch=perform_batch),),
    presets=table.presets,
    create_audience=create_audience,
    get_audience=get_audience,
    test_connection=test_connection,
    requests_per_second=500,
    list_interval_minutes=60,
    batch_size=1000,
    identifiers="email or userId; userId in projects of that type",
)
