"""Forms of the identity settings."""

from __future__ import annotations

from typing import Any

from django import forms

from common.forms import ProductForm
from profiles.models import ACCOUNTS, USERS, IdentifierRule
from profiles.services.rule_editing import BUILT_IN


class RuleForm(ProductForm):
    value_limit = forms.IntegerField(
        label="Values a profile may have",
        min_value=1,
        help_text="When a call would exceed it, its identifier of the lowest priority is ignored.",
    )
    period = forms.ChoiceField(label="Counted", choices=IdentifierRule.Period.choices)
    trait_key = forms.CharField(
        label="Also read from the trait or property",
        max_length=120,
        required=False,
        help_text="Besides context.externalIds; camelCase and snake_case are the same.",
    )
    blocked_values = forms.CharField(
        label="Blocked values",
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 5, "class": "code-input", "spellcheck": "false"}),
        help_text="One a line, compared without regard to case; /between slashes/ is a regular expression.",
    )

    def __init__(self, *args: Any, id_type: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if id_type in BUILT_IN:
            del self.fields["trait_key"]


class NewRuleForm(RuleForm):
    id_type = forms.CharField(label="Type", max_length=60, help_text="Lower case, e.g. loyalty_id.")
    collection = forms.TypedChoiceField(
        label="Identifies", choices=[(USERS, "Users"), (ACCOUNTS, "Accounts")], coerce=int, initial=USERS
    )
    field_order = ["id_type", "collection"]


class EventFilterNameForm(ProductForm):
    name = forms.CharField(label="Name", max_length=64)


class EventFilterForm(EventFilterNameForm):
    """The field of the condition is called as in the API: "if"."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["if"] = forms.CharField(
            label="Drop events for which",
            max_length=10_000,
            widget=forms.Textarea(attrs={"rows": 4, "class": "mono", "spellcheck": "false", "autocomplete": "off"}),
            help_text='For example: type = "track" and match(event, "Internal *"). It cannot be changed afterwards.',
        )
