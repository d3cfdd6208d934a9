"""From the stored JSON of a trait to what the engine evaluates, and what keeps a definition from being saved."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import msgspec

from common.errors import FieldError, ProductError
from engine import traits as engine
from engine.conditions import Mentions
from engine.traits import EventTrait
from spaces.models import Space
from traits.models import Trait


class TraitDefinitionError(ProductError):
    """The definition cannot be used; `errors` lists every problem with its path."""

    code = "definition_invalid"


@dataclass(frozen=True, kw_only=True)
class Compiled:
    """A trait that is computed from events, ready for evaluation."""

    trait: Trait
    definition: EventTrait
    mentions: Mentions


@lru_cache(maxsize=4096)
def _parse(definition: bytes) -> Any:
    return engine.parse(msgspec.json.decode(definition))


def parsed(trait: Trait) -> Any:
    """The stored definition, parsed (cached by content)."""
    return _parse(msgspec.json.encode(trait.definition))


def compiled(traits: Iterable[Trait]) -> list[Compiled]:
    """Those of the traits that are computed from events; the values of others are written by their own apps."""
    found = []
    for trait in traits:
        definition = parsed(trait)
        if isinstance(definition, EventTrait):
            found.append(Compiled(trait=trait, definition=definition, mentions=engine.mentions_of(definition)))
    return found


def checked(*, space: Space, definition: Any, trait: Trait | None = None) -> Any:
    """The parsed definition, or TraitDefinitionError with all problems.

    `trait` is the one being edited: it may not come to depend on itself, and it keeps its kind and its collection.
    """
    try:
        found = engine.parse(definition)
    except engine.TraitError as error:
        raise TraitDefinitionError(
            _sentence(len(error.problems)),
            [FieldError(path=problem.path, code=problem.code, detail=problem.detail) for problem in error.problems],
        ) from error
    problems = [] if trait is None else _edit_problems(space=space, definition=definition, found=found, trait=trait)
    if problems:
        raise TraitDefinitionError(_sentence(len(problems)), problems)
    return found


def _sentence(count: int) -> str:
    return "The definition has 1 problem." if count == 1 else f"The definition has {count} problems."


def _edit_problems(*, space: Space, definition: Any, found: Any, trait: Trait) -> list[FieldError]:
    problems = []
    for name, what in (("kind", "type"), ("collection", "collection")):
        if definition[name] != trait.definition[name]:
            detail = f"A trait keeps its {what}. Create a new trait instead."
            problems.append(FieldError(path=f"/{name}", code="fixed", detail=detail))
    if isinstance(found, EventTrait) and _depends_on(space, found, trait):
        detail = "The trait would come to depend on itself: compare with another trait."
        problems.append(FieldError(path="/event/properties", code="cycle", detail=detail))
    return problems


def _depends_on(space: Space, start: EventTrait, target: Trait) -> bool:
    others = {item.trait.key: item.mentions.traits for item in compiled(Trait.objects.in_space(space).live())}
    open_, seen = set(engine.mentions_of(start).traits), set()
    while open_:
        key = open_.pop()
        if key == target.key:
            return True
        if key not in seen:
            seen.add(key)
            open_ |= others.get(key, frozenset())
    return False


def levels(traits: Sequence[Compiled]) -> list[list[Compiled]]:
    """Traits in dependency order: each level reads only values of earlier ones."""
    by_key = {item.trait.key: item for item in traits}
    depth: dict[str, int] = {}

    def measure(item: Compiled) -> int:
        known = depth.get(item.trait.key)
        if known is not None:
            return known
        depth[item.trait.key] = 0  # a cycle cannot be saved; this only ends the walk
        inner = [measure(by_key[key]) + 1 for key in item.mentions.traits if key in by_key]
        depth[item.trait.key] = max(inner, default=0)
        return depth[item.trait.key]

    found: dict[int, list[Compiled]] = {}
    for item in traits:
        found.setdefault(measure(item), []).append(item)
    return [found[level] for level in sorted(found)]
