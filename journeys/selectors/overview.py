"""What the list and the overview show: journeys with their versions and states, and what became of their calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from audiences.models import ComputeStatus
from common.keyset import keyset_page
from delivery.models import Connection
from delivery.selectors.books import Books, books_of, connection_status
from journeys.models import Journey, JourneyVersion, VersionState
from journeys.selectors.analytics import in_progress
from journeys.selectors.journeys import CURRENT, journey_list
from journeys.selectors.steps import StepFacts
from spaces.models import Space

PAGE_SIZE = 50
RUNNING = frozenset({VersionState.PUBLISHED, VersionState.PAUSED, VersionState.DRAINING})
MEANINGS: Mapping[str, str] = {
    VersionState.DRAFT: "Not computing, not sending.",
    VersionState.PUBLISHED: "Computing and sending.",
    VersionState.PAUSED: "No new entries; people inside go on.",
    VersionState.DRAINING: "A newer version took its place; people inside go on to the end.",
    VersionState.ARCHIVED: "Ended: nothing moves, nothing is sent. Its data is kept.",
}


@dataclass(frozen=True, kw_only=True)
class Status:
    """For a badge: the word, what it means here, and since when."""

    word: str
    reason: str
    since: datetime | None


@dataclass(frozen=True, kw_only=True)
class VersionRow:
    version: JourneyVersion
    status: Status
    in_progress: int


@dataclass(frozen=True, kw_only=True)
class JourneyRow:
    """A journey with its versions, newest first; `current` is the one that the journey is judged by."""

    journey: Journey
    current: VersionRow
    versions: tuple[VersionRow, ...]
    edited_at: datetime

    @property
    def in_progress(self) -> int:
        return sum(row.in_progress for row in self.versions)

    @property
    def why_not_delete(self) -> str:
        return why_not_deletable([row.version for row in self.versions])


@dataclass(frozen=True, kw_only=True)
class JourneyPage:
    """`total` counts all journeys of the space, whatever was searched for."""

    rows: list[JourneyRow]
    after: str | None
    before: str | None
    total: int


def journey_page(space: Space, *, query: str = "", after: str = "", before: str = "") -> JourneyPage:
    """Newest first; `query` is part of a name."""
    page = keyset_page(journey_list(space, query), after=after, before=before, size=PAGE_SIZE)
    versions = [version for journey in page.rows for version in journey.versions.all()]
    numbers = in_progress(space, versions)
    return JourneyPage(
        rows=[_row(journey, numbers) for journey in page.rows],
        after=page.after,
        before=page.before,
        total=journey_list(space).count(),
    )


def _row(journey: Journey, numbers: Mapping[int, int]) -> JourneyRow:
    versions = list(journey.versions.all())
    rows = tuple(
        VersionRow(version=version, status=status_of(version), in_progress=numbers[version.pk]) for version in versions
    )
    chosen = shown_version(versions)
    return JourneyRow(
        journey=journey,
        current=next(row for row in rows if row.version.pk == chosen.pk),
        versions=rows,
        edited_at=max(journey.updated_at, *(version.updated_at for version in versions)),
    )


def shown_version(versions: Sequence[JourneyVersion]) -> JourneyVersion:
    """What people of the journey go through: the published or paused version, else the draft, else the newest."""
    for states in (CURRENT, (VersionState.DRAFT,)):
        for version in versions:
            if version.state in states:
                return version
    return max(versions, key=lambda version: version.number)


def why_not_deletable(versions: Sequence[JourneyVersion]) -> str:
    """Why a journey of these versions cannot be deleted now, "" when it can."""
    active = next((version for version in versions if version.state in RUNNING), None)
    if active is None:
        return ""
    return f"Version {active.number} is {VersionState(active.state).label.lower()}. Archive it first."


def status_of(version: JourneyVersion) -> Status:
    """The states of journeys.md §5; a live version that cannot be computed is *Failed*."""
    since = {
        VersionState.DRAFT: version.created_at,
        VersionState.PUBLISHED: version.published_at,
        VersionState.PAUSED: version.paused_at,
        VersionState.DRAINING: version.paused_at,
        VersionState.ARCHIVED: version.archived_at,
    }[VersionState(version.state)]
    audience = version.entry_audience
    if version.state in RUNNING:
        if version.problem:
            return Status(word="Failed", reason=version.problem, since=since)
        if audience is not None and audience.status == ComputeStatus.FAILED:
            return Status(word="Failed", reason=audience.status_detail, since=since)
        if version.is_resuming:
            return Status(word="Paused", reason="Entry is being resumed.", since=since)
    return Status(word=VersionState(version.state).label, reason=MEANINGS[version.state], since=since)


@dataclass(frozen=True, kw_only=True)
class SendRow:
    """A destination of a sending step and what became of its calls."""

    facts: StepFacts
    connection: Connection
    books: Books
    status: str


def send_rows(version: JourneyVersion, steps: Sequence[StepFacts]) -> list[SendRow]:
    """The connections of the version's sending steps, in the order of the steps."""
    senders = {facts.row.public_id: facts for facts in steps if facts.sends and facts.row is not None}
    connections = list(
        Connection.objects.in_space(version.journey.space)
        .filter(computation_id__in=senders, removed_at=None)
        .select_related("destination", "space")
    )
    books = books_of(connections)
    order = list(senders)
    return [
        SendRow(
            facts=senders[connection.computation_id],
            connection=connection,
            books=books[connection.pk],
            status=connection_status(connection),
        )
        for connection in sorted(
            connections, key=lambda one: (order.index(one.computation_id), one.destination.name.lower())
        )
    ]
