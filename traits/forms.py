"""Forms of the trait pages. Rules that matter are checked by the services; these name the fields."""

from __future__ import annotations

from typing import Any

from django import forms

from common.forms import ProductForm
from delivery.forms import LABELS, ConnectionForm
from delivery.models import Connection
from delivery.services.connection_rules import connection_problems
from engine.payloads import TRAIT_EVENT
from profiles.models import ACCOUNTS, USERS


class DetailsForm(ProductForm):
    name = forms.CharField(label="Name", max_length=255, help_text="The key stays as it is when you rename.")
    description = forms.CharField(
        label="Description", required=False, max_length=5000, widget=forms.Textarea(attrs={"rows": 3})
    )


class TraitConnectionForm(ConnectionForm):
    """A connection of a trait: which calls, the name of the Track event (F087), Connection Settings.

    `{% include "traits/_connection_form.html" with form=form only %}`; `spec_values` is what a ConnectionSpec takes.
    """

    def _defaults(self) -> dict[str, Any]:
        found = super()._defaults()
        # F066: an Identify with the value; a Track call where the destination takes no other.
        found |= {"enter_event": TRAIT_EVENT, "send_track": found["send_track"] and not found["send_identify"]}
        definition = self.definition
        if self.is_of_accounts and definition is not None and "group" in definition.supported:
            # F067: a value of an account is sent by Group.
            found |= {"send_group": True, "send_identify": False, "send_track": False}
        return found

    def is_valid(self) -> bool:
        if not self.is_bound or self.wants_rows:
            return False
        if not self.errors:
            checked = Connection(
                space=self.space,
                destination=self.destination,
                computation_class="trait",
                collection=ACCOUNTS if self.is_of_accounts else USERS,
                computation_key=self.computation_key,
                **self.values,
            )
            self.add(connection_problems(checked))
        return not self.errors

    @property
    def spec_values(self) -> dict[str, Any]:
        found = self.values
        dropped = ("enter_event", "exit_event", "value_format", "include_audience_key")
        return {name: value for name, value in found.items() if name not in dropped} | {
            "event_name": found["enter_event"]
        }

    @property
    def labels(self) -> dict[str, str]:
        return LABELS | {"enter_event": "Event name"}
