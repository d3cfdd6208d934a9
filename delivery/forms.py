"""The form of a connection, shared by all that connect: the side sheet of an audience, the step of a journey."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from django.http import QueryDict

from delivery.models import Connection
from delivery.row_forms import LISTS, Message, RowForm, one_line
from delivery.services import activation
from delivery.services.activation import IDENTIFIERS, TRAITS
from delivery.services.connection_rules import connection_problems
from destinations import catalog
from destinations.kit.definition import DestinationDefinition
from destinations.models import Destination
from profiles.models import ACCOUNTS, USERS
from spaces.models import Space

CHECKS = ("send_identify", "send_track", "send_group", "send_mobile_ids", "include_audience_key")
NAMES = ("enter_event", "exit_event")
CHOICES = {"value_format": Connection.ValueFormat.values, "setup": Connection.Setup.values}
FIELDS = (*CHECKS, *NAMES, *CHOICES)
# What a list never uses: people are added and removed, and no call of their own is made.
NOT_OF_LISTS = ("send_identify", "send_track", "send_group", "include_audience_key", *NAMES, "value_format")
LABELS = {
    "send_identify": "Send Identify",
    "send_track": "Send Track",
    "send_group": "Send Group",
    "send_mobile_ids": "Send Mobile IDs",
    "include_audience_key": "Include audience_key",
    "enter_event": "Event when a person enters",
    "exit_event": "Event when a person leaves",
    "value_format": "Value format",
    "setup": "Setup",
    TRAITS: "Traits",
    IDENTIFIERS: "Identifiers",
}


class ConnectionForm(RowForm):
    """Event settings, Connection Settings (Default or Customized Setup) and payload format of one connection.

        form = ConnectionForm(request.POST or None, destination=destination, space=space, prefix="connection",
                              initial=stored values, computation_key=key)
        if form.is_valid():
            connect(space=…, computation=…, destination=destination, **form.values)   # or update(connection=…, **…)

    and in the page `{% include "delivery/_connection_form.html" with form=form only %}` inside a `<form method="post">`
    with csrf token and a Save button. `data` None shows `initial`: any of FIELDS, `trait_mappings` and
    `identifier_mappings`, as `values` gives them and as a `Connection` has them (`ConnectionForm.of(connection)`).

    Without script, the buttons that add and remove rows post the form too: then `wants_rows` is true, `is_valid()` is
    false, `errors` is empty, and the page is to be shown again with status 200.

    `is_valid()` checks all that `connect` would refuse, so that a draft can be checked before it is connected.
    `values` -> dict of FIELDS, `trait_mappings` and `identifier_mappings`, ready for `connect` and `update`.
    `errors` -> {path: [sentence, …]}, with the paths of the service ("/enter_event", "/trait_mappings/0/destination");
    what a service refuses later is added by `add_product_error(error)`.

    Under Default Setup the lists are left as they are stored. A blank row is left out; a row without a destination name
    gets that of the segment.
    """

    def __init__(
        self,
        data: QueryDict | None,
        *,
        destination: Destination,
        space: Space,
        prefix: str = "",
        initial: Mapping[str, Any] | None = None,
        computation_key: str = "",
        is_journey: bool = False,
        collection: int = USERS,
    ) -> None:
        self.is_of_accounts = collection == ACCOUNTS
        self.destination = destination
        self.computation_key = computation_key
        self.is_journey = is_journey
        super().__init__(data, space=space, prefix=prefix, initial={**self._defaults(), **(initial or {})})
        self.shown: dict[str, Any] = dict(self.initial) if data is None else self._given(data)
        self.read_rows(reads=data is not None and self.is_customized)

    @staticmethod
    def of(connection: Connection) -> dict[str, Any]:
        """`initial` of an existing connection."""
        found = {name: getattr(connection, name) for name in (*FIELDS, *LISTS)}
        if connection.collection != ACCOUNTS:
            del found["send_group"]
        return found

    @cached_property
    def definition(self) -> DestinationDefinition | None:
        return catalog.definition(self.destination.connector)

    def _defaults(self) -> dict[str, Any]:
        """A new connection, with the calls that the destination takes."""
        definition = self.definition
        taken = ("identify", "track") if definition is None or definition.kind == "list" else definition.supported
        blank = Connection()
        return {name: getattr(blank, name) for name in (*FIELDS, *LISTS)} | {
            "send_identify": "identify" in taken,
            # F159: most tools know people only, so of accounts Identify is chosen.
            "send_track": "track" in taken and (not self.is_of_accounts or "identify" not in taken),
        }

    def _given(self, data: QueryDict) -> dict[str, Any]:
        shown: dict[str, Any] = {name: f"{self.prefix}{name}" in data for name in CHECKS}
        for name in (*NAMES, *CHOICES):
            shown[name] = one_line(data.get(f"{self.prefix}{name}"), self.initial[name])
        return shown | ({name: self.initial[name] for name in NOT_OF_LISTS} if self.is_list else {})

    @property
    def is_customized(self) -> bool:
        return bool(self.shown["setup"] == Connection.Setup.CUSTOMIZED)

    def is_valid(self) -> bool:
        if not self.is_bound or self.wants_rows:
            return False
        if not self.errors:
            checked = Connection(
                space=self.space,
                destination=self.destination,
                computation_key=self.computation_key,
                collection=ACCOUNTS if self.is_of_accounts else USERS,
                **self.values,
            )
            self.add(connection_problems(checked))
        return not self.errors

    @property
    def values(self) -> dict[str, Any]:
        found: dict[str, Any] = {name: self.shown[name] for name in FIELDS}
        if not self.is_of_accounts:
            del found["send_group"]
        if self.is_list:
            found["value_format"] = Connection.ValueFormat.BOOLEAN.value
        for kind in LISTS:
            rows = [row.values(kind) for row in self.filled(kind)] if self.is_customized else self.initial[kind]
            found[kind] = activation.cleaned(rows or [])
        if self.is_customized and self.enrichment_refusal:
            found[TRAITS] = []
        return found

    # What the page shows.

    @property
    def is_list(self) -> bool:
        return self.definition is not None and self.definition.kind == "list"

    @property
    def enrichment_refusal(self) -> str:
        return activation.enrichment_refusal(self.definition) if self.definition else ""

    @property
    def messages(self) -> dict[str, list[str]]:
        """Sentences by field, of the lists as a whole too; "" are those of none."""
        named = {path.strip("/"): texts for path, texts in self.errors.items()}
        return {name: named.get(name, []) for name in (*FIELDS, *LISTS, "destination", "settings", "")}

    @property
    def summary(self) -> list[Message]:
        """Everything to correct, in the order of the page."""
        found = [
            Message(target=self.ids[name], label=LABELS.get(name, ""), text=text)
            for name, texts in self.messages.items()
            for text in texts
        ]
        return found + self.row_messages()

    @property
    def names(self) -> dict[str, str]:
        return {name: f"{self.prefix}{name}" for name in (*FIELDS, *LISTS, "rows")}

    @property
    def ids(self) -> dict[str, str]:
        shown = {name: f"id_{self.prefix}{name}" for name in (*FIELDS, *LISTS)}
        first = "send_mobile_ids" if self.is_list else "send_identify"
        return shown | dict.fromkeys(("destination", "settings", ""), f"id_{self.prefix}{first}")

    @property
    def labels(self) -> dict[str, str]:
        return LABELS | ({"value_format": "Journey value format"} if self.is_journey else {})


class DestinationTraitsForm(RowForm):
    """The traits that all connections of a destination send along (F094): `values` is the list of rows."""

    def __init__(self, data: QueryDict | None, *, space: Space, initial: list[dict[str, str]]) -> None:
        super().__init__(data, space=space, prefix="", initial={TRAITS: initial})
        self.read_rows(reads=data is not None)

    @property
    def values(self) -> list[dict[str, str]]:
        return [row.values(TRAITS) for row in self.filled(TRAITS)]

    @property
    def messages(self) -> dict[str, list[str]]:
        return {TRAITS: self.errors.get(f"/{TRAITS}", []), "": self.errors.get("", [])}

    @property
    def summary(self) -> list[Message]:
        whole = [
            Message(target=self.ids[TRAITS], label=LABELS[TRAITS], text=text)
            for texts in self.messages.values()
            for text in texts
        ]
        return whole + self.row_messages()

    @property
    def names(self) -> dict[str, str]:
        return {"rows": "rows"}

    @property
    def ids(self) -> dict[str, str]:
        return {TRAITS: f"id_{TRAITS}"}
