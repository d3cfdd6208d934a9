"""From the stored JSON of a definition to what the engine evaluates, with the references of the space resolved."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import msgspec

from audiences.compiler import References as Resolved
from audiences.models import Audience, AudiencePurpose
from audiences.services.steps import Step, step_source
from common.errors import FieldError, ProductError
from engine import conditions
from engine.conditions.mentioning import places
from engine.conditions.nodes import AudienceNode, Condition, JourneyStepNode
from profiles.models import ACCOUNTS, COLLECTION_NAMES
from spaces.models import Space

CYCLE = "The audience would create a cycle by referencing another audience"
"""The words of audiences-and-traits.md §3.3."""


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
    mentioned = conditions.mentions(condition)
    if not mentioned.audiences and not mentioned.journey_steps:
        return []
    graph = References(space)
    steps = {name for step in graph.steps(mentioned.journey_steps) for name in step.names}
    problems = []
    for path, node, collection in places(condition):
        if isinstance(node, AudienceNode):
            code, detail = _audience_problem(graph, node.audience, collection, audience)
        elif isinstance(node, JourneyStepNode):
            code, detail = _step_problem(graph, node.step, steps, audience)
        else:
            continue
        if code:
            problems.append(FieldError(path=path, code=code, detail=detail))
    return problems


def _audience_problem(graph: References, name: str, collection: str, audience: Audience | None) -> tuple[str, str]:
    other = graph.audiences.get(name)
    if other is None:
        return "unknown_audience", f"No audience of this space has the key or id {name}. Choose one that exists."
    own = COLLECTION_NAMES[other.audience.collection]
    if own == "users" and collection == "accounts":
        detail = f"{name} is an audience of users, not accounts. Ask any, all or none of the users for it."
        return "other_collection", detail
    if audience is not None and audience.pk in graph.behind(audiences={name}):
        return "cycle", CYCLE
    return "", ""


def _step_problem(graph: References, name: str, known: Collection[str], audience: Audience | None) -> tuple[str, str]:
    if name not in known:
        return "unknown_step", f"No journey step of this space has the key or id {name}. Choose one that exists."
    if audience is not None and audience.pk in graph.behind(steps={name}):
        return "cycle", CYCLE
    return "", ""


class References:
    """What the audiences and journeys of a space name, followed as far as it goes."""

    def __init__(self, space: Space) -> None:
        self.space = space
        found = compiled(Audience.objects.in_space(space).live())
        self.audiences = {name: one for one in found for name in (one.audience.key, one.audience.public_id)}

    def steps(self, names: Collection[str]) -> list[Step]:
        return step_source().steps(space=self.space, names=names) if names else []

    def behind(self, *, audiences: Collection[str] = (), steps: Collection[str] = ()) -> set[int]:
        """Row ids of the audiences that decide about these, themselves included."""
        return self._followed(audiences, steps)[0]

    def steps_behind(self, *, audiences: Collection[str]) -> set[str]:
        """Names of the journey steps that decide about these audiences."""
        return self._followed(audiences, ())[1]

    def _followed(self, audiences: Collection[str], steps: Collection[str]) -> tuple[set[int], set[str]]:
        found: set[int] = set()
        seen_steps: set[str] = set()
        open_names, open_steps = set(audiences), set(steps)
        while open_names or open_steps:
            if open_steps:
                seen_steps |= open_steps
                open_names |= step_source().audiences_behind(space=self.space, names=open_steps)
                open_steps = set()
            current = self.audiences.get(open_names.pop()) if open_names else None
            if current is not None and current.audience.pk not in found:
                found.add(current.audience.pk)
                open_names |= current.mentions.audiences
                open_steps |= current.mentions.journey_steps - seen_steps
        return found, seen_steps


def references_of(space: Space, mentioned: Iterable[conditions.Mentions], *, live_only: bool = True) -> Resolved:
    """What conditions name, as the compiler wants it; journey steps only where one is named.

    `live_only` false: deleted audiences too, whose last members stay readable (journeys.md §3).
    """
    audiences = Audience.objects.in_space(space).filter(purpose=AudiencePurpose.AUDIENCE)
    if live_only:
        audiences = audiences.filter(deleted_at=None)
    rows = list(audiences.values_list("pk", "key", "public_id", "collection"))
    steps = frozenset(name for one in mentioned for name in one.journey_steps)
    found = step_source().steps(space=space, names=steps) if steps else []
    return Resolved(
        audiences={name: pk for pk, key, public_id, _ in rows for name in (key, public_id)},
        account_audiences=frozenset(pk for pk, _, _, collection in rows if collection == ACCOUNTS),
        steps={name: step.row_id for step in found for name in step.names},
        step_members=step_source().members if steps else "",
    )
