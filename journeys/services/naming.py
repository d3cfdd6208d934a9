"""What a journey is called: 1 to 73 characters, once in a space."""

from __future__ import annotations

from common.errors import InvalidError
from common.names import snake_case
from journeys.models import Journey
from spaces.models import Space

MAX_NAME_LENGTH = 73
MAX_DESCRIPTION_LENGTH = 5_000


def journey_key(name: str) -> str:
    """What the keys of the journey's steps begin with."""
    return snake_case(name)[:255] or "journey"


def is_usable(name: str) -> bool:
    return 0 < len(name) <= MAX_NAME_LENGTH and name.isprintable()


def name_is_taken(space: Space, name: str, journey: Journey | None) -> bool:
    others = Journey.objects.in_space(space).filter(name=name, deleted_at=None)
    return (others.exclude(pk=journey.pk) if journey is not None else others).exists()


def lock_names(space: Space) -> None:
    """Names of journeys are given one at a time in a space."""
    Space.objects.select_for_update(no_key=True).get(pk=space.pk)


def checked_name(*, space: Space, name: str, journey: Journey | None = None) -> str:
    """The name as it is kept. InvalidError at /name: missing, over 73 characters, or taken in this space."""
    name = " ".join(name.split())
    if not name:
        raise InvalidError.at("/name", "Give the journey a name.", "required")
    if len(name) > MAX_NAME_LENGTH:
        detail = f"Use at most {MAX_NAME_LENGTH} characters; this name has {len(name)}."
        raise InvalidError.at("/name", detail, "too_long")
    if not name.isprintable():
        raise InvalidError.at("/name", "Use printable characters only.", "invalid")
    if name_is_taken(space, name, journey):
        raise InvalidError.at("/name", f"Another journey of this space is called {name}. Choose another name.", "taken")
    return name


def checked_description(text: str) -> str:
    text = text.strip()
    if len(text) > MAX_DESCRIPTION_LENGTH:
        detail = f"Use at most {MAX_DESCRIPTION_LENGTH:,} characters; this text has {len(text):,}."
        raise InvalidError.at("/description", detail, "too_long")
    return text


def free_name(*, space: Space, name: str) -> str:
    """ "Copy of …", numbered when that is taken, within the limit of names."""
    number = 1
    while True:
        tail = f" ({number})" if number > 1 else ""
        candidate = f"Copy of {name}"[: MAX_NAME_LENGTH - len(tail)].rstrip() + tail
        if not name_is_taken(space, candidate, None):
            return candidate
        number += 1


def rename_row(journey: Journey, name: str) -> None:
    """Keys that were given stay; new ones begin with the new name."""
    journey.name, journey.key = name, journey_key(name)
    journey.save(update_fields=["name", "key", "updated_at"])
