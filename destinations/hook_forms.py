"""The form of a hook: what a mapping needs at the vendor, such as a list, made or chosen while it is edited."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from django import forms
from django.forms import BoundField
from django.http import QueryDict

from common.errors import ProductError
from common.forms import ProductForm
from destinations.field_rows import condition_words
from destinations.forms import form_field
from destinations.kit.definition import Hook
from engine.mapping.fields import ABSENT, Choice, Condition, Field

_TRUE = frozenset({"yes", "true", "1", "y"})


@dataclass(frozen=True, kw_only=True)
class Found:
    """One output of a hook, as the page shows it."""

    label: str
    value: str


class HookForm(ProductForm):
    """The inputs of a hook. It is part of the mapping's form, so nothing in it is required before its button is used.

    `found` is `{"inputs", "outputs"}` of the last run, {} before the first; `carrier` holds it in the mapping's form.
    """

    use_required_attribute = False

    def __init__(self, data: QueryDict | None, *, hook: Hook, found: Mapping[str, Any], carrier: BoundField) -> None:
        inputs = found.get("inputs") or {}
        initial = {item.key: _shown(item, inputs.get(item.key, item.default)) for item in hook.inputs}
        super().__init__(data, prefix=hook.key, initial=initial)
        self.hook = hook
        self.carrier = carrier
        self.items = {item.key: item for item in hook.inputs}
        self.outputs = [
            Found(label=item.label, value=str(value))
            for item in hook.outputs
            if (value := (found.get("outputs") or {}).get(item.key)) not in (None, "")
        ]
        for item in hook.inputs:
            if not item.hidden:
                self.fields[item.key] = self._field(item)

    def rows(self) -> list[tuple[BoundField, str]]:
        """Each input, with the condition under which it counts as JSON for the script, "" when it always does."""
        return [(self[key], _condition(self.items[key].depends_on)) for key in self.fields]

    def values(self) -> dict[str, Any]:
        """What was typed, in the shapes in which the service checks it. The form has to be valid."""
        found: dict[str, Any] = {}
        for key in self.fields:
            value, item = self.cleaned_data.get(key), self.items[key]
            if item.type == "object" and item.multiple:
                value = [_record(item, line) for line in str(value or "").splitlines() if line.strip()]
            elif item.multiple:
                value = [line for line in str(value or "").splitlines() if line.strip()]
            found[key] = value
        return found

    def add_product_error(self, error: ProductError) -> None:
        for problem in error.errors:
            key = problem.path.removeprefix(f"/fields/{self.hook.key}/").partition("/")[0]
            self.add_error(key if key in self.fields else None, problem.detail)
        if not error.errors:
            self.add_error(None, error.detail)

    def _field(self, item: Field) -> forms.Field:
        field = form_field(item)
        if isinstance(field, forms.ChoiceField) and (item.required is True or item.default is not None):
            field.choices = [(value, label) for value, label in _pairs(field) if value != ""]
        if item.type == "object" and item.multiple:
            parts = ", ".join(_title(part) for part in item.properties or ())
            field.help_text = f"{item.description} One a line: {parts}. Yes or no where that is the question.".strip()
            field.widget.attrs["placeholder"] = ""
        field.required = False
        # The script shows the field under this condition; without script the sentence has to do.
        if item.depends_on is not None:
            words = condition_words(item.depends_on, self.items)
            field.help_text = f"{field.help_text} Only where {words}.".strip()
        return field


def _pairs(field: forms.ChoiceField) -> list[tuple[Any, Any]]:
    return list(cast("Iterable[tuple[Any, Any]]", field.choices))


def _title(item: Field) -> str:
    return item.label or item.key


def _record(item: Field, line: str) -> dict[str, Any]:
    """`Email, EmailAddress, no, yes` as an object; what is left empty stays out, except answers, which are no."""
    told = [part.strip() for part in line.split(",")]
    found: dict[str, Any] = {}
    for place, part in enumerate(item.properties or ()):
        text = told[place] if place < len(told) else ""
        if part.type == "boolean":
            found[part.key] = text.lower() in _TRUE
        elif text:
            found[part.key] = int(text) if part.type == "integer" and text.isdigit() else text
    return found


def _shown(item: Field, value: Any) -> Any:
    """A stored input as it is typed."""
    if item.type == "object" and item.multiple and isinstance(value, list):
        return "\n".join(_line(item, one) for one in value if isinstance(one, dict))
    return "\n".join(map(str, value)) if item.multiple and isinstance(value, list) else value


def _line(item: Field, record: Mapping[str, Any]) -> str:
    told = [record.get(part.key, "") for part in item.properties or ()]
    words = [("yes" if one else "no") if isinstance(one, bool) else str(one) for one in told]
    return ", ".join(words).rstrip(", ")


def _condition(condition: Condition | None) -> str:
    if condition is None:
        return ""
    clauses = [
        {"field": one.field, "is": one.operator == "is", "value": None if one.value is ABSENT else _plain(one.value)}
        for one in condition.clauses
    ]
    return json.dumps({"match": condition.match, "clauses": clauses})


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, Choice) else value
