"""Send to destinations."""

from __future__ import annotations

from journeys.steps.kinds import StepKind
from journeys.steps.sending import destination_chips, destination_summary

kind = StepKind(
    type="send_to_destinations",
    title="Send to destinations",
    text="Tells connected destinations of everybody who gets here.",
    icon="send",
    family="action",
    group="Actions",
    words="send to destinations event list",
    summary=destination_summary,
    chips=destination_chips,
    blank=lambda: {"name": "", "connections": []},
)
