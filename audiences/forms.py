"""Forms of the audience pages. Rules that matter are checked by the services; these name the fields."""

from __future__ import annotations

from django import forms

from common.forms import ProductForm


class DetailsForm(ProductForm):
    name = forms.CharField(label="Name", max_length=255, help_text="The key stays as it is when you rename.")
    description = forms.CharField(
        label="Description", required=False, max_length=5000, widget=forms.Textarea(attrs={"rows": 3})
    )


class FolderForm(ProductForm):
    name = forms.CharField(label="Name", max_length=120)
    description = forms.CharField(
        label="Description", required=False, max_length=5000, widget=forms.Textarea(attrs={"rows": 3})
    )
