"""Responsys Batch: one profile extension table for each audience."""

from __future__ import annotations

from destinations.connectors.responsys import api
from destinations.connectors.responsys_batch import audiences, members
from destinations.kit.definition import DestinationDefinition
from destinations.kit.tables import read_table

table = read_table(__name__)
definition = DestinationDefinition(
    slug="responsys_batch",
    name="Responsys Batch",
    kind="list",
    description="Keep audiences as lists in Oracle Responsys, one profile extension table each.",
    supported=("identify", "track"),
    settings=table.settings,
    audience_settings=table.audience_settings,
    auth=api.SIGN_IN,
    actions=(table.action("syncAudience", perform_batch=members.perform_batch),),
    presets=table.presets,
    create_audience=audiences.create_audience,
    get_audience=audiences.get_audience,
    test_connection=api.login_request,
    requests_per_second=3,
    list_interval_minutes=60,
    batch_size=api.RECORDS,
    identifiers="userId (customer ID) or email",
)
