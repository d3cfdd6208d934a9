"""Who may enter (journeys.md §5, §5.1, §5.2)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine.journeys.entering import PriorRun, VersionFacts, may_enter
from engine.journeys.tests.building import DAY, HOUR, T0

PLAIN = VersionFacts(number=2)
WITH_EXIT = VersionFacts(number=2, has_exit=True)
WITH_REENTRY = VersionFacts(number=2, has_exit=True, has_reentry=True)


def ended(version, reason, ago=DAY, reentry_at=None):
    return PriorRun(version=version, ended_at=T0 - ago, end_reason=reason, reentry_at=reentry_at)


def code(prior, version, **more):
    return may_enter(prior, version, T0, **more).code


def test_a_first_entry():
    entering = may_enter([], PLAIN, T0, qualified_at=T0)

    assert entering.allowed
    assert entering.code == "enters"


@pytest.mark.parametrize(
    ("state", "expected"),
    [("draft", "version_draft"), ("published", "enters"), ("paused", "version_paused"),
     ("draining", "version_draining"), ("archived", "version_archived")],
)  # fmt: skip
def test_only_a_published_version_is_entered(state, expected):
    """journeys.md §5, life cycle: Draft, Paused, Draining and Archived have no entries."""
    assert code([], replace(PLAIN, state=state)) == expected


@pytest.mark.parametrize(
    ("qualified_at", "expected"),
    [(T0 - HOUR, "qualified_while_paused"), (T0, "enters"), (T0 + HOUR, "enters"), (None, "enters")],
)
def test_who_qualified_while_paused_does_not_enter_after_the_resume(qualified_at, expected):
    """journeys.md §5, row "Pause Entry / Resume Entry"."""
    assert code([], replace(PLAIN, entries_from=T0), qualified_at=qualified_at) == expected


def test_nobody_is_in_a_version_twice_at_a_time():
    assert code([PriorRun(version=2)], WITH_REENTRY) == "already_in"


def test_without_reentry_one_run_is_all():
    """journeys.md §5.1: re-entry needs both exit time and re-entry time."""
    assert code([ended(2, "exited")], WITH_EXIT) == "no_reentry"


@pytest.mark.parametrize(
    ("reentry_at", "expected"), [(T0 + HOUR, "reentry_later"), (T0, "reenters"), (T0 - HOUR, "reenters")]
)
def test_reentry_waits_for_its_time(reentry_at, expected):
    """journeys.md §5.1: once the re-entry time has passed the user re-enters as soon as the entry condition holds."""
    assert code([ended(2, "exited", reentry_at=reentry_at)], WITH_REENTRY) == expected


def test_the_newest_exit_counts_for_reentry():
    prior = [ended(2, "exited", ago=60 * DAY, reentry_at=T0 - 30 * DAY), ended(2, "exited", reentry_at=T0 + HOUR)]

    assert code(prior, WITH_REENTRY) == "reentry_later"


@pytest.mark.parametrize(
    ("prior", "version", "expected"),
    [
        pytest.param(PriorRun(version=1), WITH_EXIT, "in_other_version", id="exit on, V1 paused, still in V1"),
        pytest.param(ended(1, "exited"), WITH_EXIT, "enters", id="exit on, V1 paused, exited V1"),
        pytest.param(
            ended(1, "exited", reentry_at=T0 + DAY), WITH_REENTRY, "enters", id="exit on, V1's re-entry time is V1's"
        ),
        pytest.param(ended(1, "replaced"), WITH_EXIT, "enters", id="exit on, V1 archived on publishing V2"),
        pytest.param(ended(1, "archived"), WITH_EXIT, "archived_before_exit", id="exit on, V1 archived before exits"),
        pytest.param(PriorRun(version=1), PLAIN, "enters", id="exit off, V1 paused, still in V1"),
        pytest.param(ended(1, "replaced"), PLAIN, "enters", id="exit off, V1 archived on publishing V2"),
        pytest.param(ended(1, "archived"), PLAIN, "enters", id="exit off, V1 archived later"),
        pytest.param(PriorRun(version=1), replace(PLAIN, excludes_earlier=True), "excluded", id="exclusion, in V1"),
        pytest.param(
            ended(1, "exited"), replace(WITH_EXIT, excludes_earlier=True), "excluded", id="exclusion, exited V1"
        ),
        pytest.param(
            ended(1, "replaced"), replace(PLAIN, excludes_earlier=True), "excluded", id="exclusion, V1 archived"
        ),
    ],
)
def test_people_of_an_earlier_version(prior, version, expected):
    """journeys.md §5.2, one case a row and kind of earlier run."""
    assert code([prior], version) == expected


@pytest.mark.parametrize("reason", ["moved", "merged", "deleted"])
def test_runs_that_ended_by_being_replaced_elsewhere_do_not_count(reason):
    assert code([ended(1, reason), ended(2, reason)], replace(WITH_EXIT, excludes_earlier=True)) == "enters"


def test_a_refusal_says_why():
    entering = may_enter([ended(2, "exited", reentry_at=T0 + DAY)], WITH_REENTRY, T0)

    assert not entering.allowed
    assert entering.sentence == "Did not enter: may enter again from 2026-03-02T12:00:00Z."
