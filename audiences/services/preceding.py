"""What happens before an evaluation, in its transaction: computed traits, which conditions read, are computed first.

`settings.COMPUTATION_PRECEDER` names the one function that is called with every `Preceding` (design.md §4: dependency
order).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING

from django.conf import settings
from django.utils.module_loading import import_string

from spaces.models import Space

if TYPE_CHECKING:
    from audiences.services.compute import Touched


@dataclass(frozen=True, kw_only=True)
class Preceding:
    """The evaluation that follows: of these profiles, by what touched them (None: by anything)."""

    space: Space
    now: datetime
    profile_ids: Sequence[int]
    touched: Touched | None


@dataclass(frozen=True, kw_only=True)
class Preceded:
    """What changed: `traits` are keys of traits, `profile_ids` whose (also accounts of the profiles)."""

    profile_ids: frozenset[int]
    traits: frozenset[str]


@cache
def _preceder() -> Callable[[Preceding], Preceded]:
    found: Callable[[Preceding], Preceded] = import_string(settings.COMPUTATION_PRECEDER)
    return found


def precede(preceding: Preceding) -> Preceded:
    """Compute what conditions read. Runs inside the evaluation's transaction, under the space's lock."""
    return _preceder()(preceding)
