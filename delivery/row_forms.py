"""Rows that a page adds and removes, with script or without: the lists of Trait Activation."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from django.http import QueryDict
from django.urls import reverse

from common.errors import FieldError, ProductError
from delivery.selectors.identifier_types import identifier_types
from delivery.services.activation import IDENTIFIERS, MEMBERS, MOST_ROWS, STRATEGIES, TRAITS
from spaces.models import Space

LISTS = (TRAITS, IDENTIFIERS)
LABELS = {TRAITS: "Traits", IDENTIFIERS: "Identifiers"}
BLANK = {"segment": "", "destination": "", "strategy": "all"}


@dataclass(kw_only=True)
class Row:
    """A row as the page shows it. `name` begins the names of its inputs, `messages` are sentences by member."""

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
        return {member: getattr(self, member) for member in MEMBERS[kind]}


@dataclass(frozen=True, kw_only=True)
class Message:
    """One thing to correct: `target` is the id of its input."""

    target: str
    label: str
    text: str


class RowForm:
    """The lists of a form. `initial` holds stored rows by list; `reads` says whether posted rows count."""

    def __init__(self, data: QueryDict | None, *, space: Space, prefix: str, initial: Mapping[str, Any]) -> None:
        self.data = data
        self.space = space
        self.prefix = f"{prefix}-" if prefix else ""
        self.initial = initial
        self.errors: dict[str, list[str]] = {}

    def read_rows(self, *, reads: bool) -> None:
        """Fill `rows`, by what was posted or is stored, and carry out what a button without script asked for."""
        self.rows = {kind: self._posted(kind) if reads else self._stored(kind) for kind in LISTS}
        self.wants_rows = self._change_rows(self.data.get(f"{self.prefix}rows", "")) if self.data is not None else False

    def _stored(self, kind: str) -> list[Row]:
        stored = self.initial.get(kind) or ()
        return [
            Row(
                name=self._row_name(kind, number),
                number=number,
                messages={},
                **{member: str(row.get(member, BLANK[member])) for member in MEMBERS[kind]},
            )
            for number, row in enumerate(stored)
            if isinstance(row, dict)
        ]

    def _posted(self, kind: str) -> list[Row]:
        data = self.data or QueryDict()
        pattern = re.compile(rf"{re.escape(self.prefix + kind)}-([0-9]{{1,6}})-segment")
        numbers = sorted({int(found[1]) for name in data if (found := pattern.fullmatch(name))})
        rows = []
        for number in numbers[: MOST_ROWS + 1]:
            name = self._row_name(kind, number)
            given = {member: one_line(data.get(f"{name}-{member}")) for member in MEMBERS[kind]}
            rows.append(Row(name=name, number=number, messages={}, **given))
        return rows

    def _row_name(self, kind: str, number: int | str) -> str:
        return f"{self.prefix}{kind}-{number}"

    def _change_rows(self, wanted: str) -> bool:
        """Carry out "add:<list>" or "remove:<list>:<number>"."""
        verb, _, rest = wanted.partition(":")
        kind, _, number = rest.partition(":")
        if kind not in LISTS or verb not in ("add", "remove"):
            return False
        rows = self.rows[kind]
        if verb == "add":
            following = max((row.number for row in rows), default=-1) + 1
            rows.append(Row(name=self._row_name(kind, following), number=following))
        else:
            rows[:] = [row for row in rows if str(row.number) != number]
        return True

    @property
    def is_bound(self) -> bool:
        return self.data is not None

    def filled(self, kind: str) -> Sequence[Row]:
        return [row for row in self.rows[kind] if not row.is_blank]

    def add_product_error(self, error: ProductError) -> None:
        """What a service refused, at its fields."""
        self.add(error.errors or [FieldError(path="", code=error.code, detail=error.detail)])

    def add(self, errors: Sequence[FieldError]) -> None:
        for error in errors:
            self.errors.setdefault(error.path, []).append(error.detail)
            head, number, member = (*error.path.strip("/").split("/"), "", "")[:3]
            if head in LISTS and number.isdecimal() and int(number) < len(rows := self.filled(head)):
                rows[int(number)].messages.setdefault(member or "segment", []).append(error.detail)

    def row_messages(self) -> list[Message]:
        return [
            Message(target=f"id_{row.name}-{member}", label=f"{LABELS[kind]}, row {position}", text=text)
            for kind in LISTS
            for position, row in enumerate(self.filled(kind), 1)
            for member, texts in row.messages.items()
            for text in texts
        ]

    # What the page shows.

    @property
    def traits(self) -> list[Row]:
        return self.rows[TRAITS]

    @property
    def identifiers(self) -> list[Row]:
        return self.rows[IDENTIFIERS]

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


def one_line(given: str | None, default: str = "") -> str:
    """A line as typed; NUL, which the database cannot hold, is left out."""
    return default if given is None else given.replace("\0", "").strip()
