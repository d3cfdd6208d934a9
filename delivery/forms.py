"""The form of a connection, shared by all that connect: the side sheet of an audience, the step of a journey."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from django.http import QueryDict
from django.urls import reverse

from common.errors import FieldError, ProductError
from delivery.models import Connection
from delivery.selectors.identifier_types import identifier_types
from delivery.services import activation
from delivery.services.activation import IDENTIFIERS, MOST_ROWS, STRATEGIES, TRAITS
from delivery.services.connection_rules import connection_problems
from destinations import catalog
from destinations.kit.definition import DestinationDefinition
from destinations.models import Destination
from spaces.models import Space

CHECKS = ("send_identify", "send_track", "send_mobile_ids", "include_audience_key")
NAMES = ("enter_event", "exit_event")
CHOICES = {"value_format": Connection.ValueFormat.values, "setup": Connection.Setup.values}
LISTS = (TRAITS, IDENTIFIERS)
FIELDS = (*CHECKS, *NAMES, *CHOICES)
LABELS = {
    "send_identify": "Send Identify",
    "send_track": "Send Track",
    "send_mobile_ids": "Send Mobile IDs",
    "include_audience_key": "Include audience_key",
    "enter_event": "Event when a person enters",
    "exit_event": "Event when a person leaves",
    "value_format": "Value format",
    "setup": "Setup",
    TRAITS: "Traits",
    IDENTIFIERS: "Identifiers",
    "segment": "Segment",
    "destination": "Destination",
    "strategy": "Strategy",
}


@dataclass(kw_only=True)
class Row:
    """A row of Traits or Identifiers as the page shows it. `name` begins the names of its inputs."""

    name: str
    number: int
    segment: str = ""
    destination: str = ""
    strategy: str = "all"
    messages: dict[str, list[str]] = field(default_factory=dict)

    @property
    def is_blank(self) -> bool:
        return not self.segment and not self.destination

    def values(self, kind: str) -> dict[str, str]:
        return {member: getattr(self, member) for member in activation.MEMBERS[kind]}


@dataclass(frozen=True, kw_only=True)
class Message:
    """One thing to correct: `target` is the id of its input."""

    target: str
    label: str
    text: str


class ConnectionForm:
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
    ) -> None:
        self.data = data
        self.destination = destination
        self.space = space
        self.prefix = f"{prefix}-" if prefix else ""
        self.computation_key = computation_key
        self.is_journey = is_journey
        self.initial = {**self._defaults(), **(initial or {})}
        self.errors: dict[str, list[str]] = {}
        self.shown: dict[str, Any] = dict(self.initial) if data is None else self._posted(data)
        self.traits = self._rows(TRAITS)
        self.identifiers = self._rows(IDENTIFIERS)
        self.wants_rows = data is not None and self._change_rows(data.get(f"{self.prefix}rows", ""))

    @staticmethod
    def of(connection: Connection) -> dict[str, Any]:
        """`initial` of an existing connection."""
        return {name: getattr(connection, name) for name in (*FIELDS, *LISTS)}

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
            "send_track": "track" in taken,
        }

    def _posted(self, data: QueryDict) -> dict[str, Any]:
        shown: dict[str, Any] = {name: f"{self.prefix}{name}" in data for name in CHECKS}
        for name in (*NAMES, *CHOICES):
            shown[name] = _text(data.get(f"{self.prefix}{name}"), self.initial[name])
        return shown

    def _rows(self, kind: str) -> list[Row]:
        if self.data is None or not self.is_customized:
            stored = self.initial[kind]
            return [Row(name=self._row_name(kind, number), number=number, **row) for number, row in enumerate(stored)]
        pattern = re.compile(rf"{re.escape(self.prefix + kind)}-([0-9]{{1,6}})-segment")
        numbers = sorted({int(found[1]) for name in self.data if (found := pattern.fullmatch(name))})
        rows = []
        for number in numbers[: MOST_ROWS + 1]:
            name = self._row_name(kind, number)
            given = {member: _text(self.data.get(f"{name}-{member}")) for member in activation.MEMBERS[kind]}
            rows.append(Row(name=name, number=number, messages={}, **given))
        return rows

    def _row_name(self, kind: str, number: int | str) -> str:
        return f"{self.prefix}{kind}-{number}"

    def _change_rows(self, wanted: str) -> bool:
        """Carry out "add:<list>" or "remove:<list>:<number>" of the buttons that work without script."""
        verb, _, rest = wanted.partition(":")
        kind, _, number = rest.partition(":")
        if kind not in LISTS or verb not in ("add", "remove"):
            return False
        rows = self.traits if kind == TRAITS else self.identifiers
        if verb == "add":
            following = max((row.number for row in rows), default=-1) + 1
            rows.append(Row(name=self._row_name(kind, following), number=following))
        else:
            rows[:] = [row for row in rows if str(row.number) != number]
        return True

    @property
    def is_bound(self) -> bool:
        return self.data is not None

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
                **self.values,
            )
            self._add(connection_problems(checked))
        return not self.errors

    @property
    def values(self) -> dict[str, Any]:
        found: dict[str, Any] = {name: self.shown[name] for name in FIELDS}
        if self.is_list:
            found["value_format"] = Connection.ValueFormat.BOOLEAN.value
        for kind in LISTS:
            rows = [row.values(kind) for row in self._filled(kind)] if self.is_customized else self.initial[kind]
            found[kind] = activation.cleaned(list(rows))
        if self.is_customized and self.enrichment_refusal:
            found[TRAITS] = []
        return found

    def _filled(self, kind: str) -> Sequence[Row]:
        return [row for row in (self.traits if kind == TRAITS else self.identifiers) if not row.is_blank]

    def add_product_error(self, error: ProductError) -> None:
        """What a service refused, at its fields."""
        self._add(error.errors or [FieldError(path="", code=error.code, detail=error.detail)])

    def _add(self, errors: Sequence[FieldError]) -> None:
        for error in errors:
            self.errors.setdefault(error.path, []).append(error.detail)
            head, number, member = (*error.path.strip("/").split("/"), "", "")[:3]
            if head in LISTS and number.isdecimal() and int(number) < len(rows := self._filled(head)):
                rows[int(number)].messages.setdefault(member or "segment", []).append(error.detail)

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
        for kind in LISTS:
            for position, row in enumerate(self._filled(kind), 1):
                found += [
                    Message(target=f"id_{row.name}-{member}", label=f"{LABELS[kind]}, row {position}", text=text)
                    for member, texts in row.messages.items()
                    for text in texts
                ]
        return found

    @property
    def names(self) -> dict[str, str]:
        return {name: f"{self.prefix}{name}" for name in (*FIELDS, *LISTS, "rows")}

    @property
    def ids(self) -> dict[str, str]:
        shown = {name: f"id_{self.prefix}{name}" for name in (*FIELDS, *LISTS)}
        return shown | dict.fromkeys(("destination", "settings", ""), f"id_{self.prefix}send_identify")

    @property
    def labels(self) -> dict[str, str]:
        return LABELS | ({"value_format": "Journey value format"} if self.is_journey else {})

    @property
    def blank_trait(self) -> Row:
        """The row that the page's script copies: __n__ stands for its number."""
        return Row(name=self._row_name(TRAITS, "__n__"), number=-1)

    @property
    def blank_identifier(self) -> Row:
        return Row(name=self._row_name(IDENTIFIERS, "__n__"), number=-1)

    @property
    def trait_url(self) -> str:
        return reverse("delivery:trait_options", kwargs={"space": self.space.slug})

    @cached_property
    def identifier_types(self) -> list[str]:
        """Those of the space; what a row names besides is kept as it is."""
        return list(dict.fromkeys([*identifier_types(self.space), *(row.segment for row in self.identifiers)]))

    @property
    def strategies(self) -> dict[str, str]:
        return STRATEGIES


def _text(given: str | None, default: str = "") -> str:
    """One line as typed; NUL, which the database cannot hold, is left out."""
    return default if given is None else given.replace("\0", "").strip()
