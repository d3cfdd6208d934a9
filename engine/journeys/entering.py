"""Whether somebody whose entry condition holds may enter a version now (journeys.md §5, §5.1, §5.2)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from engine.conditions.evidence import iso

PUBLISHED = "published"
EXITED, REPLACED, ARCHIVED = "exited", "replaced", "archived"
ENDS_OF_ENTRIES = frozenset({EXITED, REPLACED, ARCHIVED})
"""Ends of a run that count as having been in; others (moved, merged, deleted) have another run in their place."""


@dataclass(frozen=True, kw_only=True)
class PriorRun:
    """An earlier run of the person in the journey. `version` is the version's number."""

    version: int
    ended_at: datetime | None = None
    end_reason: str = ""
    reentry_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class VersionFacts:
    """The version to be entered. `entries_from`: who qualified before it does not enter (set by Resume entry)."""

    number: int
    state: str = PUBLISHED
    has_exit: bool = False
    has_reentry: bool = False
    excludes_earlier: bool = False
    entries_from: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Entering:
    """`code` is stable; `sentence` tells a person why."""

    allowed: bool
    code: str
    sentence: str


ENTERS = Entering(allowed=True, code="enters", sentence="Entered: the entry condition holds.")
REENTERS = Entering(allowed=True, code="reenters", sentence="Entered again: the re-entry time has passed.")


def may_enter(
    prior: Sequence[PriorRun], version: VersionFacts, now: datetime, *, qualified_at: datetime | None = None
) -> Entering:
    """Whether a person whose entry condition holds enters `version` at `now`, and why (not).

    `prior` are all runs of the person in the journey, of any version. `qualified_at` is when the entry condition
    became true; None if it was not a transition that brought the person here (a re-entry that is due).
    """
    asked = _Asked(prior=prior, version=version, now=now, qualified_at=qualified_at)
    if not prior and version.state == PUBLISHED and version.entries_from is None:
        return ENTERS
    refusal = next((found for rule in RULES if (found := rule(asked)) is not None), None)
    if refusal is not None:
        return refusal
    return REENTERS if any(run.version == version.number for run in asked.counted) else ENTERS


@dataclass(frozen=True, kw_only=True)
class _Asked:
    prior: Sequence[PriorRun]
    version: VersionFacts
    now: datetime
    qualified_at: datetime | None

    @property
    def counted(self) -> list[PriorRun]:
        """Runs that say that the person has been in: open ones, and those whose end is an end."""
        return [run for run in self.prior if run.ended_at is None or run.end_reason in ENDS_OF_ENTRIES]

    @property
    def same(self) -> list[PriorRun]:
        return [run for run in self.counted if run.version == self.version.number]

    @property
    def others(self) -> list[PriorRun]:
        return [run for run in self.counted if run.version != self.version.number]


def _is_live(asked: _Asked) -> Entering | None:
    if asked.version.state == PUBLISHED:
        return None
    sentences = {
        "draft": "Did not enter: the version is not published.",
        "paused": "Did not enter: entry is paused.",
        "draining": "Did not enter: a newer version was published.",
        "archived": "Did not enter: the version is archived.",
    }
    detail = sentences.get(asked.version.state, "Did not enter: the version is not live.")
    return Entering(allowed=False, code=f"version_{asked.version.state}", sentence=detail)


def _qualified_in_time(asked: _Asked) -> Entering | None:
    since, qualified = asked.version.entries_from, asked.qualified_at
    if since is None or qualified is None or qualified >= since:
        return None
    detail = "Did not enter: qualified while entry was paused, and people who did are not taken in later."
    return Entering(allowed=False, code="qualified_while_paused", sentence=detail)


def _is_not_in(asked: _Asked) -> Entering | None:
    if all(run.ended_at is not None for run in asked.same):
        return None
    return Entering(allowed=False, code="already_in", sentence="Did not enter: is in the journey already.")


def _may_be_in_again(asked: _Asked) -> Entering | None:
    if not asked.same:
        return None
    if not asked.version.has_reentry:
        detail = "Did not enter: has been in the journey before, and re-entry is off."
        return Entering(allowed=False, code="no_reentry", sentence=detail)
    waits = [run.reentry_at for run in asked.same if run.reentry_at is not None and run.reentry_at > asked.now]
    if not waits:
        return None
    detail = f"Did not enter: may enter again from {iso(max(waits))}."
    return Entering(allowed=False, code="reentry_later", sentence=detail)


def _is_not_excluded(asked: _Asked) -> Entering | None:
    if not asked.version.excludes_earlier or not asked.others:
        return None
    detail = "Did not enter: was in another version, and this version excludes people of earlier ones."
    return Entering(allowed=False, code="excluded", sentence=detail)


def _has_left_other_versions(asked: _Asked) -> Entering | None:
    if not asked.version.has_exit:
        return None
    if any(run.ended_at is None for run in asked.others):
        detail = "Did not enter: is still in another version, and may enter this one after leaving it."
        return Entering(allowed=False, code="in_other_version", sentence=detail)
    if any(run.end_reason == ARCHIVED for run in asked.others):
        detail = "Did not enter: was in another version when that was archived, so never reached its exit."
        return Entering(allowed=False, code="archived_before_exit", sentence=detail)
    return None


RULES: tuple[Callable[[_Asked], Entering | None], ...] = (
    _is_live, _qualified_in_time, _is_not_in, _is_not_excluded, _has_left_other_versions, _may_be_in_again,
)  # fmt: skip
"""The first that objects decides."""
