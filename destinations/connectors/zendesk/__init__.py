"""Zendesk: users, organizations and events."""

from __future__ import annotations

from destinations.connectors.zendesk import api, others, upsert_user
from destinations.kit.definition import Context, Conversation, DestinationDefinition
from destinations.kit.errors import IntegrationError
from destinations.kit.http import Request
from destinations.kit.tables import read_table


def test_connection(context: Context) -> Conversation:
    """Zendesk answers 200 to strangers too, with a user that has no id."""
    response = yield Request(method="GET", url=api.url(context, "/users/me"))
    answer = response.json()
    user = answer.get("user") if isinstance(answer, dict) else None
    if not isinstance(user, dict) or not user.get("id"):
        raise IntegrationError("Zendesk does not know these credentials. Check e-mail and API token.", status=401)


table = read_table(__name__)
definition = DestinationDefinition(
    slug="zendesk",
    name="Zendesk",
    description="Show audiences and traits to agents, as fields of Zendesk's users; keep organizations in step.",
    supported=("identify", "track", "group"),
    settings=table.settings,
    auth=api.auth(),
    actions=(
        table.action("upsertUser", perform=upsert_user.perform, perform_batch=upsert_user.perform_batch),
        table.action("upsertOrganization", perform=others.upsert_organization),
        table.action("trackEvent", perform=others.track_event),
    ),
    presets=table.presets,
    test_connection=test_connection,
    requests_per_second=50,
    batch_size=100,
    identifiers="name, and user ID or email",
    needs_schema_column=True,
    required_traits=("name", "first_name", "last_name", "firstName", "lastName"),
)
