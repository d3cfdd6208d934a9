"""Iterable Lists: an audience as a static list."""

from __future__ import annotations

from destinations.connectors.iterable import api
from destinations.connectors.iterable_lists.lists import create_audience, get_audience
from destinations.connectors.iterable_lists.sync import perform_batch
from destinations.kit.definition import DestinationDefinition
from destinations.kit.tables import read_table

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
    auth=api.SIGN_IN,
    actions=(table.action("syncAudience", perform_batch=perform_batch),),
    presets=table.presets,
    create_audience=create_audience,
    get_audience=get_audience,
    test_connection=api.test_connection,
    requests_per_second=500,
    list_interval_minutes=60,
    batch_size=1000,
    identifiers="email or userId; userId in projects of that type",
)
