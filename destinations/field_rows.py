"""The rows of the Fields table: which are shown, what each is worth, and where its choices come from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from django.forms import BoundField

from destinations.kit.definition import Action
from destinations.mapping_forms import SOURCE, MappingForm
from destinations.previews import FieldValue
from engine.mapping.fields import ABSENT, Choice, Condition, Field

_NOTHING = FieldValue(is_missing=True)
_TYPES = {
    "text": "text",
    "string": "text",
    "number": "number",
    "integer": "whole number",
    "boolean": "true or false",
    "datetime": "date",
    "object": "object",
    "password": "text",
}


@dataclass(frozen=True, kw_only=True)
class FieldRow:
    """`params` is set where the source is a type-ahead: what its address is asked with, as JSON."""

    key: str
    source: BoundField
    text: str
    type: str
    is_required: bool
    is_suggested: bool
    value: FieldValue
    params: str = ""
    notes: tuple[str, ...] = field(default=())


@dataclass(frozen=True, kw_only=True)
class FieldRows:
    """Required fields and those with a value first; the rest is optional and empty."""

    shown: tuple[FieldRow, ...]
    optional: tuple[FieldRow, ...]

    @property
    def suggested(self) -> int:
        return sum(row.is_suggested for row in (*self.shown, *self.optional))


def field_rows(form: MappingForm, values: Mapping[str, FieldValue]) -> FieldRows:
    suggested = set(form.suggested)
    shown: list[FieldRow] = []
    optional: list[FieldRow] = []
    for key, item in form.items.items():
        row = FieldRow(
            key=key,
            source=form[SOURCE + key],
            text=form.text_of(key),
            type=f"list of {_TYPES[item.type]}" if item.multiple else _TYPES[item.type],
            is_required=item.required is True,
            is_suggested=key in suggested,
            value=values.get(key, _NOTHING),
            params=json.dumps({"action": form.action.key, "field": key}) if has_choices(form.action, item) else "",
            notes=_notes(item, form.items),
        )
        is_shown = row.is_required or row.text.strip() or row.source.errors or row.is_suggested
        (shown if is_shown else optional).append(row)
    shown.sort(key=lambda row: not row.is_required)
    return FieldRows(shown=tuple(shown), optional=tuple(optional))


def has_choices(action: Action, item: Field) -> bool:
    """Whether the values of a field can be listed: by the vendor, by its choices, or because it is true or false."""
    return item.key in action.choices or item.choices is not None or (item.type == "boolean" and not item.multiple)


def condition_words(condition: Condition, fields: Mapping[str, Field]) -> str:
    """ "Operation is create" for the conditions under which a field is required or used."""
    return f" {'and' if condition.match == 'all' else 'or'} ".join(
        _clause_words(clause.field, clause.operator, clause.value, fields) for clause in condition.clauses
    )


def _clause_words(key: str, operator: str, value: object, fields: Mapping[str, Field]) -> str:
    label = fields[key].label if key in fields else key
    if value is ABSENT:
        return f"{label} is {'empty' if operator == 'is' else 'given'}"
    values = value if isinstance(value, list | tuple) else [value]
    words = " or ".join(_value_words(fields.get(key), one) for one in values)
    return f"{label} {'is' if operator == 'is' else 'is not'} {words}"


def _value_words(item: Field | None, value: object) -> str:
    """As the field's choices call it."""
    if isinstance(value, bool):
        return "on" if value else "off"
    choices = (item.choices if item is not None else None) or ()
    labels = [one.label for one in choices if isinstance(one, Choice) and one.value == value]
    return labels[0] if labels else str(value)


def _notes(item: Field, fields: Mapping[str, Field]) -> tuple[str, ...]:
    notes: list[str] = []
    if isinstance(item.required, Condition):
        notes.append(f"Required when {condition_words(item.required, fields)}.")
    if item.depends_on is not None:
        notes.append(f"Used when {condition_words(item.depends_on, fields)}.")
    return tuple(notes)
