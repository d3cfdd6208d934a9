"""What a mapping that is being edited makes of an event: verdict, the value of each field, payload, first request."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from common.errors import FieldError
from destinations.config import CompiledMapping
from destinations.drafts import Draft, enriched, plan_draft
from destinations.kit.http import Request
from destinations.kit.redaction import shown_request
from destinations.pipeline import Call
from destinations.resolving import INTERNAL_PREFIX, RESERVED, ROOT_DIRECTIVE
from destinations.services.mappings import problems_of
from destinations.triggers import Explanation, Piece, explain, marked, trigger_rows, trigger_words
from engine import mapping as mapping_kit
from engine.mapping.payload import PayloadError, prepare_payload

LONGEST = 160


@dataclass(frozen=True, kw_only=True)
class FieldValue:
    """What one field gets from the sample: `text` is JSON, cut for a row; "" with is_missing where there is nothing."""

    text: str = ""
    is_missing: bool = False
    error: str = ""


@dataclass(kw_only=True)
class Preview:
    """`problems` keep the mapping from being saved; `detail` says why the event goes no further."""

    problems: list[FieldError]
    words: list[str]
    rows: dict[str, Any] | None
    trigger_pieces: list[Piece]
    explanation: Explanation | None = None
    matches: bool = False
    detail: str = ""
    payload: Any = None
    request: dict[str, Any] | None = None
    values: dict[str, FieldValue] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)

    @property
    def rows_json(self) -> str:
        return json.dumps(self.rows)

    def as_dict(self) -> dict[str, Any]:
        """For the REST API."""
        return {
            "problems": [problem.as_dict() for problem in self.problems],
            "matches": self.matches,
            "detail": self.detail,
            "conditions": [
                {"words": verdict.words, "holds": verdict.ok, "found": verdict.found}
                for verdict in (self.explanation.verdicts if self.explanation else ())
            ],
            "fields": {
                key: {"value": value.text, "missing": value.is_missing, "error": value.error}
                for key, value in self.values.items()
            },
            "payload": self.payload,
            "request": self.request,
            "errors": self.errors,
        }


def preview(draft: Draft, event: Mapping[str, Any], *, traits: Mapping[str, Any] | None = None) -> Preview:
    """Run the draft through the pipeline of deliveries, up to the first request.

    `traits` are values of the enriched traits, laid under the event.
    """
    sample = enriched(event, traits or {})
    shown = Preview(
        problems=problems_of(draft.action, draft.trigger, draft.fields),
        words=trigger_words(draft.trigger),
        rows=trigger_rows(draft.trigger),
        trigger_pieces=marked(draft.trigger),
        explanation=explain(draft.trigger, sample),
    )
    config = draft.config()
    shown.values = _values(draft, config.mappings[0], sample, shown.problems)
    planned = plan_draft(config, sample)
    if not planned.calls:
        shown.detail = planned.outcome.sentence if planned.outcome else ""
        return shown
    call = planned.calls[0]
    shown.matches = True
    if call.problem is not None:
        shown.errors.append(call.problem.detail)
        return shown
    shown.payload = call.payload
    _add_request(shown, call, config.secret_values)
    return shown


def _add_request(shown: Preview, call: Call, secrets: tuple[str, ...]) -> None:
    conversation = call.run()
    try:
        request: Request = next(conversation)
        shown.request = shown_request(request, secrets)
        shown.request["headers"] = _without_signatures(shown.request["headers"])
    except StopIteration as stop:
        shown.errors.append(stop.value.detail)
    finally:
        conversation.close()


def _values(
    draft: Draft, compiled: CompiledMapping, event: Mapping[str, Any], problems: list[FieldError]
) -> dict[str, FieldValue]:
    """The value of every field that can be seen, each resolved on its own, then checked all together."""
    if ROOT_DIRECTIVE in draft.fields:
        return {}
    declared = [item for item in draft.action.fields if item.key not in RESERVED]
    resolved: dict[str, Any] = {}
    errors = _problems_by_field(problems)
    for item in declared:
        told = draft.fields.get(item.key)
        if told is None or item.key in errors or item.key.startswith(INTERNAL_PREFIX):
            continue
        try:
            resolved |= mapping_kit.compile({item.key: told}).resolve(event)
        except mapping_kit.MappingError as error:
            errors[item.key] = str(error)
    payload: dict[str, Any] = resolved
    try:
        payload = prepare_payload(resolved, declared, is_batch=compiled.steering.is_batched)
    except PayloadError as error:
        for problem in error.problems:
            errors.setdefault(problem.key, problem.message)
    found = {}
    for item in declared:
        value = payload.get(item.key)
        found[item.key] = FieldValue(
            text="" if value is None else _short(value),
            is_missing=value is None,
            error=errors.get(item.key, ""),
        )
    for key in RESERVED & set(draft.fields):
        told = draft.fields[key]
        if told is not None and not isinstance(told, dict):
            found[key] = FieldValue(text=_short(told))
    return found


def _problems_by_field(problems: list[FieldError]) -> dict[str, str]:
    found: dict[str, str] = {}
    for problem in problems:
        parts = problem.path.split("/")
        if len(parts) > 2 and parts[1] == "fields" and problem.code != "required":
            found.setdefault(parts[2], problem.detail)
    return found


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _without_signatures(headers: Mapping[str, str]) -> dict[str, str]:
    """Who may only look must not get bodies of their own signed."""
    return {
        name: "computed when it is sent" if "signature" in name.lower() else value for name, value in headers.items()
    }
