"""A mapping as it is being edited: run through the pipeline of deliveries without being saved."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from destinations.config import DestinationConfig, build_config
from destinations.kit.definition import Action
from destinations.models import Destination
from destinations.models import Mapping as MappingRow
from destinations.pipeline import Filtered, Plan, Stage, mapped_call, plan
from engine.payloads import nested

DRAFT = "draft"
NO_MATCH = "The trigger does not match this event."
_MATCHED = Stage("trigger", True, "The trigger matches this event.")


@dataclass(frozen=True, kw_only=True)
class Draft:
    """What the editor holds. `name` is what stages and errors call the mapping."""

    destination: Destination
    action: Action
    trigger: str
    fields: Mapping[str, Any]
    enrichments: Sequence[str] = ()
    name: str = "This mapping"

    def config(self) -> DestinationConfig:
        """The destination with this mapping as its only one."""
        row = MappingRow(
            destination=self.destination,
            public_id=DRAFT,
            action=self.action.key,
            name=self.name,
            trigger=self.trigger,
        )
        row.fields, row.is_enabled = dict(self.fields), True
        return build_config(self.destination, [row])


def draft_of(row: MappingRow, action: Action) -> Draft:
    """A stored mapping as a draft."""
    return Draft(
        destination=row.destination,
        action=action,
        trigger=row.trigger,
        fields=row.fields,
        enrichments=row.enrichments,
        name=row.name,
    )


def plan_draft(config: DestinationConfig, event: Mapping[str, Any], *, now: datetime | None = None) -> Plan:
    """As `pipeline.plan`; for a list destination the call of one person, who would go in a batch."""
    definition = config.definition
    if definition is None or definition.kind != "list":
        planned = plan(config, event, is_test=True, only_mapping=DRAFT, now=now)
        if isinstance(planned.outcome, Filtered) and planned.outcome.code == "NO_MATCHING_MAPPING":
            return _unmatched(config, planned.stages[:-1])
        return planned
    mapping = config.mappings[0]
    if not mapping.matches(event):
        return _unmatched(config, ())
    return Plan((_MATCHED,), None, (mapped_call(config, mapping, event, now),))


def enriched(event: Mapping[str, Any], traits: Mapping[str, Any]) -> dict[str, Any]:
    """The event as it arrives when calls carry these traits; what it has already stays."""
    if not traits:
        return dict(event)
    made = copy.deepcopy(dict(event))
    place = "traits" if made.get("type") in ("identify", "group") else "properties"
    own = made.get(place)
    made[place] = _laid_under(own if isinstance(own, dict) else {}, nested(traits))
    return made


def _laid_under(own: dict[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    for key, value in more.items():
        if key not in own:
            own[key] = value
        elif isinstance(own[key], dict) and isinstance(value, dict):
            _laid_under(own[key], value)
    return own


def _unmatched(config: DestinationConfig, stages: Sequence[Stage]) -> Plan:
    problem = config.mappings[0].problem
    sentence = f"{NO_MATCH} {problem}".strip()
    return Plan((*stages, Stage("trigger", False, sentence)), Filtered("NO_MATCHING_MAPPING", sentence))
