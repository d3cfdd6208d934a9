"""What becomes of one event at one destination. Read this first.

`plan` decides and builds, `Call.run` talks. The worker, the event tester and the previews all come through here, so
that a test is a delivery. Order of the checks: delivery-and-observability.md §1.
"""

from __future__ import annotations

from collections.abc import Generator, Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Literal

import msgspec

from destinations.config import CompiledMapping, DestinationConfig
from destinations.kit.conversation import Tokens, confirmed, converse, item_verdicts
from destinations.kit.definition import Context, DestinationDefinition, Item
from destinations.kit.http import AnyResponse, Request
from destinations.kit.steering import DEFAULT_BATCH_BYTES
from destinations.kit.verdicts import Verdict
from destinations.resolving import MappingProblem
from engine.filters.rules import Rule, apply_rules

# "report": the filters say what they would do, and change nothing (tests and previews).
FilterUse = Literal["apply", "report"]
NOT_APPLIED = "This test goes on all the same: filters are not applied to it."


@dataclass(frozen=True, slots=True)
class Stage:
    """One check on the way: destination, event_type, integrations, filters, settings, trigger or mapping."""

    name: str
    ok: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Filtered:
    """The event is not for this destination: a normal end. `code` as in delivery-and-observability.md §2.3."""

    code: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Failed:
    """No request can be built. Trying again changes nothing; mending the settings or the mapping does."""

    code: str
    sentence: str


@dataclass(slots=True)
class Call:
    """One call that an event makes: one per matching mapping, or the only one of a classic destination.

    `problem` is set when no request could be built from this mapping; `run` then ends at once with it. `batch_key` is
    None for a call that goes alone; calls with equal keys may go together by `run_batch`, at most `batch_size` of them
    and `batch_bytes` of payload.
    """

    mapping: CompiledMapping | None
    definition: DestinationDefinition
    context: Context
    payload: dict[str, Any]
    problem: Verdict | None = None

    @property
    def mapping_id(self) -> str:
        return self.mapping.id if self.mapping else ""

    @property
    def name(self) -> str:
        return self.mapping.name if self.mapping else self.definition.name

    @property
    def batch_size(self) -> int:
        if self.mapping is None:
            return self.definition.batch_size if self.definition.classic_batch else 0
        return self.mapping.batch_size

    @property
    def batch_bytes(self) -> int:
        return self.mapping.steering.batch_bytes if self.mapping else DEFAULT_BATCH_BYTES

    @property
    def payload_bytes(self) -> int:
        """About how much of `batch_bytes` the payload takes."""
        return len(msgspec.json.encode(self.payload))

    @property
    def batch_key(self) -> Hashable:
        if self.mapping is None:
            return self.definition.slug if self.definition.classic_batch else None
        if not self.mapping.batch_size or self.problem is not None:
            return None
        about = (self.context.computation_key, self.context.external_audience_id, self.context.audience_settings)
        return batch_key(self.mapping, self.payload, about=msgspec.json.encode(about))

    def run(self, tokens: Tokens | None = None) -> Generator[Request, AnyResponse, Verdict]:
        """Yields requests, takes responses (common.http's or the kit's), returns the verdict.

        A request that got no response: close the generator and ask `judge_transport` for the verdict. `tokens` are
        those that the calls of the destination share.
        """
        if self.problem is not None:
            return self.problem
        verdict, _result = yield from converse(self._start, self.context, auth=self.definition.auth, tokens=tokens)
        return verdict

    def _start(self, context: Context) -> Any:
        if self.mapping is None:
            assert self.definition.classic is not None
            return self.definition.classic(context, self.payload)
        assert self.mapping.action is not None
        return self.mapping.action.run(context, self.payload, context.event)


def batch_key(mapping: CompiledMapping, payload: Mapping[str, Any], *, about: bytes) -> Hashable:
    """What may go together: calls of one mapping for one list (`about`: `list_of` as JSON) with equal batch keys."""
    keys = mapping.steering.batch_keys
    return (mapping.id, about, msgspec.json.encode([payload.get(key) for key in keys]) if keys else b"")


class Plan(msgspec.Struct, frozen=True):
    """The verdict of each stage, and the calls to make. `outcome` None: there is something to send."""

    stages: tuple[Stage, ...]
    outcome: Filtered | Failed | None
    calls: tuple[Call, ...] = ()


