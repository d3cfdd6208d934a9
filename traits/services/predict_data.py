"""What a model learns from: figures of many people as of cut-offs in the past, and whether that is enough.

The newest horizon before now is kept for the test; a model learns from cut-offs at least one horizon earlier, so that
everything it saw, labels included, lies before the test's cut-off.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.db import connection, transaction

from audiences.compiler.statement import Query
from common.errors import ProductError
from engine.traits.prediction_features import Feature, Happening, Numbers, Vocabulary, features_of
from engine.traits.predictions import PredictionTrait, goal_of
from profiles.models import USERS
from spaces.models import Space
from traits.compiler import ANY_SCOPE, WIDE_SCOPES
from traits.predict_compiler import SHARES, People, counts_query, features_query, vocabulary_query

if TYPE_CHECKING:
    from numpy.typing import NDArray

FEWEST_PEOPLE = 500
FEWEST_DID = 100
FEWEST_HORIZONS = 2
# People looked at of each cut-off: more make a model slower, hardly better.
MOST_PEOPLE = 40_000
MOST_CUTOFFS = 3
_HEADER_BYTES = 19
_TRAILER_BYTES = 2


class ThinHistoryError(ProductError):
    """There is too little to learn from; the sentence says what is missing."""

    code = "history_too_thin"


@dataclass(frozen=True, kw_only=True)
class Window:
    """People who qualified at `start`, and those of them who did it by `end`."""

    start: datetime
    end: datetime
    people: int
    did: int

    @property
    def share(self) -> float:
        return self.did / self.people if self.people else 0.0


@dataclass(frozen=True, kw_only=True)
class Readiness:
    """What there is to learn from. `test` is the last horizon, `train` the one before, `people` qualify now.

    `is_sampled`: the figures are extrapolated from a sample. `problems` are sentences; empty when it is enough.
    """

    since: datetime | None
    test: Window
    train: Window
    people: int
    is_sampled: bool
    problems: tuple[str, ...]

    @property
    def days(self) -> int:
        return 0 if self.since is None else (self.test.end - self.since).days


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows of people: ids (int64), labels (float32) and figures (float32, a column for each feature)."""

    ids: NDArray[Any]
    labels: NDArray[Any]
    figures: NDArray[Any]


def everybody(space: Space) -> tuple[People, int]:
    """All users of the space, and how many there are."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(max(id), 0), count(*) FROM profile WHERE space_id = %s AND collection = %s",
            [space.pk, USERS],
        )
        last, count = cursor.fetchone()
    return People(first=0, last=last), count


def sample(space: Space, *, most: int = MOST_PEOPLE) -> People:
    """About `most` users of the space, always the same ones; all of them if they are no more."""
    people, count = everybody(space)
    if count <= most:
        return people
    return People(first=people.first, last=people.last, share=max(1, round(SHARES * most / count)))


def readiness(
    *, space: Space, trait: PredictionTrait, now: datetime, received_from: datetime | None = None
) -> Readiness:
    """Whether the history is enough; one statement over a sample of people."""
    people = sample(space)
    query = counts_query(space_id=space.pk, trait=trait, people=people, now=now, received_from=received_from)
    with _wide() as cursor:
        cursor.execute(query.sql, query.params)
        since, current, test, test_did, train, train_did = cursor.fetchone()
    times = SHARES / people.share
    starts = [now - timedelta(days=trait.days * back) for back in range(3)]
    windows = [
        Window(start=starts[back], end=starts[back - 1], people=round(count * times), did=round(did * times))
        for back, count, did in ((1, test, test_did), (2, train, train_did))
    ]
    return Readiness(
        since=since,
        test=windows[0],
        train=windows[1],
        people=round(current * times),
        is_sampled=people.share < SHARES,
        problems=tuple(_problems(trait, since, windows, now)),
    )


def _problems(trait: PredictionTrait, since: datetime | None, windows: Sequence[Window], now: datetime) -> list[str]:
    wanted = FEWEST_HORIZONS * trait.days
    if since is None:
        return ["No event of a person is stored yet. Send events first."]
    days = (now - since).days
    if days < wanted:
        return [
            f"The history is {_count(days, 'day')} long; {wanted} days are needed, twice the horizon: one to test, "
            "one before it to learn from. Wait, or choose a shorter horizon."
        ]
    found = []
    for window, what in ((windows[0], "test"), (windows[1], "learn from")):
        place = f"in the {trait.days} days from {window.start:%Y-%m-%d}, which are there to {what}"
        who = {
            "everyone": "people with an event",
            "did": "people who had done it",
            "did_not": "people who never did it",
        }
        if window.people < FEWEST_PEOPLE:
            found.append(
                f"Only {window.people:,} {who[trait.people]} before {window.start:%Y-%m-%d}; "
                f"{FEWEST_PEOPLE} are needed to {what}."
            )
        elif window.did < FEWEST_DID:
            found.append(
                f"Only {window.did:,} of {window.people:,} people {goal_of(trait)} {place}; {FEWEST_DID} are needed."
            )
        elif window.people - window.did < FEWEST_DID:
            found.append(
                f"All but {window.people - window.did:,} of {window.people:,} people {goal_of(trait)} {place}; "
                f"{FEWEST_DID} who did not are needed to tell them apart."
            )
    return found


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def refuse_thin(found: Readiness) -> None:
    """Raises ThinHistoryError with every reason."""
    if found.problems:
        raise ThinHistoryError(" ".join(found.problems))


def cutoffs_of(*, now: datetime, since: datetime, days: int) -> list[datetime]:
    """Cut-offs to learn from, newest first: the first two horizons before now, further ones with a horizon before."""
    horizon = timedelta(days=days)
    found = [now - 2 * horizon]
    while len(found) < MOST_CUTOFFS and found[-1] - 2 * horizon >= since:
        found.append(found[-1] - horizon)
    return found


@contextmanager
def _wide() -> Iterator[Any]:
    """A cursor for a statement over many people, in a transaction of its own or the caller's."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(WIDE_SCOPES)
        yield cursor
        cursor.execute(ANY_SCOPE)


