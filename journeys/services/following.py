"""Where journeys hear of every evaluation (settings.COMPUTATION_FOLLOWER)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection

from django.db import connection

from audiences.models import Audience
from audiences.services.compute import Entered
from audiences.services.following import Evaluated
from audiences.services.reach import accounts_users
from delivery.services.copying import bigint_array
from journeys.models import JourneyVersion
from journeys.services.advancing import advance
from journeys.services.entering import enter, newcomers
from journeys.services.live import LIVE_STATES, Live, live_of
from journeys.services.storing import load_runs
from profiles.models import ACCOUNTS
from spaces.models import Space

__all__ = ["LIVE_STATES", "follow"]

# (profile id, run id) -> steps whose conditions are to be judged again.
Judged = dict[tuple[int, int], set[str]]


def has_followers(space: Space) -> bool:
    """Whether there are journeys whose people an evaluation could move."""
    return JourneyVersion.objects.filter(
        journey__space=space, journey__deleted_at=None, state__in=LIVE_STATES, published_at__isnull=False
    ).exists()


def follow(evaluated: Evaluated) -> None:
    """Move the people whom this evaluation concerns, in its transaction and under the space's lock.

    Those enter whose entry membership began; waiting conditions are judged again that look at what happened to the
    person, or at an audience whose membership changed. Everything that follows at once happens at once.
    """
    live = live_of(evaluated.space)
    if not live.versions:
        return
    new = enter(live=live, candidates=newcomers(live, evaluated.changes, evaluated.now), now=evaluated.now)
    judged = _touched(live, evaluated)
    for key, steps in _referring(live, evaluated.changes).items():
        judged[key] |= steps
    runs = load_runs(space_id=live.space.pk, keys=judged, step_ids=live.step_ids)
    again = {run.id: judged[run.profile_id, run.id] for run in runs}
    advance(live=live, runs=[*runs, *new], judged=again, now=evaluated.now)


def _touched(live: Live, evaluated: Evaluated) -> Judged:
    if not evaluated.profile_ids:
        return defaultdict(set)
    if evaluated.touched is None:
        steps = {version.pk: set(version.plan.conditions) for version in live.versions.values()}
    else:
        steps = {version.pk: version.concerned(evaluated.touched) for version in live.versions.values()}
    return _waiting(live, steps, evaluated.profile_ids)


def _referring(live: Live, changes: Collection[Entered]) -> Judged:
    """Who waits for a condition that reads an audience whose membership changed for them."""
    found: Judged = defaultdict(set)
    if not changes or not live.refers:
        return found
    by_audience: dict[int, list[int]] = defaultdict(list)
    for change in changes:
        by_audience[change.audience_id].append(change.profile_id)
    names = Audience.objects.filter(pk__in=by_audience).values_list("pk", "key", "public_id", "collection")
    for audience_id, key, public_id, collection in names:
        steps = {version.pk: version.referring({key, public_id}) for version in live.versions.values()}
        people: Collection[int] = by_audience[audience_id]
        if collection == ACCOUNTS and any(steps.values()):
            people = accounts_users(space=live.space, account_ids=people)
        for place, own in _waiting(live, steps, people).items():
            found[place] |= own
    return found


def _waiting(live: Live, steps: dict[int, set[str]], profile_ids: Collection[int]) -> Judged:
    """The waiting positions of these people at these steps (step ids by version)."""
    found: Judged = defaultdict(set)
    rows = {
        live.versions[version_id].rows[step_id].pk: step_id
        for version_id, names in steps.items()
        for step_id in names
        if live.versions[version_id].plan.steps[step_id].waits
    }
    if not rows:
        return found
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT profile_id, run_id, step_id FROM journey_position WHERE space_id = %s "
            "AND profile_id = ANY(%s::bigint[]) AND step_id = ANY(%s::bigint[]) AND version_id = ANY(%s::bigint[]) "
            "AND joined_at IS NULL AND left_at IS NULL",
            [
                live.space.pk,
                bigint_array(profile_ids),
                bigint_array(rows),
                bigint_array(version_id for version_id, names in steps.items() if names),
            ],
        )
        for profile_id, run_id, step in cursor.fetchall():
            found[profile_id, run_id].add(rows[step])
    return found