def run_batch(calls: Sequence[Call], tokens: Tokens | None = None) -> Generator[Request, AnyResponse, list[Verdict]]:
    """Send calls with one `batch_key` together; the verdicts are in their order."""
    items = [
        Item(index=place, payload=call.payload, membership=call.context.membership, event=call.context.event)
        for place, call in enumerate(calls)
    ]
    return (yield from run_items(calls[0], items, tokens))


def run_items(
    first: Call, items: list[Item], tokens: Tokens | None = None
) -> Generator[Request, AnyResponse, list[Verdict]]:
    """`run_batch` for calls that are items already; `first` is the call of the first item."""
    action = first.mapping.action if first.mapping else None
    perform = action.perform_batch if action else first.definition.classic_batch
    if perform is None:
        raise ValueError("These calls cannot go together.")
    verdict, result = yield from converse(
        lambda context: perform(context, items), first.context, auth=first.definition.auth, tokens=tokens
    )
    if action is not None and action.confirm is not None:
        verdict, result = yield from confirmed(
            action.confirm, first.context, (verdict, result), auth=first.definition.auth, tokens=tokens
        )
    return item_verdicts(verdict, result, len(items))


def plan(
    config: DestinationConfig,
    event: Mapping[str, Any],
    *,
    is_test: bool = False,
    only_mapping: str | None = None,
    now: datetime | None = None,
    filters: FilterUse = "apply",
    is_retry: bool = False,
) -> Plan:
    """Decide what `event` does at a destination, without any I/O.

    `now` is the moment of the attempt. `is_test` lets a disabled destination through, and `only_mapping` (a mapping's
    id) tries that one mapping, enabled or not. `is_retry`: an attempt was made before, so no filter stops it now.
    """
    stages: list[Stage] = []
    refused = _gates(config, event, is_test, stages)
    if refused is None and config.filters:
        event, refused = _filtered(config.filters, event, stages, use=filters, is_retry=is_retry)
    if refused is None and config.settings_problem:
        refused = _stop(stages, "settings", Failed("INVALID_SETTINGS", config.settings_problem))
    if refused is not None:
        return refused
    stages.append(_SETTINGS)
    definition = config.definition
    assert definition is not None
    if definition.kind == "list":
        return _stop(stages, "trigger", Filtered("NO_MATCHING_MAPPING", "A list destination takes batches of people."))
    if definition.framework != "actions":
        context = config.context(event, now=now)
        return Plan(tuple(stages), None, (Call(None, definition, context, dict(event)),))
    candidates = config.enabled_mappings
    if only_mapping is not None:
        candidates = tuple(mapping for mapping in config.mappings if mapping.id == only_mapping)
    matching = [mapping for mapping in candidates if mapping.matches(event)]
    if not matching:
        return _stop(stages, "trigger", Filtered("NO_MATCHING_MAPPING", _no_match(candidates, len(config.mappings))))
    stages.append(_trigger_stage(tuple([mapping.name for mapping in matching]), len(candidates)))
    calls = tuple([mapped_call(config, mapping, event, now) for mapping in matching])
    stages += [_mapping_stage(call) for call in calls]
    problems = [call.problem for call in calls if call.problem is not None]
    outcome = None
    if problems and len(problems) == len(calls):
        outcome = Failed(problems[0].code, " ".join(problem.detail for problem in problems))
    return Plan(tuple(stages), outcome, calls)


def _gates(config: DestinationConfig, event: Mapping[str, Any], is_test: bool, stages: list[Stage]) -> Plan | None:
    """Everything that is judged before the filters; fills `stages`, returns the plan of an event that stops here."""
    if not config.is_enabled and not is_test:
        return _stop(stages, "destination", Filtered("DESTINATION_DISABLED", f"{config.name} is disabled."))
    stages.append(_ENABLED if config.is_enabled else _DISABLED_TEST)
    definition = config.definition
    if definition is None:
        return _stop(stages, "settings", Failed("UNKNOWN_INTEGRATION", config.settings_problem))
    kind = event.get("type")
    if kind not in definition.supported:
        sentence = f"{definition.name} takes {', '.join(definition.supported)}, not {kind or 'calls without a type'}."
        return _stop(stages, "event_type", Filtered("UNSUPPORTED_EVENT_TYPE", sentence))
    stages.append(_SUPPORTED)
    if not is_routed(event.get("integrations"), definition.name):
        sentence = f"The integrations object of the event does not name {definition.name}."
        return _stop(stages, "integrations", Filtered("FILTERED_BY_INTEGRATIONS_OBJECT", sentence))
    stages.append(_ROUTED)
    return None


