"""One person in one journey, written down naively from journeys.md: what the engine has to agree with.

Nothing of `engine.journeys` is used: steps are the JSON, every condition is judged at every instant at which anything
could happen, and the whole state is looked through until nothing changes any more. Slow, and hard to get wrong.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from engine.conditions import Condition, EventRecord, Options, ProfileState, evaluate, parse

DELAYED, WAITS, SENDS = "delay", "condition", ("send_to_destinations", "show_ad")


@dataclass
class Stay:
    arrived: datetime
    joined: datetime | None = None
    left: datetime | None = None
    branch: str = ""
    until: datetime | None = None
    remove_at: datetime | None = None
    removed: datetime | None = None


@dataclass
class Pass:
    entered: datetime
    exit_at: datetime | None
    completed: datetime | None = None
    ended: datetime | None = None
    reentry_at: datetime | None = None
    stays: dict[str, Stay] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Audience:
    name: str
    condition: Condition
    options: Options


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What is known of a person at the end; `writes` are (when, traits)."""

    segment_id: str
    identifiers: Mapping[str, Sequence[str]]
    events: Sequence[EventRecord]
    writes: Sequence[tuple[datetime, Mapping[str, Any]]] = ()


class Reference:
    """`follow()` fills `passes` and `sends` (when, step, value), up to and including `until`."""

    def __init__(
        self,
        definition: Mapping[str, Any],
        person: Subject,
        *,
        journey_id: str,
        published_at: datetime,
        until: datetime,
        audiences: Sequence[Audience] = (),
    ) -> None:
        self.person = person
        self.journey_id = journey_id
        self.published_at = published_at
        self.until = until
        self.audiences = audiences
        self.steps = {step["id"]: step for step in definition["steps"]}
        self.settings = {key: _span(value) for key, value in definition["settings"].items()}
        entry = definition["entry"]
        self.entry = parse(entry["condition"])
        since = None if entry["use_historical"] else published_at
        self.entry_options = Options(include_anonymous=False, historical_from=since)
        self.conditions = {name: parse(step["condition"]) for name, step in self.steps.items() if "condition" in step}
        self.passes: list[Pass] = []
        self.sends: list[tuple[datetime, str, bool]] = []
        self.alarms: set[datetime] = set()
        self.was_member = False

    def follow(self) -> Reference:
        seen = {event.received_at for event in self.person.events} | {when for when, _ in self.person.writes}
        self.alarms = {self.published_at} | {when for when in seen if when >= self.published_at}
        now = self.published_at
        while now <= self.until:
            self._instant(now)
            later = [alarm for alarm in self.alarms if alarm > now]
            if not later:
                break
            now = min(later)
        return self

    # What is known at an instant

    def _state(self, now: datetime) -> ProfileState:
        traits: dict[str, Any] = {}
        for when, written in self.person.writes:
            if when <= now:
                traits |= written
        events = [event for event in self.person.events if event.received_at <= now]
        state = ProfileState(traits=traits, identifiers=self.person.identifiers, events=events)
        inside = {one.name for one in self.audiences if self._holds(one.condition, state, now, one.options)}
        return ProfileState(
            traits=traits, identifiers=self.person.identifiers, events=events, memberships=frozenset(inside)
        )

    def _holds(self, condition: Condition, state: ProfileState, now: datetime, options: Options) -> bool:
        verdict = evaluate(condition, state, now, options)
        if verdict.recheck_at is not None:
            self.alarms.add(verdict.recheck_at)
        return verdict.is_member

    def _judge(self, name: str, state: ProfileState, now: datetime) -> bool:
        return self._holds(self.conditions[name], state, now, Options(historical_from=self.published_at))

    # What happens at an instant

    def _instant(self, now: datetime) -> None:
        state = self._state(now)
        is_member = self._holds(self.entry, state, now, self.entry_options)
        has_begun = is_member and not self.was_member
        self.was_member = is_member
        last = self.passes[-1] if self.passes else None
        if last is not None and last.ended is None:
            self._move(last, state, now)
        elif is_member and (has_begun if last is None else self._may_return(last, now)):
            self._enter(state, now)

    def _may_return(self, last: Pass, now: datetime) -> bool:
        return last.reentry_at is not None and last.reentry_at <= now

    def _enter(self, state: ProfileState, now: datetime) -> None:
        exit_after = self.settings["exit_after"]
        entered = Pass(entered=now, exit_at=now + exit_after if exit_after else None)
        entered.stays["entry"] = Stay(arrived=now, joined=now)
        if entered.exit_at:
            self.alarms.add(entered.exit_at)
        self.passes.append(entered)
        self._settle(entered, state, now)

    def _move(self, run: Pass, state: ProfileState, now: datetime) -> None:
        if run.exit_at is not None and run.exit_at <= now:
            self._exit(run, now)
            return
        for name, stay in run.stays.items():
            if stay.remove_at is not None and stay.remove_at <= now and stay.removed is None:
                stay.removed = now
                self.sends.append((now, name, False))
        self._settle(run, state, now)

    def _exit(self, run: Pass, now: datetime) -> None:
        for name, stay in run.stays.items():
            if name != "entry" and self.steps[name]["type"] in SENDS and stay.joined and not stay.removed:
                stay.removed = now
                self.sends.append((now, name, False))
            stay.left = stay.left or now
        run.ended = now
        if self.settings["reentry_after"]:
            run.reentry_at = now + self.settings["reentry_after"]
            self.alarms.add(run.reentry_at)

    def _settle(self, run: Pass, state: ProfileState, now: datetime) -> None:
        """Look through everything until nothing changes."""
        before = None
        while before != (before := [(name, vars(stay).copy()) for name, stay in run.stays.items()]):
            for name in list(run.stays):
                self._look(run, name, state, now)

    def _look(self, run: Pass, name: str, state: ProfileState, now: datetime) -> None:
        stay = run.stays[name]
        kind = "entry" if name == "entry" else self.steps[name]["type"]
        if stay.joined is None and stay.left is None and self._judge(name, state, now):
            self._join(run, name, state, now)
        if stay.joined is None:
            return
        if kind == DELAYED and stay.left is None:
            if stay.until is None or now < stay.until:
                return
            stay.left = now
        following = [child for child, branch in self._after(name) if self._is_taken(kind, stay, branch)]
        if not following:
            run.completed = run.completed or now
        for child in following:
            if child not in run.stays:
                run.stays[child] = Stay(arrived=now)
                if self.steps[child]["type"] != WAITS:
                    self._join(run, child, state, now)
            if run.stays[child].joined is not None:
                stay.left = stay.left or now

    def _join(self, run: Pass, name: str, state: ProfileState, now: datetime) -> None:
        step, stay = self.steps[name], run.stays[name]
        stay.joined = now
        match step["type"]:
            case "delay":
                span = _span(step["duration"])
                assert span is not None
                stay.until = now + span
                self.alarms.add(stay.until)
            case "true_false":
                stay.branch = "true" if self._judge(name, state, now) else "false"
            case "random":
                stay.branch = self._draw(step)
            case "send_to_destinations" | "show_ad":
                self.sends.append((now, name, True))
                if span := _span(step.get("remove_after")):
                    stay.remove_at = now + span
                    self.alarms.add(stay.remove_at)

    def _is_taken(self, kind: str, stay: Stay, branch: str) -> bool:
        return kind not in {"true_false", "random"} or branch == stay.branch

    def _after(self, name: str) -> list[tuple[str, str]]:
        """(following step, branch) with connects led on to their targets."""
        found = []
        for step in self.steps.values():
            after = step["after"] if isinstance(step["after"], dict) else {"step": step["after"], "branch": ""}
            if after["step"] == name:
                target = step
                while target["type"] == "connect":
                    target = self.steps[target["to"]]
                found.append((target["id"], after["branch"]))
        return found

    def _draw(self, step: Mapping[str, Any]) -> str:
        text = f"{self.journey_id}:{step['id']}:{self.person.segment_id}"
        drawn = int(hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()[:8], 16) % 10_000
        total = Decimal(0)
        for branch in step["branches"]:
            total += Decimal(str(branch["percent"])) * 100
            if drawn < total:
                return str(branch["id"])
        raise AssertionError("The percentages do not add up to 100.")


def _span(duration: Mapping[str, int] | None) -> timedelta | None:
    return timedelta(**duration) if duration else None
