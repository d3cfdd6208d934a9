"""What every step has: its place, its data in JSON, its branches, what happens on arrival, what is wrong, in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Protocol, Self

from engine.conditions.nodes import Condition
from engine.journeys.reading import Reader
from engine.journeys.steps.checks import Checks

ENTRY = "entry"
"""The id of the entry condition, which is the first step of every journey."""


@dataclass(frozen=True, kw_only=True)
class After:
    """Where a step hangs: after a step, or at the end of one of its branches."""

    step: str
    branch: str | None = None


@dataclass(frozen=True, kw_only=True)
class Branch:
    """`hundredths` of a percent go into it by chance; None where chance does not decide, or it is not set yet."""

    id: str
    name: str
    hundredths: int | None = None


class VerdictLike(Protocol):
    """A verdict on a step's condition: `engine.conditions.Verdict`, `running.Judged`, or a row of a query."""

    @property
    def is_member(self) -> bool: ...
    @property
    def recheck_at(self) -> datetime | None: ...


class RunLike(Protocol):
    """What a step may know of the run."""

    @property
    def journey_id(self) -> str: ...
    @property
    def segment_id(self) -> str: ...


@dataclass(slots=True)
class Next:
    """What happens to somebody who arrived. Not joined: waits, and looks again at `wake_at`.

    `holds`: joined, and goes on at `wake_at` only. `sends`: True is sent to the step's destinations, and False at
    `remove_at`. Not frozen, since one is made for most decisions.
    """

    joined: bool
    branch: str = ""
    wake_at: datetime | None = None
    holds: bool = False
    sends: bool = False
    remove_at: datetime | None = None


JOINS = Next(True)
SENDS = Next(True, sends=True)


@dataclass(frozen=True, kw_only=True)
class Step:
    """A step as defined; incomplete ones are allowed. `id` is unique in the journey and is never "entry".

    A type sets: `type` (in JSON), `label` (on menus), `keys` (its members in JSON, in their order), `is_judged` (its
    condition is judged on arrival), `waits` (until that holds), `has_key` (sends, under a key), `splits` (its
    followers hang on branches), `side_by_side` (all its branches are taken).
    """

    type: ClassVar[str] = ""
    label: ClassVar[str] = ""
    keys: ClassVar[tuple[str, ...]] = ("name",)
    is_judged: ClassVar[bool] = False
    waits: ClassVar[bool] = False
    has_key: ClassVar[bool] = False
    splits: ClassVar[bool] = False
    side_by_side: ClassVar[bool] = False

    id: str
    after: After | None = None
    name: str = ""

    @classmethod
    def read(cls, reader: Reader, raw: Mapping[str, Any], path: str, place: Mapping[str, Any]) -> Self:
        """The step of `raw`; `place` holds id and after, already read."""
        return cls(**place, name=reader.optional_text(raw, path, "name"))

    def data(self) -> dict[str, Any]:
        """The members of `keys` as canonical JSON, without those that are not set and need not be."""
        return {"name": self.name} if self.name else {}

    def branches(self) -> tuple[Branch, ...]:
        """In the order they are judged and shown; empty for a step that does not split."""
        return ()

    def target(self) -> str | None:
        """The step that this one only leads to."""
        return None

    def judges(self) -> Condition | None:
        """The condition that decides here."""
        return None

    def arrive(self, run: RunLike, now: datetime, verdict: VerdictLike | None) -> Next:
        """What happens to a run that arrives, or waits here and is judged again. `verdict` is given if `is_judged`."""
        return JOINS

    def check(self, checks: Checks) -> None:
        """Add what is wrong with the step by itself."""
        raise NotImplementedError

    def sentence(self) -> str:
        """What it does, such as: Wait 1 hour."""
        raise NotImplementedError

    def facts(self) -> dict[str, str]:
        """Its settings in words, by label: what a comparison of two versions shows."""
        return {"name": self.name}

    def told(self, run: RunLike, branch: str, reason: str) -> str:
        """What happened to somebody who joined, as a sentence; `reason` is what made the verdict, if one was needed."""
        return f"Reached “{self.title()}”."

    def title(self) -> str:
        """Its name, or what it does if it has none."""
        return self.name.strip() or self.sentence()
