"""Webhook (Actions): any part of an event, as JSON, to an address of your own."""

from __future__ import annotations

from destinations.connectors.webhook.send import send
from destinations.kit.definition import DestinationDefinition, Preset
from engine.mapping.fields import Field

definition = DestinationDefinition(
    slug="webhook",
    name="Webhook (Actions)",
    description="Send audience calls, or any part of them, to an HTTP address of your own as JSON.",
    supported=("identify", "track", "page", "screen", "group", "alias"),
    settings=(
        Field(
            key="url",
            label="URL",
            format="uri",
            description="Where mappings send to. A mapping may name another address of its own.",
            placeholder="https://example.com/hooks/audiences",
        ),
        Field(
            key="sharedSecret",
            label="Shared secret",
            type="password",
            description="Requests are signed with it: X-Signature is the HMAC-SHA1 of the body in hexadecimal.",
        ),
    ),
    actions=(send,),
    presets=(
        Preset(
            name="Send audience calls",
            action="send",
            trigger='context.personas.computation_class = "audience"',
            requires_settings=("url",),
        ),
    ),
    batch_size=100,
    identifiers="None. Every call is delivered, with whatever identifiers it carries.",
    needs_schema_column=False,
)
