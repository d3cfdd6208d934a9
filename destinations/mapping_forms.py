"""The form of the mapping editor: name, trigger, enriched traits, and one source for each field of the action."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.http import QueryDict

from common.errors import ProductError
from common.forms import ProductForm
from destinations.expressions import ExpressionError, from_text, to_text
from destinations.kit.definition import HOOK_KEYS, SYNC_MODE_KEY, Action
from engine.mapping.fields import Field

SOURCE = "field_"
HOOK = "hook_"
SYNC_MODE_WORDS = {
    "add": "Add: only new records are written",
    "update": "Update: only records that are there are changed",
    "upsert": "Upsert: records are changed, or made where missing",
    "delete": "Delete: records are removed",
    "mirror": "Mirror: people are added and removed as they enter and leave",
}


class MappingForm(ProductForm):
    """`mapping` holds the field values that could be read; `enrichments` and `suggested` are lists of keys."""

    name = forms.CharField(label="Name", max_length=120)
    trigger = forms.CharField(
        label="Trigger as text",
        max_length=10_000,
        widget=forms.Textarea(
            attrs={
                "rows": 2,
                "class": "mono trigger-text",
                "spellcheck": "false",
                "autocomplete": "off",
                "data-test": "mapping.trigger",
            }
        ),
    )
    based_on = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, action: Action, suggested: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.action = action
        self.order: list[str] = []
        self.mapping: dict[str, Any] = {}
        self.items: dict[str, Field] = {}
        if action.sync_mode is not None:
            self.fields["sync_mode"] = forms.ChoiceField(
                label="Sync mode",
                required=False,
                choices=[(mode, SYNC_MODE_WORDS[mode]) for mode in action.sync_mode.choices],
            )
        for hook in action.hooks:
            self.fields[HOOK + hook.key] = forms.JSONField(required=False, widget=forms.HiddenInput)
        for item in action.fields:
            if item.hidden:
                continue
            self.fields[SOURCE + item.key] = _source_field(item)
            self.order.append(item.key)
            self.items[item.key] = item
        if self.is_bound and suggested:
            self.data = self._with(suggested)

    @property
    def enrichments(self) -> list[str]:
        return self._list("enrichments")

    @property
    def suggested(self) -> list[str]:
        """Keys of the fields that hold a suggestion which nobody accepted yet."""
        return [key for key in self._list("suggested") if key in self.items]

    @staticmethod
    def initial_for(fields: Mapping[str, Any], enrichments: list[str] | None = None) -> dict[str, Any]:
        values: dict[str, Any] = {SOURCE + key: to_text(value) for key, value in fields.items()}
        values |= {HOOK + key: fields[key] for key in HOOK_KEYS if key in fields}
        return {**values, "sync_mode": fields.get(SYNC_MODE_KEY, ""), "enrichments": enrichments or []}

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        for key in self.order:
            try:
                value = from_text(cleaned.get(SOURCE + key) or "")
            except ExpressionError as error:
                self.add_error(SOURCE + key, str(error))
                continue
            if value is not None:
                self.mapping[key] = value
        return cleaned

    def mapping_fields(self, stored: Mapping[str, Any]) -> dict[str, Any]:
        """The field mapping: what was typed, and what the editor does not show."""
        kept = {key: value for key, value in stored.items() if key not in self.order}
        for hook in self.action.hooks:
            kept.pop(hook.key, None)
            if found := self.found_by(hook.key):
                kept[hook.key] = found
        if mode := self.cleaned_data.get("sync_mode"):
            kept[SYNC_MODE_KEY] = mode
        return {**kept, **self.mapping}

    def found_by(self, hook: str) -> dict[str, Any]:
        """`{"inputs", "outputs"}` of what a hook made or found, {} before it ran."""
        value = self.cleaned_data.get(HOOK + hook) if self.is_bound else self.initial.get(HOOK + hook)
        return value if isinstance(value, dict) and isinstance(value.get("outputs"), dict) else {}

    def text_of(self, key: str) -> str:
        """What stands in the field now."""
        return str(self[SOURCE + key].value() or "")

    def add_product_error(self, error: ProductError) -> None:
        for problem in error.errors:
            head, _, rest = problem.path.strip("/").partition("/")
            key = rest.partition("/")[0]
            field = SOURCE + key if head == "fields" else head
            self.add_error(field if field in self.fields else None, problem.detail)
        if not error.errors:
            self.add_error(None, error.detail)

    def _list(self, name: str) -> list[str]:
        if not self.is_bound:
            return list(self.initial.get(name) or [])
        return list(self.data.getlist(name)) if isinstance(self.data, QueryDict) else []

    def _with(self, suggested: Mapping[str, Any]) -> QueryDict:
        """What was posted, with suggestions filled in; an empty one takes the suggestion back."""
        assert isinstance(self.data, QueryDict)
        data = self.data.copy()
        for key, value in suggested.items():
            data[SOURCE + key] = to_text(value)
        marked = [key for key in data.getlist("suggested") if suggested.get(key, True) is not None]
        marked += [key for key, value in suggested.items() if value is not None and key not in marked]
        data.setlist("suggested", marked)
        return data


def _source_field(item: Field) -> forms.CharField:
    attributes = {"rows": 1, "class": "mono mapping-source", "spellcheck": "false", "autocomplete": "off"}
    return forms.CharField(
        label=item.label,
        required=False,
        max_length=20_000,
        help_text=item.description,
        widget=forms.Textarea(attrs={**attributes, "data-source": item.key, "placeholder": item.placeholder}),
    )
