"""Webhook List: who entered and who left an audience, in batches at a cadence."""

from __future__ import annotations

from destinations.connectors.webhook_list.sync import create_audience, get_audience, sync_batch
from destinations.kit.definition import DestinationDefinition
from engine.mapping.fields import Field

definition = DestinationDefinition(
    slug="webhook_list",
    name="Webhook List",
    kind="list",
    description="Keep a list of your own in step with an audience: batches of people who entered and left.",
    supported=("identify", "track"),
    settings=(
        Field(
            key="url",
            label="URL",
            format="uri",
            required=True,
            description="Where batches are posted to.",
            placeholder="https://example.com/hooks/lists",
        ),
        Field(
            key="createAudienceUrl",
            label="Create audience URL",
            format="uri",
            description='Called once per audience before its first batch. It has to answer {"externalId": "…"}.',
        ),
        Field(
            key="getAudienceUrl",
            label="Get audience URL",
            format="uri",
            description='Asked whether a list still exists. It has to answer {"externalId": "…"} when it does.',
        ),
        Field(
            key="sharedSecret",
            label="Shared secret",
            type="password",
            description="Requests are signed with it: X-Signature is the HMAC-SHA1 of the body in hexadecimal.",
        ),
        Field(
            key="batchSize",
            label="Batch size",
            type="integer",
            default=1000,
            minimum=1,
            maximum=10000,
            description="The most people in one request.",
        ),
        Field(
            key="intervalMinutes",
            label="Minutes between batches",
            type="integer",
            default=60,
            minimum=1,
            maximum=1440,
            description="Changes are collected and sent at this cadence.",
        ),
    ),
    audience_settings=(
        Field(
            key="extras",
            label="Extra members",
            type="text",
            description='A JSON object merged into each request about this audience, such as {"team": "growth"}.',
        ),
    ),
    create_audience=create_audience,
    get_audience=get_audience,
    sync_batch=sync_batch,
    list_interval_minutes=60,
    batch_size=1000,
    identifiers="None. Each entry carries the identifiers that the call was made for.",
)
