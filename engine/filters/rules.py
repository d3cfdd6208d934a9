"""What filters do to an event: sample it, drop it, take fields out (delivery-and-observability.md §5)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Literal

from engine.filters import Condition, FilterEvaluationError
from engine.filters.compiler import value_at
from engine.filters.tokens import path_text

RuleKind = Literal["SAMPLE", "DROP", "DROP_PROPERTIES", "ALLOW_PROPERTIES"]
Path = tuple[str, ...]

ORDER: tuple[RuleKind, ...] = ("SAMPLE", "DROP", "DROP_PROPERTIES", "ALLOW_PROPERTIES")
STOPPING: frozenset[RuleKind] = frozenset({"SAMPLE", "DROP"})
# What every call needs on its way; taking it out would make the rest meaningless.
KEPT_FIELDS = frozenset({"type", "messageId", "integrations"})
MESSAGE_ID: Path = ("messageId",)
_HASH_SPACE = 2**64


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One filter, compiled. `condition` None: the text could not be read (`problem`), and whatever comes is dropped.

    `share` (0 to 1) of the sampled values at `path` goes on; `fields` are the paths that are taken out, or kept.
    """

    name: str
    kind: RuleKind
    condition: Condition | None
    problem: str = ""
    share: float = 1.0
    path: Path = MESSAGE_ID
    fields: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one rule says of an event: `state` "passed" (it does not concern it), "stopped" or "changed"."""

    rule: str
    state: Literal["passed", "stopped", "changed"]
    sentence: str


@dataclass(slots=True, kw_only=True)
class Judgement:
    """The event as it goes on (`stopped` None), or the finding that stopped it."""

    event: Mapping[str, Any]
    findings: list[Finding] = field(default_factory=list)
    stopped: Finding | None = None


def in_order(rules: Sequence[Rule]) -> tuple[Rule, ...]:
    """Sample, drop, drop properties, allow properties; within a kind as they were."""
    return tuple(sorted(rules, key=lambda rule: ORDER.index(rule.kind)))


def apply_rules(rules: Sequence[Rule], event: Mapping[str, Any], *, is_retry: bool = False) -> Judgement:
    """Run an event through `rules` (`in_order`). The event given is not changed.

    What cannot be evaluated stops the event: an unreadable rule must not let through what it was made to hold back.
    An event that is tried again has passed the stopping rules of its first attempt; later ones do not stop it.
    """
    judgement = Judgement(event=event)
    for rule in rules:
        if is_retry and rule.kind in STOPPING:
            continue
        finding = _judge(rule, judgement)
        judgement.findings.append(finding)
        if finding.state == "stopped":
            judgement.stopped = finding
            break
    return judgement


def _judge(rule: Rule, judgement: Judgement) -> Finding:
    event = judgement.event
    if rule.condition is None:
        return _finding(rule, "stopped", f"it cannot be read ({rule.problem}), so nothing passes it")
    try:
        concerns = rule.condition.matches(event)
    except FilterEvaluationError as error:
        return _finding(rule, "stopped", f"it could not be evaluated: {error}")
    if not concerns:
        return _finding(rule, "passed", "the event does not match its condition")
    return _act(rule, judgement)


def _act(rule: Rule, judgement: Judgement) -> Finding:
    """What a rule does with an event that it concerns."""
    event = judgement.event
    if rule.kind == "DROP":
        is_only_send = rule.condition is not None and rule.condition.tree.kind == "not"
        why = "the event is not among those that it lets through" if is_only_send else "the event matches its condition"
        return _finding(rule, "stopped", why)
    if rule.kind == "SAMPLE":
        percent = f"{100 * rule.share:g} %"
        if is_sampled(value_at(event, rule.path), rule.share):
            return _finding(rule, "passed", f"the event is in its sample of {percent}")
        return _finding(rule, "stopped", f"the event is not in its sample of {percent}")
    change = without_fields if rule.kind == "DROP_PROPERTIES" else with_fields_only
    judgement.event = change(event, rule.fields)
    names = ", ".join(path_text(path) for path in rule.fields)
    done = f"took out {names}" if rule.kind == "DROP_PROPERTIES" else f"kept only {names}"
    return _finding(rule, "changed", done)


def _finding(rule: Rule, state: Literal["passed", "stopped", "changed"], what: str) -> Finding:
    verb = {"passed": "lets the event pass", "stopped": "stops the event", "changed": "changes the event"}[state]
    return Finding(rule=rule.name, state=state, sentence=f"The filter “{rule.name}” {verb}: {what.rstrip('.')}.")


def is_sampled(value: Any, share: float) -> bool:
    """Whether a value belongs to the share that goes on: always the same answer for the same value."""
    digest = sha256(str(value).encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") < math.floor(share * _HASH_SPACE)


def without_fields(event: Mapping[str, Any], fields: Sequence[Path]) -> Mapping[str, Any]:
    """The event without these fields; in a list, without them in each of its elements."""
    for path in fields:
        event = _without(event, path)
    return event


def _without(value: Any, path: Path) -> Any:
    """Copies only what lies on the way."""
    if isinstance(value, list):
        return [_without(item, path) for item in value]
    if not isinstance(value, Mapping) or path[0] not in value:
        return value
    if len(path) == 1:
        return {key: item for key, item in value.items() if key != path[0]}
    return {**value, path[0]: _without(value[path[0]], path[1:])}


def with_fields_only(event: Mapping[str, Any], fields: Sequence[Path]) -> Mapping[str, Any]:
    """Of each object that is named (`properties` in `properties.plan`) only the named members; the rest stays."""
    by_root: dict[str, list[Path]] = {}
    for root, *rest in fields:
        by_root.setdefault(root, []).append(tuple(rest))
    kept = dict(event)
    for root, paths in by_root.items():
        if root in kept:
            kept[root] = _only(kept[root], paths)
    return kept


def _only(value: Any, paths: Sequence[Path]) -> Any:
    if any(not path for path in paths):
        return value
    if isinstance(value, list):
        return [_only(item, paths) for item in value]
    if not isinstance(value, Mapping):
        # A plain value where the filter names members of an object: nothing of it was allowed.
        return None
    names = list(dict.fromkeys(path[0] for path in paths))
    return {
        name: _only(value[name], [path[1:] for path in paths if path[0] == name]) for name in names if name in value
    }
