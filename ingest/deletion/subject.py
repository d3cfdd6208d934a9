"""Who a request is about, and how to recognize them in texts. Kept encrypted while the request is open."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple, Self

from common.secrets import decrypt, encrypt
from profiles.masking import PERSONAL_KEYS
from profiles.models import Regulation
from profiles.services.suppressions import Key

REMOVED = "[removed]"
# Shorter identifiers (a user ID "42") occur in many texts by chance: they count only where an identifier stands.
LONG = 8
# Answers of destinations are kept up to a length and end with this then; so few characters name nobody.
CUT, LEAST_BEGINNING = "…", 3
ID_KEYS = frozenset(
    {
        *("userid", "anonymousid", "id", "idvalue", "identifier", "externalid", "user", "profile", "value", "email"),
        *("previousid", "lookup", "advertisingid", "token", "clientid", "phone"),
    }
)
_NOT_LETTERS = re.compile(r"[^a-z0-9]")


class Identity(NamedTuple):
    """An identifier: `value` as it is looked up, `original` as the caller sent it."""

    id_type: str
    value: str
    original: str


@dataclass(kw_only=True)
class Subject:
    """`profiles` are row ids, `personal` the values of their personal traits, `audiences` those they were ever in."""

    ids: list[Identity] = field(default_factory=list)
    profiles: list[int] = field(default_factory=list)
    segment_ids: list[str] = field(default_factory=list)
    personal: list[str] = field(default_factory=list)
    audiences: list[int] = field(default_factory=list)
    destinations: list[int] = field(default_factory=list)
    is_scattered: bool = False

    @classmethod
    def of(cls, regulation: Regulation) -> Self:
        stored = decrypt(regulation.subject)
        return cls(**stored | {"ids": [Identity(*one) for one in stored.get("ids", [])]})

    def seal(self) -> bytes:
        names = ("ids", "profiles", "segment_ids", "personal", "audiences", "destinations", "is_scattered")
        return encrypt({name: getattr(self, name) for name in names})

    @property
    def keys(self) -> list[Key]:
        return [Key(one.id_type, one.value) for one in self.ids]

    @cached_property
    def _values(self) -> frozenset[str]:
        return frozenset(text.lower() for one in self.ids for text in (one.value, one.original))

    @cached_property
    def long(self) -> tuple[str, ...]:
        """What is recognized anywhere in a text, the longest first."""
        found = {value for value in self._values if "@" in value or len(value) >= LONG}
        found |= {one.lower() for one in self.segment_ids}
        return tuple(sorted(found, key=lambda text: (-len(text), text)))

    @cached_property
    def short(self) -> frozenset[str]:
        return self._values - set(self.long)

    @cached_property
    def _long_pattern(self) -> re.Pattern[str]:
        return re.compile("|".join(re.escape(text) for text in self.long), re.IGNORECASE)

    @cached_property
    def _names(self) -> re.Pattern[str]:
        """Identifiers alone: a Segment ID names nobody once the profile is gone."""
        names = [text for text in self.long if text in self._values]
        return re.compile("|".join(re.escape(text) for text in names), re.IGNORECASE)

    def likes(self) -> list[str]:
        """LIKE patterns for lower-case texts: whatever does not match one of them does not mention the person."""
        texts = [*self.long, *(f'"{text}' for text in self.short)]
        escaped = {form for text in texts for form in (text, json.dumps(text, ensure_ascii=False)[1:-1])}
        return [f"%{_for_like(form)}%" for form in sorted(escaped)]

    def needles(self) -> list[bytes]:
        return [text.encode() for text in (*self.long, *self.short)]

    def mentioned_in(self, value: Any, key: str = "") -> bool:
        """Whether a JSON value (or JSON text within) names the person."""
        if isinstance(value, dict):
            return any(self.mentioned_in(name) or self.mentioned_in(item, str(name)) for name, item in value.items())
        if isinstance(value, list):
            return any(self.mentioned_in(item, key) for item in value)
        if isinstance(value, bool) or value is None:
            return False
        text = str(value)
        if self.long and self._long_pattern.search(text):
            return True
        if text.lower() in self.short and _plain(key) in self._id_keys:
            return True
        inner = _inner(text)
        return inner is not None and self.mentioned_in(inner, key)

    @cached_property
    def _id_keys(self) -> frozenset[str]:
        return ID_KEYS | {_plain(one.id_type) for one in self.ids}

    def cleaned(self, value: Any, key: str = "") -> Any:
        """A copy without the person's identifiers."""
        if isinstance(value, dict):
            return {self.cleaned(name): self.cleaned(item, str(name)) for name, item in value.items()}
        if isinstance(value, list):
            return [self.cleaned(item, key) for item in value]
        if isinstance(value, bool) or value is None:
            return value
        text = str(value)
        if text.lower() in self.short and _plain(key) in self._id_keys:
            return REMOVED
        replaced = self._names.sub(REMOVED, text) if self._values - self.short else text
        return value if replaced == text else replaced

    def cleaned_sentence(self, text: str) -> str:
        """A sentence about the person without their identifiers, also without the beginning of one at a cut end."""
        cleaned = str(self.cleaned(text))
        if not cleaned.endswith(CUT):
            return cleaned
        kept = cleaned.removesuffix(CUT)
        most = max((len(text) for text in self._values), default=0)
        for length in range(min(most, len(kept)), LEAST_BEGINNING - 1, -1):
            if any(text.startswith(kept[-length:].lower()) for text in self._values):
                return f"{kept[:-length]}{REMOVED}{CUT}"
        return cleaned

    def calls(self) -> Iterator[dict[str, str]]:
        """What destinations are told: as many requests as it takes to name every user ID, anonymous ID and e-mail."""
        names = {"userId": "user_id", "anonymousId": "anonymous_id", "email": "email"}
        by_name = {name: [one.original for one in self.ids if one.id_type == kind] for name, kind in names.items()}
        for place in range(max(1, *map(len, by_name.values()))):
            yield {name: values[min(place, len(values) - 1)] for name, values in by_name.items() if values}


def personal_values(traits: Any, key: str = "") -> set[str]:
    """The texts that stand under personal keys: names, addresses, phone numbers."""
    if isinstance(traits, dict):
        return {text for name, item in traits.items() for text in personal_values(item, str(name))}
    if isinstance(traits, list):
        return {text for item in traits for text in personal_values(item, key)}
    return {traits} if isinstance(traits, str) and len(traits) > 1 and _plain(key) in PERSONAL_KEYS else set()


def identities(rows: Sequence[tuple[str, str, str]]) -> list[Identity]:
    return [Identity(*row) for row in rows]


def _plain(key: str) -> str:
    return _NOT_LETTERS.sub("", key.lower())


def _for_like(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _inner(text: str) -> Any:
    """The JSON in a text, None when it holds none."""
    if text[:1] not in "{[" or len(text) < 2:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
