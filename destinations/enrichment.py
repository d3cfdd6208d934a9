"""Traits that a mapping may ask for: those seen in the space, in groups, with sample values."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from profiles.masking import masked
from profiles.models import ACCOUNTS, ObservedField
from spaces.models import Space

MOST = 400
_CUT = 40
SAMPLE = "sample"
Samples = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class TraitChoice:
    """`hint` is a sample value; `is_chosen` a trait that the mapping asks for, seen or not."""

    key: str
    hint: str
    is_chosen: bool


@dataclass(frozen=True, kw_only=True)
class TraitGroup:
    title: str
    traits: tuple[TraitChoice, ...]

    @property
    def chosen(self) -> int:
        return sum(trait.is_chosen for trait in self.traits)


def trait_samples(space: Space, *, shows_pii: bool = True) -> dict[str, dict[str, Any]]:
    """Trait keys that were seen, by the words for whom they are about, each with a sample value."""
    rows = ObservedField.objects.filter(space_id=space.pk, scope="trait").order_by("event_type", "path")
    found: dict[str, dict[str, Any]] = {"People": {}, "Accounts": {}}
    for kind, path, samples in rows.values_list("event_type", "path", "samples")[:MOST]:
        value = samples[0] if samples else None
        shown = value if shows_pii else masked(value, path.rpartition(".")[2])
        found["Accounts" if kind == ACCOUNTS else "People"][path] = shown
    return {title: traits for title, traits in found.items() if traits}


def trait_groups(samples: Mapping[str, Samples], chosen: Sequence[str]) -> list[TraitGroup]:
    """Traits of people and of accounts, those inside of objects apart, and chosen ones that were never seen."""
    wanted = set(chosen)
    grouped: dict[str, list[TraitChoice]] = {}
    seen: set[str] = set()
    for title, traits in samples.items():
        grouped[f"Traits of {title.lower()}"] = []
        for key, value in traits.items():
            outer = key.rpartition(".")[0]
            group = f"{title}: {outer}" if outer else f"Traits of {title.lower()}"
            grouped.setdefault(group, []).append(
                TraitChoice(key=key, hint=_short(value), is_chosen=key in wanted and key not in seen)
            )
            seen.add(key)
    unseen = [
        TraitChoice(key=key, hint="never seen in this space", is_chosen=True) for key in chosen if key not in seen
    ]
    if unseen:
        grouped["Not seen yet"] = unseen
    return [TraitGroup(title=title, traits=tuple(traits)) for title, traits in grouped.items() if traits]


def sample_values(samples: Mapping[str, Samples], chosen: Sequence[str]) -> dict[str, Any]:
    """A value for each chosen trait, as a profile might have it."""
    merged: dict[str, Any] = {}
    for traits in reversed(list(samples.values())):
        merged |= traits
    return {key: merged[key] if merged.get(key) is not None else SAMPLE for key in chosen}


def _short(value: Any) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _CUT else f"{text[: _CUT - 1]}…"
