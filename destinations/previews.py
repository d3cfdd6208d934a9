"""What a mapping that is being edited would do with an event, and triggers in words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from destinations.config import build_config
from destinations.kit.definition import Action
from destinations.kit.http import Request
from destinations.kit.redaction import shown_request
from destinations.models import Destination
from destinations.models import Mapping as MappingRow
from destinations.pipeline import plan
from destinations.services.mappings import problems_of
from engine.fql import FqlError, parse
from engine.jstext import text

_FIELDS = {
    "event-type": "Event type",
    "event": "Event name",
    "name": "Name",
    "userId": "User ID",
    "event-property": "properties.",
    "event-trait": "traits.",
    "event-context": "context.",
}
_OPERATORS = {
    "=": "is",
    "!=": "is not",
    "number_equals": "is",
    "number_not_equals": "is not",
    "<": "is less than",
    "<=": "is at most",
    ">": "is more than",
    ">=": "is at least",
    "contains": "contains",
    "not_contains": "does not contain",
    "starts_with": "starts with",
    "not_starts_with": "does not start with",
    "ends_with": "ends with",
    "not_ends_with": "does not end with",
    "exists": "exists",
    "not_exists": "does not exist",
    "is_true": "is true",
    "is_false": "is false",
}
_NO_VALUE = frozenset({"exists", "not_exists", "is_true", "is_false"})


@dataclass(kw_only=True)
class Preview:
    """`problems` keep the mapping from being saved; `detail` says why the event goes no further."""

    problems: list[str]
    words: list[str]
    matches: bool = False
    detail: str = ""
    payload: Any = None
    request: dict[str, Any] | None = None
    rows: dict[str, Any] | None = None
    errors: list[str] = field(default_factory=list)

    @property
    def rows_json(self) -> str:
        return json.dumps(self.rows)


def preview(
    *, config_of: Destination, action: Action, trigger: str, fields: Mapping[str, Any], event: Mapping[str, Any]
) -> Preview:
    """Run the edited mapping through the pipeline of deliveries, up to the first request."""
    shown = Preview(
        problems=[problem.detail for problem in problems_of(action, trigger, fields)],
        words=trigger_words(trigger),
        rows=trigger_rows(trigger),
    )
    row = MappingRow(
        destination=config_of, public_id="preview", action=action.key, name="This mapping", trigger=trigger
    )
    row.fields, row.is_enabled = dict(fields), True
    config = build_config(config_of, [row])
    planned = plan(config, event, is_test=True, only_mapping="preview")
    if not planned.calls:
        shown.detail = planned.outcome.sentence if planned.outcome else ""
        if planned.outcome is not None and planned.outcome.code == "NO_MATCHING_MAPPING":
            shown.detail = "The trigger does not match this event."
        return shown
    call = planned.calls[0]
    shown.matches = True
    if call.problem is not None:
        shown.errors.append(call.problem.detail)
        return shown
    shown.payload = call.payload
    conversation = call.run()
    try:
        request: Request = next(conversation)
        shown.request = shown_request(request, config.secret_values)
        shown.request["headers"] = _without_signatures(shown.request["headers"])
    except StopIteration as stop:
        shown.errors.append(stop.value.detail)
    finally:
        conversation.close()
    return shown


def _without_signatures(headers: Mapping[str, str]) -> dict[str, str]:
    """Who may only look must not get bodies of their own signed."""
    return {
        name: "computed when it is sent" if "signature" in name.lower() else value for name, value in headers.items()
    }


def trigger_rows(trigger: str) -> dict[str, Any] | None:
    """A trigger of one level as `{"operator", "rows": [{"type", "name", "operator", "value"}]}` for the row editor.

    None for what rows cannot show: nested groups, a text that does not parse, conditions that would be lost.
    """
    try:
        tree = parse(trigger).tree
    except FqlError:
        return None
    children = tree.get("children") or []
    rows = []
    for child in children:
        if not isinstance(child, dict) or child.get("type") not in _FIELDS or child.get("operator") not in _OPERATORS:
            return None
        operator = str(child["operator"])
        rows.append(
            {
                "type": child["type"],
                "name": child.get("name", ""),
                "operator": {"number_equals": "=", "number_not_equals": "!="}.get(operator, operator),
                "value": "" if operator in _NO_VALUE else text(child.get("value")),
            }
        )
    return {"operator": tree.get("operator", "and"), "rows": rows} if rows else None


def trigger_words(trigger: str) -> list[str]:
    """The conditions of a trigger, one sentence each, led by AND or OR; empty for a text that does not parse."""
    try:
        tree = parse(trigger).tree
    except FqlError:
        return []
    return _group_words(tree)


def _group_words(group: Mapping[str, Any]) -> list[str]:
    joiner = "and" if group.get("operator") == "and" else "or"
    words = []
    for number, child in enumerate(group.get("children") or ()):
        if not isinstance(child, dict):
            continue
        said = f"({' '.join(_group_words(child))})" if child.get("type") == "group" else _condition_words(child)
        words.append(f"{joiner} {said}" if number else said)
    return words


def _condition_words(condition: Mapping[str, Any]) -> str:
    kind, operator = str(condition.get("type")), str(condition.get("operator"))
    subject = _FIELDS.get(kind, kind)
    if subject.endswith("."):
        subject += str(condition.get("name", ""))
    verb = _OPERATORS.get(operator, operator)
    return f"{subject} {verb}" if operator in _NO_VALUE else f"{subject} {verb} {condition.get('value')}"
