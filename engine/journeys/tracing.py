"""What happened to a person in a journey, in words and with evidence."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from engine.conditions.describing import sentence_of
from engine.conditions.evidence import Evidence, iso
from engine.conditions.nodes import (
    AllNode,
    AnyNode,
    AnyTime,
    AudienceNode,
    EventNode,
    IdentifierNode,
    JourneyStepNode,
    Node,
    NotNode,
    TraitNode,
    UsersNode,
)

ENTERED = "entered"
NOT_ENTERED = "not_entered"
ARRIVED = "arrived"
JOINED = "joined"
WAITING = "waiting"
BRANCH = "branch"
LEFT = "left"
SENT = "sent"
REMOVED = "removed"
COMPLETED = "completed"
EXITED = "exited"
MOST_REASONS = 4
COUNT_WORDS = {"gte": "at least", "gt": "more than", "lte": "at most", "lt": "fewer than", "eq": "exactly"}


@dataclass(frozen=True, kw_only=True)
class TraceEntry:
    """One thing that happened. `run` counts the person's runs from 1, and is 0 before the first.

    `branch`: the one that was taken. `until`: how long a wait lasts at most if nothing happens (None: no end by time).
    `value`: what is sent to the step's destinations, as of `at`. `evidence` is there where a condition was judged.
    """

    at: datetime
    run: int
    step_id: str
    kind: str
    sentence: str
    evidence: Evidence | None = None
    branch: str = ""
    until: datetime | None = None
    value: bool | None = None

    def as_json(self) -> dict[str, Any]:
        """The entry as plain JSON data."""
        return {
            "at": iso(self.at),
            "run": self.run,
            "step": self.step_id,
            "kind": self.kind,
            "sentence": self.sentence,
            "evidence": None if self.evidence is None else self.evidence.as_json(),
            "branch": self.branch,
            "until": None if self.until is None else iso(self.until),
            "value": self.value,
        }


def why(node: Node, evidence: Evidence) -> str:
    """What made the verdict, such as: Order Completed happened 0 times, at least 1 needed.

    Of a group only the members that decided it. `evidence` is that of `node` (its tree has the same shape).
    """
    reasons = _reasons(node, evidence)
    shown = reasons[:MOST_REASONS]
    more = len(reasons) - len(shown)
    return "; ".join(shown) + (f"; and {more} more" if more else "")


def evidence_of(node: Node, evidence: Evidence) -> str:
    """`why`, also for somebody who was refused for being anonymous."""
    if evidence.path == "" and evidence.children:
        return "has no user ID, e-mail or other known identifier yet"
    return why(node, evidence)


def _reasons(node: Node, evidence: Evidence) -> list[str]:
    if isinstance(node, NotNode):
        return _reasons(node.child, evidence.children[0])
    if isinstance(node, AllNode | AnyNode):
        pairs = list(zip(node.children, evidence.children, strict=True))
        deciding = [pair for pair in pairs if pair[1].holds is evidence.holds]
        return [reason for child, found in deciding for reason in _reasons(child, found)]
    return [_reason(node, evidence)]


def _reason(
    node: EventNode | TraitNode | AudienceNode | JourneyStepNode | IdentifierNode | UsersNode, evidence: Evidence
) -> str:
    facts = evidence.facts
    match node:
        case EventNode():
            count = facts["count"]
            times = "once" if count == 1 else f"{count} times"
            needed = f"{COUNT_WORDS[node.count.operator]} {node.count.number} needed"
            is_plain = isinstance(node.window, AnyTime) and not node.properties and node.then is None
            counts = "" if is_plain else f" ({sentence_of(node)})"
            return f"{node.name or f'Any {node.type}'} happened {times}, {needed}{counts}"
        case TraitNode():
            name = ".".join(node.test.path)
            value = "missing" if facts["isMissing"] else _shown(facts["value"])
            return f"trait {name} is {value} ({'as' if evidence.holds else 'not as'} asked: {sentence_of(node)})"
        case AudienceNode():
            return f"is {'' if facts['isMember'] else 'not '}in the audience {node.audience}"
        case JourneyStepNode():
            return f"is {'' if facts['isMember'] else 'not '}in the journey step {node.step}"
        case UsersNode():
            return f"{facts['matching']} of {facts['users']} users match ({node.quantifier} asked)"
        case IdentifierNode():
            return f"has {', '.join(map(str, facts['values'])) or 'no value'} as {node.identifier}"


def _shown(value: Any) -> str:
    return f"“{value}”" if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)