def read_vocabulary(
    *,
    space: Space,
    trait: PredictionTrait,
    people: People,
    cutoff: datetime,
    received_from: datetime | None = None,
) -> Vocabulary:
    """The usual events of the space up to the cut-off, and their numbers."""
    query = vocabulary_query(space_id=space.pk, trait=trait, people=people, cutoff=cutoff, received_from=received_from)
    with _wide() as cursor:
        cursor.execute(query.sql, query.params)
        rows = cursor.fetchall()
    happenings = tuple(Happening(type=kind, name=name) for what, kind, name, _, _ in rows if what == "event")
    slots = {(each.type, each.name): slot for slot, each in enumerate(happenings, start=1)}
    numbers: dict[Numbers, None] = {}
    for what, kind, name, is_target, key in rows:
        if what == "number" and (is_target or (kind, name) in slots):
            numbers[Numbers(slot=None if is_target else slots[kind, name], name=key)] = None
    return Vocabulary(happenings=happenings, numbers=tuple(numbers))


def features(trait: PredictionTrait, vocabulary: Vocabulary) -> tuple[Feature, ...]:
    """What a model with this vocabulary looks at, in its order."""
    name = trait.event.name
    target = (
        f"“{name}”" if trait.event.type == "track" else f"{trait.event.type} “{name}”" if name else trait.event.type
    )
    return features_of(vocabulary, f"{target} as described" if trait.event.properties else target)


def read_table(
    *,
    space: Space,
    trait: PredictionTrait,
    people: People,
    vocabulary: Vocabulary,
    cutoff: datetime,
    received_from: datetime | None = None,
) -> Table:
    """The figures of people who qualify at the cut-off, with what they did after it."""
    wanted = features(trait, vocabulary)
    query = features_query(
        space_id=space.pk,
        trait=trait,
        people=people,
        vocabulary=vocabulary,
        features=wanted,
        cutoff=cutoff,
        received_from=received_from,
    )
    return _copied(query, len(wanted) + 1)


def _copied(query: Query, floats: int) -> Table:
    """Binary COPY: no column is null, so every row has the same width and the whole is one array."""
    import numpy as np  # noqa: PLC0415 - the product starts without it

    received = bytearray()
    with _wide() as cursor, cursor.copy(f"COPY ({query.sql}) TO STDOUT (FORMAT binary)", query.params) as copy:
        for block in copy:
            received += block
    row = np.dtype(
        [("columns", ">i2"), ("width", ">i4"), ("id", ">i8"), ("figures", [("width", ">i4"), ("is", ">f4")], (floats,))]
    )
    stored = np.frombuffer(memoryview(received)[_HEADER_BYTES:-_TRAILER_BYTES], dtype=row)
    values = stored["figures"]["is"].astype(np.float32)
    return Table(ids=stored["id"].astype(np.int64), labels=values[:, 0].copy(), figures=values[:, 1:].copy())
