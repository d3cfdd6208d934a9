"""The form of a filter."""

from __future__ import annotations

from typing import Any

from django import forms

from common.errors import ProductError
from common.forms import ProductForm
from destinations.filter_texts import ONLY_SEND, as_chosen, as_stored
from destinations.models import Destination, DestinationFilter
from destinations.services.filters import NAME_LIMIT, told
from engine.filters import lint

Kind = DestinationFilter.Kind
KINDS = (
    (Kind.DROP.value, "Drop events: what matches is not sent"),
    (ONLY_SEND, "Only send: what does not match is dropped"),
    (Kind.SAMPLE.value, "Sample: of what matches a share is sent"),
    (Kind.DROP_PROPERTIES.value, "Drop properties: of what matches some fields are taken out"),
    (Kind.ALLOW_PROPERTIES.value, "Allow properties: of what matches only some fields are sent"),
)


class FilterForm(ProductForm):
    """`values()` is what the services take."""

    kind = forms.ChoiceField(label="What it does", choices=KINDS, initial=Kind.DROP.value, widget=forms.Select)
    condition = forms.CharField(
        label="Condition",
        max_length=10_000,
        widget=forms.Textarea(attrs={"rows": 3, "class": "mono", "spellcheck": "false", "autocomplete": "off"}),
        help_text='For example: type = "track" and context.personas.computation_key = "vip"',
    )
    sample_percent = forms.FloatField(
        label="Share that is sent, in percent",
        required=False,
        min_value=0,
        max_value=100,
        initial=100,
        help_text="For a sample. An event is always judged the same.",
    )
    sample_path = forms.CharField(
        label="Field that decides",
        required=False,
        max_length=255,
        initial="messageId",
        help_text="For a sample: messageId samples events, userId people.",
    )
    fields_text = forms.CharField(
        label="Fields",
        required=False,
        max_length=20_000,
        widget=forms.Textarea(attrs={"rows": 4, "class": "mono", "spellcheck": "false"}),
        help_text="For Drop and Allow properties, one a line: properties.email, context.ip, userId. "
        "properties.products.price is the price in every element of the list.",
    )
    name = forms.CharField(label="Name", max_length=NAME_LIMIT, help_text=f"At most {NAME_LIMIT} characters.")
    description = forms.CharField(label="Description", required=False, max_length=255)
    is_enabled = forms.BooleanField(label="Enabled", required=False, initial=True)
    based_on = forms.CharField(required=False, widget=forms.HiddenInput)

    def clean_condition(self) -> str:
        """Judged as it was typed: places are told in this text, also where another one is stored."""
        condition: str = self.cleaned_data["condition"].strip()
        problems = lint(condition)
        if problems:
            raise forms.ValidationError([told(problem) for problem in problems])
        return condition

    def values(self) -> dict[str, Any]:
        cleaned = self.cleaned_data
        kind, condition = as_stored(cleaned.get("kind", ""), cleaned.get("condition", ""))
        percent = cleaned.get("sample_percent")
        return {
            "name": cleaned.get("name", ""),
            "description": cleaned.get("description", ""),
            "kind": kind,
            "condition": condition,
            "sample_percent": 100.0 if percent is None else percent,
            "sample_path": cleaned.get("sample_path") or "messageId",
            "fields": [line.strip() for line in cleaned.get("fields_text", "").splitlines() if line.strip()],
            "is_enabled": cleaned.get("is_enabled", False),
        }

    def draft(self, destination: Destination) -> DestinationFilter:
        """What was typed as a filter that is not saved."""
        return DestinationFilter(destination=destination, **self.values())

    def add_product_error(self, error: ProductError) -> None:
        for problem in error.errors:
            name = problem.path.strip("/").partition("/")[0]
            name = "fields_text" if name == "fields" else name
            self.add_error(name if name in self.fields else None, problem.detail)
        if not error.errors:
            self.add_error(None, error.detail)

    @staticmethod
    def initial_for(row: DestinationFilter) -> dict[str, Any]:
        kind, condition = as_chosen(row)
        return {
            "kind": kind,
            "condition": condition,
            "sample_percent": row.sample_percent,
            "sample_path": row.sample_path,
            "fields_text": "\n".join(row.fields),
            "name": row.name,
            "description": row.description,
            "is_enabled": row.is_enabled,
            "based_on": row.updated_at.isoformat(),
        }
