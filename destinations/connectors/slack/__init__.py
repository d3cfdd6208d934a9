"""Slack: a message in a channel when somebody enters or leaves."""

from __future__ import annotations

from destinations.connectors.slack.post_message import perform
from destinations.kit.definition import DestinationDefinition
from destinations.kit.tables import read_table

table = read_table(__name__)
definition = DestinationDefinition(
    slug="slack",
    name="Slack",
    description="Post a message to a channel when people enter or leave.",
    settings=table.settings,
    actions=(table.action("postToChannel", perform=perform),),
    presets=table.presets,
    # Slack takes one message a second from a webhook and tolerates short bursts.
    requests_per_second=1,
    identifiers="None. The message names the person by user id or e-mail, whichever the call carries.",
)
