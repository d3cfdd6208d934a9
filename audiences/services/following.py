"""What happens after an evaluation, in its transaction: journeys above this app move the people it concerns.

`settings.COMPUTATION_FOLLOWER` names the one function that is called with every `Evaluated` (design.md §1, rule 4).
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
    from audiences.services.compute import Entered, Touched


@dataclass(frozen=True, kw_only=True)
class Evaluated:
    """One evaluation under the space's lock: whom it looked at because something happened, and what changed.

    `profile_ids` are the touched profiles (empty for rechecks and backfills, which only bring `changes`); `touched`
    says by what, None = by something that any condition may depend on (new, merged, a new identifier).
    """

    space: Space
    now: datetime
    profile_ids: Sequence[int]
    touched: Touched | None
    changes: Sequence[Entered]


@cache
def _follower() -> Callable[[Evaluated], None]:
    found: Callable[[Evaluated], None] = import_string(settings.COMPUTATION_FOLLOWER)
    return found


def follow(evaluated: Evaluated) -> None:
    """Hand an evaluation on. Runs inside its transaction; an error undoes both."""
    if evaluated.profile_ids or evaluated.changes:
        _follower()(evaluated)
