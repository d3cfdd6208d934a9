"""Oracle Responsys: members of a profile list, and audiences and traits in profile extension tables."""

from __future__ import annotations

from destinations.connectors.responsys import api, pets, send_columns, upsert_member
from destinations.kit.definition import DestinationDefinition
from destinations.kit.tables import read_table

table = read_table(__name__)
definition = DestinationDefinition(
    slug="responsys",
    name="Responsys",
    description="Keep profile lists and profile extension tables of Oracle Responsys in step.",
    supported=("identify", "track"),
    settings=table.settings,
    auth=api.SIGN_IN,
    actions=(
        table.action("sendAudience", perform_batch=send_columns.send_audience),
        table.action("sendCustomTraits", perform_batch=send_columns.send_custom_traits),
        table.action("upsertListMember", perform_batch=upsert_member.perform_batch),
        table.action("sendAudienceAsPet", perform_batch=pets.send_audience),
        table.action("sendToPet", perform_batch=pets.send),
    ),
    presets=table.presets,
    test_connection=api.login_request,
    requests_per_second=3,
    batch_size=api.RECORDS,
    identifiers="userId (customer ID) or email",
    needs_schema_column=True,
)
