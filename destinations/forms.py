"""The form of a destination, made from the Fields of its connector."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django import forms

from common.errors import ProductError
from common.forms import ProductForm
from destinations.kit.definition import DestinationDefinition
from engine.mapping.fields import Choice, Field

SETTING = "setting_"
REMOVE = "remove_"


class DestinationForm(ProductForm):
    """Name, the connector's settings, the rate cap. Stored secrets are never rendered; left blank they are kept."""

    name = forms.CharField(label="Name", max_length=120, help_text="How this destination is called in this space.")
    requests_per_second = forms.IntegerField(
        label="Requests per second",
        required=False,
        min_value=1,
        max_value=100_000,
        help_text="The most calls a second, over all audiences of this space. Calls beyond it wait, none is dropped.",
    )
    based_on = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(
        self,
        *args: Any,
        definition: DestinationDefinition,
        stored_secrets: Iterable[str] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.definition = definition
        stored = set(stored_secrets)
        cap = self.fields["requests_per_second"]
        own = definition.requests_per_second
        cap.help_text = f"{cap.help_text} Left empty: {f'{own} a second' if own else 'no cap'}."
        for item in definition.settings:
            if item.hidden:
                continue
            field = form_field(item, is_stored=item.key in stored)
            self.fields[SETTING + item.key] = field
            if item.is_secret and item.key in stored and item.required is not True:
                label = f"Remove the stored {item.label.lower()}"
                self.fields[REMOVE + item.key] = forms.BooleanField(label=label, required=False)
        rest = [name for name in self.fields if name not in ("name", "requests_per_second", "based_on")]
        order = ["name", *rest, "requests_per_second", "based_on"]
        if definition.kind == "list":
            del self.fields["requests_per_second"]
        self.order_fields(order)

    def settings(self) -> dict[str, Any]:
        """The settings as the service takes them: None removes a secret, "" keeps it."""
        values: dict[str, Any] = {}
        for item in self.definition.settings:
            if item.hidden:
                continue
            value = self.cleaned_data.get(SETTING + item.key)
            if item.is_secret and self.cleaned_data.get(REMOVE + item.key):
                value = None
            elif item.type == "object":
                value = _read_headers(value or "")
            elif item.multiple:
                value = [line for line in (value or "").splitlines() if line.strip()]
            values[item.key] = value
        return values

    def add_product_error(self, error: ProductError) -> None:
        for problem in error.errors:
            head, _, key = problem.path.strip("/").partition("/")
            field = SETTING + key if head == "settings" else head
            self.add_error(field if field in self.fields else None, problem.detail)
        if not error.errors:
            self.add_error(None, error.detail)

    @staticmethod
    def initial_for(definition: DestinationDefinition, settings: Mapping[str, Any]) -> dict[str, Any]:
        """What the form starts with: stored values, or the defaults of the Fields for a new destination."""
        initial: dict[str, Any] = {}
        for item in definition.settings:
            value = None if item.is_secret else settings.get(item.key, item.default)
            if item.type == "object" and isinstance(value, dict):
                value = "\n".join(f"{key}: {text}" for key, text in value.items())
            elif item.multiple and isinstance(value, list):
                value = "\n".join(str(entry) for entry in value)
            initial[SETTING + item.key] = value
        return initial


def form_field(item: Field, *, is_stored: bool = False) -> forms.Field:
    """How a Field is typed. `is_stored`: there is a secret already, which stays when nothing is typed."""
    required = item.required is True and not is_stored
    common: dict[str, Any] = {"label": item.label, "required": required, "help_text": item.description}
    attributes = {"placeholder": item.placeholder} if item.placeholder else {}
    if is_stored:
        common["help_text"] = f"{item.description} One is stored; leave this empty to keep it.".strip()
    if item.type == "object" or item.multiple or item.type == "text":
        hint = "X-Team: growth" if item.type == "object" else ""
        widget = forms.Textarea(attrs={"rows": 3, "placeholder": hint, "class": "mono", **attributes})
        if item.type == "object":
            common["help_text"] = f"{common['help_text']} One a line, as Name: value.".strip()
        return forms.CharField(widget=widget, **common)
    if item.is_secret:
        widget_secret = forms.PasswordInput(attrs={"autocomplete": "new-password", **attributes}, render_value=False)
        return forms.CharField(widget=widget_secret, **common)
    if item.choices is not None:
        choices = [
            (choice.value, choice.label) if isinstance(choice, Choice) else (choice, str(choice))
            for choice in item.choices
        ]
        return forms.ChoiceField(choices=choices if required else [("", "Default"), *choices], **common)
    if item.type in ("boolean", "number", "integer"):
        return _plain_field(item, common)
    if item.format == "uri":
        attributes["inputmode"] = "url"
    return forms.CharField(widget=forms.TextInput(attrs={"autocomplete": "off", **attributes}), **common)


def _plain_field(item: Field, common: dict[str, Any]) -> forms.Field:
    if item.type == "boolean":
        return forms.BooleanField(**{**common, "required": False})
    low, high = item.minimum, item.maximum
    if item.type == "number":
        return forms.FloatField(**common, min_value=low, max_value=high)
    return forms.IntegerField(
        **common, min_value=None if low is None else int(low), max_value=None if high is None else int(high)
    )


def _read_headers(text: str) -> dict[str, str]:
    """`Name: value` lines. A line without a colon becomes a name that the service then refuses."""
    headers: dict[str, str] = {}
    for line in text.splitlines():
        if line.strip():
            name, _, value = line.partition(":")
            headers[name.strip()] = value.strip()
    return headers
