"""Webhook List: who entered and who left an audience, in batches at a cadence."""

from __future__ import annotations

from destinations.connectors.webhook_list.sync import create_audience, delete_user, get_audience, sync_batch
from destinations.kit.definition import DestinationDefinition
from destinations.kit.tables import read_table

table = read_table(__name__)
definition = DestinationDefinition(
    slug="webhook_list",
    name="Webhook List",
    kind="list",
    framework="classic",
    description="Keep a list of your own in step with an audience: batches of people who entered and left.",
    supported=("identify", "track"),
    settings=table.settings,
    audience_settings=table.audience_settings,
    create_audience=create_audience,
    get_audience=get_audience,
    sync_batch=sync_batch,
    delete_user=delete_user,
    list_interval_minutes=60,
    batch_size=1000,
    identifiers="None. Each entry carries the identifiers that the call was made for.",
)
