"""Traits that every connection of a destination sends along, as an admin defines them (F094)."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from common.errors import ConflictError, InvalidError
from delivery.models import DestinationTraits
from delivery.services import activation
from destinations.models import Destination
from spaces import audit
from spaces.models import User


def always_sent(destination: Destination) -> list[dict[str, str]]:
    """The rows, as in `Connection.trait_mappings`."""
    found = DestinationTraits.objects.filter(destination=destination).first()
    return list(found.traits) if found else []


@transaction.atomic
def set_always_sent(*, destination: Destination, traits: Any, actor: User | None) -> list[dict[str, str]]:
    """Replace the rows; they reach the calls queued from now on. InvalidError names every row that is wrong.

    Classic destinations take them too: they are what a destination needs to find a person, not an enrichment.
    """
    locked = Destination.objects.select_for_update(no_key=True).select_related("space").get(pk=destination.pk)
    if locked.deleted_at is not None:
        raise ConflictError("This destination was deleted.")
    rows = activation.cleaned(traits)
    problems = activation.trait_problems(rows, computation_key="")
    if problems:
        raise InvalidError(" ".join(problem.detail for problem in problems), problems)
    before = always_sent(locked)
    DestinationTraits.objects.update_or_create(destination=locked, defaults={"traits": rows})
    if before != rows:
        audit.record(
            space=locked.space,
            actor=actor,
            action="destination.traits_changed",
            target=locked,
            before={"always_sent": before},
            after={"always_sent": rows},
        )
    return list(rows)
