"""The form of warehouse output. Rules are those of the service; this names the fields."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms

from common.errors import FieldError, ProductError
from engine.warehouse.rows import GROUPS, IDENTIFIES, USERS
from traits.warehouse_forms import ScheduleForm, schedule_fields
from warehouse_output.models import WarehouseOutput
from warehouse_output.services.outputs import DEFAULT

WORDS = {
    IDENTIFIES: "every Identify call",
    USERS: "the newest values of every user ID",
    GROUPS: "every Group call, of accounts",
}


class OutputForm(ScheduleForm):
    """On or off, when, and which tables."""

    is_enabled = forms.BooleanField(
        label="Write Engage's calls here",
        required=False,
        help_text="The first run writes the calls that are still stored, each later one what was emitted since.",
    )
    tables = forms.MultipleChoiceField(
        label="Tables",
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="A table that is left out gets nothing until it is chosen again; what is in it stays.",
    )

    field_order = ["is_enabled", "schedule", "times", "tables"]

    def __init__(self, *args: Any, output: WarehouseOutput | None, tables: Sequence[str], **kwargs: Any) -> None:
        excluded = set(output.excluded if output else ())
        kwargs.setdefault(
            "initial",
            {
                "is_enabled": output is not None and output.is_enabled,
                "tables": [table for table in tables if table not in excluded],
                **schedule_fields(output.schedule if output else DEFAULT),
            },
        )
        super().__init__(*args, **kwargs)
        self.fields["schedule"].label = "Write the calls"
        self.fields["tables"].choices = [  # type: ignore[attr-defined]
            (table, f"{table}: {WORDS[table]}" if table in WORDS else table) for table in tables
        ]

    @property
    def excluded(self) -> list[str]:
        """The tables that were not chosen."""
        chosen = set(self.cleaned_data["tables"])
        return [table for table, _ in self.fields["tables"].choices if table not in chosen]  # type: ignore[attr-defined]

    def add_product_error(self, error: ProductError) -> None:
        super().add_product_error(type(error)(error.detail, [_placed(one) for one in error.errors]))


def _placed(error: FieldError) -> FieldError:
    if error.path == "/schedule/at":
        return FieldError(path="/times", code=error.code, detail=error.detail)
    if error.path.startswith("/excluded"):
        return FieldError(path="/tables", code=error.code, detail=error.detail)
    return error
