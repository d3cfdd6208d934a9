"""What a trait looks at, so that a change elsewhere computes it and nothing else."""

from __future__ import annotations

from engine.conditions.mentioning import Mentions, mentions
from engine.conditions.nodes import Condition
from engine.traits.definition import EventTrait


def mentions_of(trait: EventTrait) -> Mentions:
    """The events that count and the traits of the profile that properties are compared with.

    A trait of the users of an account (`user_trait`) is among `traits` as well.
    """
    found = mentions(Condition(version=1, collection=trait.collection, where=trait.event))
    if not trait.is_user_trait or trait.path is None:
        return found
    return Mentions(
        events=found.events,
        traits=found.traits | {trait.path[0]},
        audiences=found.audiences,
        identifiers=found.identifiers,
    )
