"""Who has to hear of single changes of an audience, and not only of how many there were."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

from django.conf import settings
from django.utils.module_loading import import_string

from audiences.models import Audience
from audiences.services.definitions import Compiled
from delivery.services.emit import connected_computations
from spaces.models import Space


def is_heard(*, audience: Audience, everyone: Sequence[Compiled]) -> bool:
    """Whether it is connected to a destination, referred to by one of the others, or may move people in journeys."""
    names = {audience.key, audience.public_id}
    if any(not names.isdisjoint(item.mentions.audiences) for item in everyone):
        return True
    if connected_computations(space=audience.space, computation_ids=[audience.public_id]):
        return True
    return _has_followers()(audience.space)


@cache
def _has_followers() -> Callable[[Space], bool]:
    found: Callable[[Space], bool] = import_string(settings.COMPUTATION_HAS_FOLLOWERS)
    return found
