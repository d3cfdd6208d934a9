"""The form of a function: its code, and a row for each setting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django import forms
from django.http import QueryDict

from common.errors import ProductError
from common.forms import ProductForm
from destinations import functions

# What people choose as the type of a setting; "secret" is a text that is stored encrypted.
SETTING_TYPES = (
    ("text", "Text"),
    ("secret", "Secret text"),
    ("number", "Number"),
    ("boolean", "Yes or no"),
    ("list", "List of texts"),
    ("map", "Names and values"),
)
BLANK_ROWS = 2


@dataclass(frozen=True, kw_only=True)
class Template:
    key: str
    title: str

    @property
    def code(self) -> str:
        folder = Path(str(functions.__file__)).parent / "templates"
        return (folder / f"{self.key}.js").read_text(encoding="utf-8")


TEMPLATES = (
    Template(key="each_call", title="Each call to an API"),
    Template(key="batches", title="Batches of events"),
    Template(key="hashed", title="Hashed e-mail addresses"),
)
# What all templates read.
TEMPLATE_SETTINGS: tuple[dict[str, Any], ...] = (
    {"key": "endpoint", "label": "Endpoint", "type": "text", "required": True, "secret": False, "description": ""},
    {"key": "apiKey", "label": "API key", "type": "text", "required": True, "secret": True, "description": ""},
)


class FunctionForm(ProductForm):
    name = forms.CharField(label="Name", max_length=120, help_text="Also its name in integrations objects.")
    description = forms.CharField(label="Description", required=False, max_length=255)
    code = forms.CharField(
        label="Code",
        strip=False,
        widget=forms.Textarea(
            attrs={"rows": 26, "class": "mono", "spellcheck": "false", "autocomplete": "off", "data-code-lines": ""}
        ),
    )
    based_on = forms.IntegerField(required=False, widget=forms.HiddenInput)

    def add_product_error(self, error: ProductError) -> None:
        for problem in error.errors:
            head, _, rest = problem.path.strip("/").partition("/")
            place = rest.partition("/")[0]
            prefix = f"Setting {int(place) + 1}: " if head == "settings" and place.isdecimal() else ""
            self.add_error(head if head in self.fields else None, prefix + problem.detail)
        if not error.errors:
            self.add_error(None, error.detail)


def read_settings(data: QueryDict) -> list[dict[str, Any]]:
    """The settings of the rows that have a key, in the shape of the service."""
    names = ("key", "label", "type", "required", "description")
    columns = {name: data.getlist(f"setting_{name}") for name in names}
    found = []
    for place, key in enumerate(columns["key"]):
        row = {name: values[place] if place < len(values) else "" for name, values in columns.items()}
        if not key.strip():
            continue
        is_secret = row["type"] == "secret"
        found.append(
            {
                **row,
                "type": "text" if is_secret else row["type"],
                "secret": is_secret,
                "required": row["required"] == "1",
            }
        )
    return found


def read_values(data: QueryDict) -> dict[str, Any]:
    """The values for a test run, by key; lists and maps as lines."""
    keys, types, values = (data.getlist(f"setting_{name}") for name in ("key", "type", "value"))
    found: dict[str, Any] = {}
    for key, kind, value in zip(keys, types, values, strict=False):
        if not key.strip() or not value.strip():
            continue
        lines = [line.strip() for line in value.replace(";", "\n").splitlines() if line.strip()]
        if kind == "list":
            found[key.strip()] = lines
        elif kind == "map":
            found[key.strip()] = {
                name.strip(): text.strip() for name, _, text in (line.partition(":") for line in lines)
            }
        else:
            found[key.strip()] = value
    return found


def setting_rows(settings: Sequence[Mapping[str, Any]], values: Mapping[str, str]) -> list[dict[str, Any]]:
    """A row for each setting as the editor shows it, and blank ones; `values` are texts for the test by key."""
    rows = [
        {
            "key": one["key"],
            "label": one.get("label", ""),
            "type": "secret" if one.get("secret") else one.get("type", "text"),
            "required": bool(one.get("required")),
            "description": one.get("description", ""),
            "value": values.get(one["key"], ""),
        }
        for one in settings
    ]
    blank = {"key": "", "label": "", "type": "text", "required": False, "description": "", "value": ""}
    return [*rows, *[dict(blank) for _number in range(BLANK_ROWS)]]
