"""Testing a mapping while it is edited: its call for one event, or with payload values that a person changed.

The way of the call is that of the event tester, hence that of a delivery; nothing is saved but the record of the test.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django.utils import timezone

from common.errors import ConflictError, InvalidError
from destinations.config import DestinationConfig
from destinations.drafts import Draft, enriched, plan_draft
from destinations.pipeline import Call, Plan, Stage
from destinations.resolving import RESERVED
from destinations.services.tester import (
    NO_TESTER_FOR_LISTS,
    build_plan,
    checked_event,
    keep,
    new_test_message_id,
    read_object,
    send_plan,
)
from engine.mapping.payload import PayloadError, prepare_payload
from spaces.models import User

CHANGED = "The payload was changed by hand."


def read_payload(text: str) -> dict[str, Any]:
    """The JSON of the *Resolved values*; InvalidError at /payload says where it breaks."""
    value = read_object(text, path="/payload", what="The resolved values")
    if not isinstance(value, dict):
        raise InvalidError.at("/payload", "The resolved values have to be a JSON object.", "not_an_object")
    return value


def try_mapping(
    draft: Draft,
    *,
    event: Mapping[str, Any],
    sent_by: User | None,
    payload: Mapping[str, Any] | None = None,
    traits: Mapping[str, Any] | None = None,
    is_sent: bool = False,
) -> dict[str, Any]:
    """The result of `services.tester.send_test_event` for the draft alone; with `is_sent` the tool is really called.

    `payload` replaces the resolved values, checked as those are. `traits` are laid under the event by enrichment. List
    destinations are built only: ConflictError says why.
    """
    config = draft.config()
    checked = checked_event(enriched(event, traits or {}))
    checked.setdefault("messageId", new_test_message_id())
    if is_sent and config.definition is not None and config.definition.kind == "list":
        raise ConflictError(NO_TESTER_FOR_LISTS)
    planned = plan_draft(config, checked, now=timezone.now())
    if payload is not None:
        planned = _with_payload(draft, config, planned, dict(payload))
    if not is_sent:
        return build_plan(config, planned)
    result = send_plan(config, planned)
    keep(destination=draft.destination, sent_by=sent_by, event=checked, result=result)
    return result


def _with_payload(draft: Draft, config: DestinationConfig, planned: Plan, payload: dict[str, Any]) -> Plan:
    """The plan with the changed values in its call, also where the mapping itself gave no complete payload."""
    if not planned.calls:
        return planned
    call = planned.calls[0]
    declared = [item for item in draft.action.fields if item.key not in RESERVED]
    try:
        ready = prepare_payload(payload, declared, is_batch=config.mappings[0].steering.is_batched)
    except PayloadError as error:
        raise InvalidError.at("/payload", str(error), "invalid_payload") from None
    made = Call(call.mapping, call.definition, call.context, ready)
    stages = [stage for stage in planned.stages if stage.name != "mapping"]
    return Plan((*stages, Stage("mapping", True, CHANGED)), None, (made,))


def payload_text(payload: Any) -> str:
    """Resolved values as the editor shows them."""
    return "" if payload is None else json.dumps(payload, indent=2, ensure_ascii=False, default=str)
