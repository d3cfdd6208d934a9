"""From the stored JSON of a definition to what the engine evaluates, with the references of the space resolved."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import msgspec

from audiences.models import Audience
from common.errors import FieldError, ProductError
from engine import conditions
from engine.conditions.nodes import Condition
from profiles.models import COLLECTION_NAMES
from spaces.models import Space


class DefinitionError(ProductError):
    """The definition cannot be used; `errors` lists every problem with its path."""

    code = "definition_invalid"


@dataclass(frozen=True, kw_only=True)
class Compiled:
    """An audience ready for evaluation."""

    audience: Audience
    condition: Condition
    mentions: conditions.Mentions


@lru_cache(maxsize=4096)
def _parse(definition: bytes) -> tuple[Condition, conditions.Mentions]:
    condition = conditions.parse(msgspec.json.decode(definition))
    return condition, conditions.mentions(condition)


def compiled(audiences: Iterable[Audience]) -> list[Compiled]:
    """Parse stored definitions (cached by content)."""
    found = []
    for audience in audiences:
        condition, mentions = _parse(msgspec.json.encode(audience.definition))
        found.append(Compiled(audience=audience, condition=condition, mentions=mentions))
    return found


def checked(*, space: Space, definition: Any, audience: Audience | None = None) -> Condition:
    """The parsed definition, or DefinitionError with all problems, also unknown and circular references.

    `audience` is the one being edited: it may not come to depend on itself (audiences-and-traits.md §3.3).
    """
    try:
        condition = conditions.parse(definition)
    except conditions.ConditionError as error:
        raise DefinitionError(
            _sentence(len(error.problems)),
            [FieldError(path=p.path, code=p.code, detail=p.detail) for p in error.problems],
        ) from error
    problems = _reference_problems(space=space, condition=condition, audience=audience)
    if problems:
        raise DefinitionError(_sentence(len(problems)), problems)
    return condition


def _sentence(count: int) -> str:
    return "The definition has 1 problem." if count == 1 else f"The definition has {count} problems."


def _reference_problems(*, space: Space, condition: Condition, audience: Audience | None) -> list[FieldError]:
    wanted = conditions.mentions(condition).audiences
    if not wanted:
        return []
    others = compiled(Audience.objects.in_space(space).live())
    by_name = {name: other for other in others for name in (other.audience.key, other.audience.public_id)}
    problems = []
    for name in sorted(wanted):
        other = by_name.get(name)
        if other is None:
            detail = f"No audience of this space has the key or id {name}. Choose one that exists."
            problems.append(FieldError(path="/where", code="unknown_audience", detail=detail))
        elif COLLECTION_NAMES[other.audience.collection] != condition.collection:
            detail = (
                f"{name} is an audience of {COLLECTION_NAMES[other.audience.collection]}, not {condition.collection}."
            )
            problems.append(FieldError(path="/where", code="other_collection", detail=detail))
        elif audience is not None and _depends_on(other, audience, by_name):
            detail = "The audience would create a cycle by referencing another audience"
            problems.append(FieldError(path="/where", code="cycle", detail=detail))
    return problems


def _depends_on(start: Compiled, target: Audience, by_name: dict[str, Compiled]) -> bool:
    open_, seen = [start], set()
    while open_:
        current = open_.pop()
        if current.audience.pk == target.pk:
            return True
        if current.audience.pk in seen:
            continue
        seen.add(current.audience.pk)
        open_ += [by_name[name] for name in current.mentions.audiences if name in by_name]
    return False


def audience_references(space: Space) -> dict[str, int]:
    """Row ids of the space's audiences by key and by id, as the compiler wants them."""
    rows = Audience.objects.in_space(space).live().values_list("pk", "key", "public_id")
    return {name: pk for pk, key, public_id in rows for name in (key, public_id)}
