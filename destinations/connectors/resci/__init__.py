"""Resci (Retention Science): attributes of users, and events."""

from __future__ import annotations

from destinations.connectors.resci.send import record_event, update_user
from destinations.kit import auth
from destinations.kit.definition import DestinationDefinition
from destinations.kit.tables import read_table

table = read_table(__name__)
definition = DestinationDefinition(
    slug="resci",
    name="Resci",
    description="Keep users with their attributes in step, and record events.",
    supported=("identify", "track"),
    settings=table.settings,
    auth=auth.basic("api_user", "api_password"),
    actions=(
        table.action("updateUser", perform=update_user),
        table.action("recordEvent", perform=record_event),
    ),
    presets=table.presets,
    requests_per_second=200,
    identifiers="user_id, as the record ID.",
    is_experimental=True,
)
