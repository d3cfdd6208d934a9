"""Forms of the audience pages. Rules that matter are checked by the services; these name the fields."""

from __future__ import annotations

from django import forms

from common.forms import ProductForm


class DetailsForm(ProductForm):
    name = forms.CharField(label="Name", max_length=255, help_text="The key stays as it is when you rename.")
    description = forms.CharField(label="Description", required=False, max_length=5000, widget=forms.Textarea)


class ConnectionForm(ProductForm):
    """Which calls a connection emits, and their names."""

    send_identify = forms.BooleanField(
        label="Send Identify",
        required=False,
        initial=True,
        help_text="Updates a user property: true while the person is a member, false after they left.",
    )
    send_track = forms.BooleanField(
        label="Send Track",
        required=False,
        initial=True,
        help_text="A point-in-time event when the person enters or leaves, for triggers and records.",
    )
    enter_event = forms.CharField(label="Event when a person enters", max_length=255, initial="Audience Entered")
    exit_event = forms.CharField(label="Event when a person leaves", max_length=255, initial="Audience Exited")
