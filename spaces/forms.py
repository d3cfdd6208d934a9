"""Forms of the spaces pages. Rules that matter are checked by the services; these name the fields."""

from __future__ import annotations

from typing import Any

from django import forms

from common.forms import ProductForm
from spaces.entitlements import Plan
from spaces.models import Role, SpaceKind
from spaces.names import MAX_NAME

KINDS = [(SpaceKind.DEV.value, "Dev: to try things out"), (SpaceKind.PROD.value, "Prod: your real customers")]


class SpaceForm(ProductForm):
    name = forms.CharField(
        label="Name", max_length=MAX_NAME, help_text="For example “Acme Store Dev”. The address is made of it."
    )
    kind = forms.ChoiceField(label="Kind", choices=KINDS, widget=forms.RadioSelect, initial=SpaceKind.DEV)


class NewSpaceForm(SpaceForm):
    """In one of the person's workspaces; `workspaces` lists (slug, name)."""

    workspace = forms.ChoiceField(label="Workspace")
    field_order = ["workspace", "name", "kind"]

    def __init__(self, *args: Any, workspaces: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["workspace"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = workspaces
        if len(workspaces) == 1:
            field.widget = forms.HiddenInput()
            field.initial = workspaces[0][0]


class FirstSpaceForm(SpaceForm):
    workspace_name = forms.CharField(
        label="Name of your workspace",
        max_length=MAX_NAME,
        help_text="Usually your company. Spaces and members belong to it.",
    )
    field_order = ["workspace_name", "name", "kind"]


class GeneralForm(SpaceForm):
    resend_on_new_identifier = forms.BooleanField(
        label="Send members again when they gain an identifier",
        required=False,
        help_text="A member of an audience who gets, say, a second e-mail address is sent to destinations with it.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].help_text = "Shown everywhere. The address of the space stays as it is."


class PlanForm(ProductForm):
    plan = forms.ChoiceField(
        label="Plan",
        choices=Plan.choices,
        help_text=(
            "Engage (audiences, computed traits, journeys) is part of Engage Foundations and an add-on of Business. "
            "Without it its pages are hidden and refused; nothing is deleted, and what is live goes on."
        ),
    )


class SourceForm(ProductForm):
    name = forms.CharField(label="Name", max_length=MAX_NAME, help_text="Where the events come from, e.g. “Web shop”.")


class InviteForm(ProductForm):
    email = forms.EmailField(label="E-mail", max_length=254)
    name = forms.CharField(label="Name", max_length=MAX_NAME, required=False)
    role = forms.ChoiceField(label="Role", choices=Role.choices, initial=Role.USER)
    has_pii_access = forms.BooleanField(
        label="May see personal data",
        required=False,
        initial=True,
        help_text="Without it e-mail addresses, phone numbers and the like are masked.",
    )


class MemberForm(ProductForm):
    role = forms.ChoiceField(label="Role", choices=Role.choices)
    has_pii_access = forms.BooleanField(
        label="May see personal data",
        required=False,
        help_text="Without it e-mail addresses, phone numbers and the like are masked.",
    )


class TokenForm(ProductForm):
    label = forms.CharField(label="Label", max_length=MAX_NAME, help_text="What it is for, e.g. “Nightly import”.")
    reach = forms.ChoiceField(
        label="Reach",
        choices=[("space", "This space only"), ("workspace", "Every space of the workspace")],
        widget=forms.RadioSelect,
        initial="space",
    )


class AccountForm(ProductForm):
    name = forms.CharField(label="Your name", max_length=MAX_NAME, required=False)
