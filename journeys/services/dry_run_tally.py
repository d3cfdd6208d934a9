"""What a dry run counts: kept as JSON between slices, so that a worker that is killed loses one slice at most."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

SAMPLE_PEOPLE = 20
SAMPLE_PAYLOADS = 3
MOST_SPANS = 2_000
"""Beyond so many different spans at a step they are counted to three digits, which is what a median is read to."""


@dataclass(kw_only=True, slots=True)
class StepTally:
    """People at one step. `spans` counts seconds between arriving and leaving."""

    arrived: int = 0
    entered: int = 0
    left: int = 0
    waiting: int = 0
    here: int = 0
    sent: int = 0
    removed: int = 0
    branches: Counter[str] = field(default_factory=Counter)
    spans: Counter[int] = field(default_factory=Counter)

    def median(self) -> int | None:
        """Seconds; the lower one of two in the middle."""
        middle = (self.spans.total() + 1) // 2
        for seconds in sorted(self.spans):
            middle -= self.spans[seconds]
            if middle <= 0:
                return seconds
        return None

    def add_span(self, arrived_at: datetime, left_at: datetime) -> None:
        self.spans[int((left_at - arrived_at).total_seconds())] += 1
        if len(self.spans) > MOST_SPANS:
            rounded: Counter[int] = Counter()
            for seconds, count in self.spans.items():
                rounded[int(float(f"{seconds:.3g}"))] += count
            self.spans = rounded

    def as_json(self) -> dict[str, Any]:
        numbers = {name: getattr(self, name) for name in NUMBERS}
        return numbers | {"branches": dict(self.branches), "median_seconds": self.median()}


NUMBERS = ("arrived", "entered", "left", "waiting", "here", "sent", "removed")


@dataclass(kw_only=True, slots=True)
class SendTally:
    """The calls of one step to one destination. `reasons`: why calls would not go out, by (code, sentence)."""

    step: str
    destination: str
    name: str
    connector: str
    people: int = 0
    calls: int = 0
    built: int = 0
    filtered: int = 0
    failed: int = 0
    reasons: Counter[tuple[str, str]] = field(default_factory=Counter)
    samples: list[dict[str, Any]] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        return {
            "step": self.step,
            "destination": self.destination,
            "name": self.name,
            "connector": self.connector,
            "people": self.people,
            "calls": self.calls,
            "built": self.built,
            "filtered": self.filtered,
            "failed": self.failed,
            "reasons": [
                {"code": code, "detail": detail, "calls": calls} for (code, detail), calls in self.reasons.most_common()
            ],
            "samples": self.samples,
        }


TOTALS = ("people", "entered", "runs", "completed", "exited", "in_progress")


@dataclass(kw_only=True, slots=True)
class Tally:
    """`people` were looked at, `entered` of them entered, with `runs` passes in all; `steps` by step id."""

    people: int = 0
    entered: int = 0
    runs: int = 0
    completed: int = 0
    exited: int = 0
    in_progress: int = 0
    steps: dict[str, StepTally] = field(default_factory=dict)
    sends: dict[str, SendTally] = field(default_factory=dict)
    samples: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def for_steps(cls, step_ids: Sequence[str]) -> Tally:
        return cls(steps={step_id: StepTally() for step_id in step_ids})

    def as_result(self) -> dict[str, Any]:
        """What the API answers and the page shows."""
        return {
            **{name: getattr(self, name) for name in TOTALS},
            "steps": {step_id: step.as_json() for step_id, step in self.steps.items()},
            "sends": [send.as_json() for send in self.sends.values()],
            "samples": self.samples,
        }

    def as_state(self) -> dict[str, Any]:
        """Everything that the next slice goes on from."""
        return {
            **{name: getattr(self, name) for name in TOTALS},
            "steps": {
                step_id: {
                    **{name: getattr(step, name) for name in NUMBERS},
                    "branches": dict(step.branches),
                    "spans": [[seconds, count] for seconds, count in step.spans.items()],
                }
                for step_id, step in self.steps.items()
            },
            "sends": {key: send.as_json() for key, send in self.sends.items()},
            "samples": self.samples,
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Tally:
        steps = {
            step_id: StepTally(
                **{name: step[name] for name in NUMBERS},
                branches=Counter(step["branches"]),
                spans=Counter(dict(step["spans"])),
            )
            for step_id, step in state["steps"].items()
        }
        sends = {
            key: SendTally(
                **{name: value for name, value in send.items() if name != "reasons"},
                reasons=Counter({(one["code"], one["detail"]): one["calls"] for one in send["reasons"]}),
            )
            for key, send in state["sends"].items()
        }
        return cls(**{name: state[name] for name in TOTALS}, steps=steps, sends=sends, samples=list(state["samples"]))
