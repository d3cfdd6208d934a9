"""Webhook (Actions): any part of an event, as JSON, to an address of your own."""

from __future__ import annotations

from destinations.connectors.webhook.send import delete_user, perform, perform_batch
from destinations.kit.definition import DestinationDefinition
from destinations.kit.tables import read_table

table = read_table(__name__)
definition = DestinationDefinition(
    slug="webhook",
    name="Webhook (Actions)",
    description="Send audience calls, or any part of them, to an HTTP address of your own as JSON.",
    settings=table.settings,
    actions=(table.action("send", perform=perform, perform_batch=perform_batch),),
    presets=table.presets,
    delete_user=delete_user,
    batch_size=100,
    identifiers="None. Every call is delivered, with whatever identifiers it carries.",
)
