"""Forms of warehouses and SQL traits. Rules are those of the services; these name the fields."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from django import forms

from common.errors import FieldError, ProductError
from common.forms import ProductForm
from engine.traits.schedules import HOURS
from engine.traits.sql import LONGEST_QUERY
from traits.models import WarehouseSource
from traits.warehouses.interface import Connector, Setting

NEVER, TIMES = "never", "times"
SCHEDULES = [
    *((str(hours), "Every hour" if hours == 1 else f"Every {hours} hours") for hours in HOURS if hours < 24),
    ("24", "Every day at midnight, UTC"),
    (TIMES, "At times of the day"),
    (NEVER, "Only when somebody runs it"),
]


class WarehouseForm(ProductForm):
    """Name and settings of one connector. A stored password is not shown; empty leaves it as it is."""

    name = forms.CharField(label="Name", max_length=255, required=False, help_text="What people choose it by.")

    def __init__(self, *args: Any, connector: Connector, source: WarehouseSource | None = None, **kwargs: Any) -> None:
        if source is not None:
            kwargs.setdefault("initial", {"name": source.name, **source.settings})
        super().__init__(*args, **kwargs)
        self.connector = connector
        self.fields["name"].widget.attrs["required"] = True
        for one in connector.settings:
            self.fields[one.name] = _field(one, is_stored=source is not None, hint=connector.hints())

    @property
    def settings(self) -> dict[str, Any]:
        return {one.name: self.cleaned_data[one.name] for one in self.connector.settings}


def _field(one: Setting, *, is_stored: bool, hint: str) -> forms.Field:
    """Requirements are told by the service, all at once."""
    text = f"{one.help} {hint}".strip() if one.name == "path" else one.help
    if one.kind == "choice":
        return forms.ChoiceField(
            label=one.label, choices=one.choices, initial=one.default, help_text=text, required=False
        )
    if one.kind == "password":
        text = "Stored encrypted. Leave it empty to keep the stored one." if is_stored else "Stored encrypted."
        secret = forms.PasswordInput(attrs={"autocomplete": "new-password"})
        return forms.CharField(label=one.label, widget=secret, help_text=text, required=False, strip=False)
    attrs = {"autocomplete": "off", "spellcheck": "false", "required": True}
    if one.kind == "number":
        attrs["inputmode"] = "numeric"
    widget = forms.TextInput(attrs=attrs)
    return forms.CharField(label=one.label, initial=one.default, help_text=text, widget=widget, required=False)


class ScheduleForm(ProductForm):
    schedule = forms.ChoiceField(label="Run the query", choices=SCHEDULES, initial="12")
    times = forms.CharField(
        label="Times of the day",
        required=False,
        max_length=200,
        help_text="Hours and minutes in UTC with commas, such as 06:00, 18:30.",
        widget=forms.TextInput(attrs={"placeholder": "06:00", "spellcheck": "false", "autocomplete": "off"}),
    )

    @property
    def plan(self) -> dict[str, Any]:
        """The schedule as it is stored."""
        chosen = self.cleaned_data["schedule"]
        if chosen == NEVER:
            return {"every": "never"}
        if chosen == TIMES:
            times = [one for one in re.split(r"[,;\s]+", self.cleaned_data["times"]) if one]
            return {"every": "day", "at": [one if len(one) != 4 else f"0{one}" for one in times]}
        return {"every": "hours", "hours": int(chosen)}


def schedule_fields(schedule: Mapping[str, Any]) -> dict[str, str]:
    """The fields of a stored schedule."""
    if schedule["every"] == "hours":
        return {"schedule": str(schedule["hours"])}
    if schedule["every"] == "day":
        return {"schedule": TIMES, "times": ", ".join(schedule["at"])}
    return {"schedule": NEVER}


class QueryForm(ProductForm):
    """The query alone: what the Query tab changes."""

    query = forms.CharField(
        label="Query",
        strip=False,
        required=False,
        max_length=LONGEST_QUERY,
        widget=forms.Textarea(
            attrs={
                "rows": 12,
                "class": "code-input",
                "spellcheck": "false",
                "placeholder": "SELECT user_id, plan FROM customers",
            }
        ),
        help_text="One SELECT: one column of identifiers, one row each; the others become traits of their names.",
    )

    def add_product_error(self, error: ProductError) -> None:
        """What is wrong with columns is wrong with the query; with a schedule, with its field."""
        super().add_product_error(type(error)(error.detail, [_placed(one) for one in error.errors]))


def _placed(error: FieldError) -> FieldError:
    first = error.path.strip("/").partition("/")[0]
    place = "times" if error.path == "/schedule/at" else {"columns": "query"}.get(first, first)
    return FieldError(path=f"/{place}", code=error.code, detail=error.detail)


class SqlTraitForm(QueryForm, ScheduleForm):
    """Everything of a new SQL trait."""

    source = forms.ChoiceField(label="Warehouse", help_text="It cannot be changed later.")
    collection = forms.ChoiceField(
        label="Traits of",
        choices=[
            ("users", "People: user_id, email or anonymous_id"),
            ("accounts", "Accounts: group_id"),
        ],
    )
    name = forms.CharField(
        label="Name",
        max_length=255,
        required=False,
        help_text="For your overview: a trait is named after its column.",
    )
    description = forms.CharField(
        label="Description", max_length=5000, required=False, widget=forms.Textarea(attrs={"rows": 2})
    )

    field_order = ["name", "description", "collection", "source", "query", "schedule", "times"]

    def __init__(self, *args: Any, sources: Sequence[WarehouseSource], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["source"].choices = [(one.public_id, one.name) for one in sources]  # type: ignore[attr-defined]

    @property
    def definition(self) -> dict[str, Any]:
        data = self.cleaned_data
        return {
            "version": 1,
            "kind": "sql",
            "collection": data["collection"],
            "source": data["source"],
            "query": data["query"],
        }
