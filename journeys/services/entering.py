"""Who enters a version: people whose entry membership began, whose re-entry time is over, or who left a version before.

The rules are `engine.journeys.entering`; here the earlier runs of many people are read at once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from audiences.services.compute import Entered
from delivery.services.copying import bigint_array
from engine.journeys.entering import PriorRun, VersionFacts, may_enter
from journeys.services.live import Live, LiveVersion
from journeys.services.storing import RunRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """`qualified_at`: since when the entry condition and the re-entry time both allow it."""

    profile_id: int
    version_id: int
    qualified_at: datetime


def newcomers(live: Live, changes: Iterable[Entered], now: datetime) -> list[Candidate]:
    """People whose membership of a published version's entry audience has just begun."""
    by_audience = {
        version.row.entry_audience_id: version.pk for version in live.versions.values() if version.is_published
    }
    return [
        Candidate(profile_id=change.profile_id, version_id=by_audience[change.audience_id], qualified_at=now)
        for change in changes
        if change.is_member and change.audience_id in by_audience
    ]


def members_of(version: LiveVersion, profile_ids: Sequence[int]) -> dict[int, datetime]:
    """Which of the profiles meet the entry condition, and since when."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT profile_id, changed_at FROM membership WHERE space_id = %s AND audience_id = %s "
            "AND profile_id = ANY(%s::bigint[]) AND is_member",
            [version.row.journey.space_id, version.row.entry_audience_id, bigint_array(profile_ids)],
        )
        return dict(cursor.fetchall())


def enter(*, live: Live, candidates: Sequence[Candidate], now: datetime) -> list[RunRow]:
    """New runs, not stored yet, of the candidates who may enter. Nobody enters a version twice at once."""
    wanted = {(one.version_id, one.profile_id): one for one in candidates}
    if not wanted:
        return []
    journeys = {live.versions[version_id].row.journey_id for version_id, _ in wanted}
    prior = _prior_runs(live, journeys, {profile_id for _, profile_id in wanted})
    facts = {version_id: _facts(live.versions[version_id]) for version_id in {one for one, _ in wanted}}
    entering: list[RunRow] = []
    for one in wanted.values():
        version = live.versions[one.version_id]
        before = prior.get((version.row.journey_id, one.profile_id), ())
        if not may_enter(before, facts[one.version_id], now, qualified_at=one.qualified_at).allowed:
            continue
        entering.append(
            RunRow(
                version.row.journey.public_id,
                "",
                now,
                None if version.exit_after is None else now + version.exit_after,
                space_id=live.space.pk,
                profile_id=one.profile_id,
                journey_pk=version.row.journey_id,
                version_id=version.pk,
            )
        )
    return entering


def _facts(version: LiveVersion) -> VersionFacts:
    return VersionFacts(
        number=version.row.number,
        state=version.row.state,
        has_exit=version.exit_after is not None,
        has_reentry=version.reentry_after is not None,
        excludes_earlier=version.row.excludes_earlier,
        entries_from=version.row.entries_from,
    )


def _prior_runs(
    live: Live, journeys: Collection[int], profile_ids: Collection[int]
) -> dict[tuple[int, int], list[PriorRun]]:
    found: dict[tuple[int, int], list[PriorRun]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT r.journey_id, r.profile_id, v.number, r.ended_at, r.end_reason, r.reentry_at FROM journey_run r "
            "JOIN journeys_journeyversion v ON v.id = r.version_id "
            "WHERE r.space_id = %s AND r.profile_id = ANY(%s::bigint[]) AND r.journey_id = ANY(%s::bigint[])",
            [live.space.pk, bigint_array(profile_ids), bigint_array(journeys)],
        )
        for journey, profile_id, number, ended_at, reason, reentry_at in cursor.fetchall():
            found[journey, profile_id].append(
                PriorRun(version=number, ended_at=ended_at, end_reason=reason, reentry_at=reentry_at)
            )
    return found
