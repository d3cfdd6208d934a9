"""Where the values of a trait come from: who computes everybody, stops, and says how far it is.

Traits of events are computed in slices of profiles here (`backfill`); a kind of another origin (a warehouse, a model)
adds its own once, when the app is ready (`traits/apps.py`), and writes through `traits.services.values`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from audiences.services import runs
from common.models import SlicedRun
from engine.traits import KINDS
from engine.traits.kinds import EVENTS
from traits.models import Trait, TraitRun
from traits.services.backfill import start_run


@dataclass(frozen=True, kw_only=True)
class Origin:
    """`name` is that of the kinds (`Kind.origin`).

    start: compute everybody of the current revision (created, redefined, enabled, refreshed); replaces an open run.
    cancel: stop what is open, and say how many runs that were. open_run: the run that is not finished, or None.
    `mode` and `mode_detail` say in words when values change; `is_of_history`: the option to leave history out exists.
    `tabs`: pages of such traits beside the usual ones, as (route, label). `restart` is `start` when a person asks.
    """

    name: str
    start: Callable[[Trait], None]
    cancel: Callable[[Trait], int]
    open_run: Callable[[Trait], SlicedRun | None]
    mode: str
    mode_detail: str
    is_of_history: bool = False
    tabs: tuple[tuple[str, str], ...] = ()
    restart: Callable[[Trait], None] | None = None


_ORIGINS: dict[str, Origin] = {}


def add_origin(origin: Origin) -> None:
    """Make an origin known; the last one of a name counts."""
    _ORIGINS[origin.name] = origin


def origin_of(trait: Trait) -> Origin:
    """The origin of a trait's kind; a kind without one is run over like those of events, and nothing is computed."""
    return origin_named(KINDS[trait.kind].origin)


def origin_named(name: str) -> Origin:
    return _ORIGINS.get(name, _ORIGINS[EVENTS])


def _cancel(trait: Trait) -> int:
    return runs.cancel_open(TraitRun.objects.filter(trait=trait))


def _open_run(trait: Trait) -> SlicedRun | None:
    found: SlicedRun | None = trait.runs.filter(state__in=runs.OPEN).order_by("-id").first()
    return found


add_origin(
    Origin(
        name=EVENTS,
        start=start_run,
        cancel=_cancel,
        open_run=_open_run,
        mode="Realtime",
        mode_detail="Realtime: values change as events arrive and windows move on",
        is_of_history=True,
    )
)