def _filtered(
    rules: Sequence[Rule], event: Mapping[str, Any], stages: list[Stage], *, use: FilterUse, is_retry: bool
) -> tuple[Mapping[str, Any], Plan | None]:
    """The event as its filters leave it, or the plan of one that they stop; a stage tells what they said."""
    judgement = apply_rules(rules, event, is_retry=is_retry)
    stopped = judgement.stopped
    if use == "report":
        said = [finding.sentence for finding in judgement.findings if finding.state != "passed"]
        stages.append(Stage("filters", stopped is None, " ".join([*said, NOT_APPLIED]) if said else _UNFILTERED.detail))
        return event, None
    if stopped is not None:
        return event, _stop(stages, "filters", Filtered("FILTERED_BY_RULES", stopped.sentence))
    changes = [finding.sentence for finding in judgement.findings if finding.state == "changed"]
    stages.append(Stage("filters", True, " ".join(changes)) if changes else _UNFILTERED)
    return judgement.event, None


def mapped_call(
    config: DestinationConfig, mapping: CompiledMapping, event: Mapping[str, Any], now: datetime | None = None
) -> Call:
    """The call that a mapping of the destination makes for an event."""
    definition = config.definition
    assert definition is not None
    payload, problem = mapped_payload(mapping, event)
    return Call(mapping, definition, config.context(event, mapping, now=now), payload, problem)


def mapped_payload(mapping: CompiledMapping, event: Mapping[str, Any]) -> tuple[dict[str, Any], Verdict | None]:
    """What a mapping makes of an event, or why it makes nothing of it."""
    if mapping.problem or mapping.resolver is None:
        return {}, Verdict(outcome="failed", code="MAPPING_FAILED", detail=f"{mapping.name}: {mapping.problem}")
    try:
        return mapping.resolver.payload(event), None
    except MappingProblem as error:
        detail = f"{mapping.name}: {error}"
        return {}, Verdict(outcome="failed", code="PAYLOAD_VALIDATION_FAILED", detail=detail, status=400)


def _mapping_stage(call: Call) -> Stage:
    return _complete_stage(call.name) if call.problem is None else Stage("mapping", False, call.problem.detail)


# Workers plan thousands of calls a second, nearly all with the same stages.
@lru_cache(maxsize=1024)
def _complete_stage(name: str) -> Stage:
    return Stage("mapping", True, f"{name}: the payload is complete.")


@lru_cache(maxsize=1024)
def _trigger_stage(matching: tuple[str, ...], candidates: int) -> Stage:
    many = f"{len(matching)} of {candidates} enabled mapping{'s' if candidates != 1 else ''} matched"
    return Stage("trigger", True, f"{many}: {', '.join(matching)}.")


def is_routed(integrations: Any, name: str) -> bool:
    """Whether an `integrations` object lets the event through to a destination: `All` is true unless said otherwise."""
    if not isinstance(integrations, dict):
        return True
    value = integrations.get(name)
    if value is None:
        return integrations.get("All", True) is not False
    return value is not False


def _stop(stages: list[Stage], name: str, outcome: Filtered | Failed) -> Plan:
    return Plan((*stages, Stage(name, False, outcome.sentence)), outcome)


def _no_match(candidates: Sequence[CompiledMapping], total: int) -> str:
    if total == 0:
        return "The destination has no mapping. Add one and enable it."
    if not candidates:
        return "No mapping of the destination is enabled. Enable one."
    broken = [f"{mapping.name}: {mapping.problem}" for mapping in candidates if mapping.problem]
    return " ".join(["You may not have any subscriptions that match this event.", *broken])


_ENABLED = Stage("destination", True, "The destination is enabled.")
_DISABLED_TEST = Stage("destination", True, "The destination is disabled; a test is sent all the same.")
_SUPPORTED = Stage("event_type", True, "The destination takes calls of this type.")
_ROUTED = Stage("integrations", True, "The integrations object routes the event here.")
_UNFILTERED = Stage("filters", True, "The filters let the event pass as it is.")
_SETTINGS = Stage("settings", True, "The settings are complete.")
