"""Connect to an existing step: the end of a branch goes on at a step of another."""

from __future__ import annotations

from journeys.steps.kinds import StepKind

kind = StepKind(
    type="connect",
    title="Connect to existing step",
    text="Go on at a step of another branch. Who reaches it several ways passes it once.",
    icon="corner-down-right",
    family="flow",
    group="Flow control",
    words="connect join existing step",
    summary=lambda step, names: "",
    read=lambda step, posted: {"to": posted["to"]} if posted.get("to") else {},
    is_addable=False,
)
