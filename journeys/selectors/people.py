"""Who is, waits or was at a step: pages of people, and all of them as CSV (journeys.md §6)."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection as database

from journeys.models import JourneyStep, JourneyVersion
from journeys.selectors.analytics import DateRange
from profiles.masking import masked, masked_identifier
from profiles.models import USERS, ExternalId, ObservedField, Profile
from profiles.selectors.detail import display_name
from profiles.selectors.search import identifier_types, identifiers_of, profiles_by_id
from spaces.models import Space

PAGE_SIZE = 50
CSV_BLOCK = 1_000
MAX_ID = 2**63 - 1
# Which positions of a step a list shows. *here* and *waiting* are now, *joined* and *passed* happened in a range.
SHOWS = {
    "here": ("Here now", "p.joined_at IS NOT NULL AND p.left_at IS NULL"),
    "waiting": ("Waiting now", "p.joined_at IS NULL AND p.left_at IS NULL"),
    "joined": ("Entered the step", "p.joined_at IS NOT NULL"),
    "passed": ("Passed", "p.joined_at IS NOT NULL AND p.left_at IS NOT NULL"),
}
INSTANT_OF = {"joined": "p.joined_at", "passed": "p.left_at"}
FIRST_ONLY = """ AND NOT EXISTS (
    SELECT 1 FROM journey_position e WHERE e.space_id = p.space_id AND e.profile_id = p.profile_id
    AND e.step_id = p.step_id AND e.version_id = p.version_id AND e.joined_at IS NOT NULL
    AND (e.joined_at, e.run_id) < (p.joined_at, p.run_id)
)"""
PEOPLE = """
SELECT r.id, r.profile_id, p.arrived_at, p.joined_at, p.left_at, p.wake_at, p.branch
FROM journey_run r JOIN journey_position p
    ON p.space_id = r.space_id AND p.profile_id = r.profile_id AND p.run_id = r.id AND p.step_id = %(step)s
WHERE r.space_id = %(space)s AND r.version_id = %(version)s AND r.id < %(before)s AND {where}
ORDER BY r.id DESC LIMIT %(limit)s
"""
# What spreadsheets take for a formula when a cell begins with it.
FORMULA = ("=", "@", "\t", "\r")


@dataclass(frozen=True, kw_only=True)
class Person:
    """A profile as lists show it to a member: masked where the right to see personal data is missing."""

    profile: Profile
    name: str
    identifiers: list[tuple[str, str]]

    def first(self, id_type: str) -> str:
        return next((value for kind, value in self.identifiers if kind == id_type), "")

    @property
    def user_id(self) -> str:
        return self.first("user_id")

    @property
    def email(self) -> str:
        return self.first("email")


@dataclass(frozen=True, kw_only=True)
class AtStep:
    """A run at the step. `person` is None when the profile was deleted."""

    run_id: int
    profile_id: int
    person: Person | None
    arrived_at: datetime
    joined_at: datetime | None
    left_at: datetime | None
    wake_at: datetime | None
    branch: str


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which people of which step. `show` is a key of SHOWS; `unique`: only each person's first time."""

    version: JourneyVersion
    step: JourneyStep
    show: str = "here"
    span: DateRange | None = None
    unique: bool = False
    branch: str = ""


def people_at(wanted: Wanted, *, shows_pii: bool, after: str = "", size: int = PAGE_SIZE) -> tuple[list[AtStep], str]:
    """A page, latest entry first, and the cursor of the next page ("" on the last)."""
    rows = _rows(wanted, before=_cursor(after), limit=size + 1)
    page = rows[:size]
    people = people_of(wanted.version.journey.space, [row[1] for row in page], shows_pii=shows_pii)
    found = [
        AtStep(
            run_id=run_id,
            profile_id=profile_id,
            person=people.get(profile_id),
            arrived_at=arrived_at,
            joined_at=joined_at,
            left_at=left_at,
            wake_at=wake_at,
            branch=branch,
        )
        for run_id, profile_id, arrived_at, joined_at, left_at, wake_at, branch in page
    ]
    return found, str(page[-1][0]) if len(rows) > size else ""


def people_of(space: Space, profile_ids: Iterable[int], *, shows_pii: bool) -> dict[int, Person]:
    """Profiles by id, as this member may see them; those that are gone are left out."""
    profiles = profiles_by_id(space, profile_ids)
    identifiers = identifiers_of(space, profiles)
    return {
        profile_id: _person(profile, identifiers.get(profile_id, []), shows_pii=shows_pii)
        for profile_id, profile in profiles.items()
    }


def _person(profile: Profile, rows: Sequence[ExternalId], *, shows_pii: bool) -> Person:
    name = display_name(profile.traits, list(rows), profile.segment_id)
    shown = [(row.id_type, row.original if shows_pii else masked_identifier(row.id_type, row.original)) for row in rows]
    if not shows_pii and name != profile.segment_id and name not in {value for _kind, value in shown}:
        name = str(masked(name, "name"))
    return Person(profile=profile, name=name, identifiers=shown)


def _rows(wanted: Wanted, *, before: int, limit: int) -> list[tuple[Any, ...]]:
    where = SHOWS[wanted.show][1]
    params: dict[str, Any] = {
        "space": wanted.version.journey.space_id,
        "version": wanted.version.pk,
        "step": wanted.step.pk,
        "before": before,
        "limit": limit,
    }
    instant = INSTANT_OF.get(wanted.show)
    if wanted.span is not None and instant is not None:
        where += f" AND {instant} >= %(start)s AND {instant} < %(end)s"
        params |= {"start": wanted.span.start, "end": wanted.span.end}
    if wanted.branch:
        where += " AND p.branch = %(branch)s"
        params["branch"] = wanted.branch
    if wanted.unique and wanted.show == "joined":
        where += FIRST_ONLY
    with database.cursor() as cursor:
        cursor.execute(PEOPLE.format(where=where), params)
        return list(cursor.fetchall())


def _cursor(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else MAX_ID


FORMATS = {"unformatted": "Unformatted", "formatted": "Formatted"}
UNFORMATTED = ["user_key", "external_ids", "traits"]


def people_csv(wanted: Wanted, *, form: str, shows_pii: bool) -> Iterator[str]:
    """Everybody whom the list counts, once a person, as lines of CSV in the format of audiences (§10 of the spec).

    *Unformatted*: the Segment ID, identifiers and traits as JSON. *Formatted*: a column for each type of identifier and
    each trait; a second value of a type is joined to the first by a blank.
    """
    space = wanted.version.journey.space
    kinds, traits = _columns(space) if form == "formatted" else ([], [])
    yield _line(["user_key", *kinds, *traits] if form == "formatted" else UNFORMATTED)
    seen: set[int] = set()
    before = MAX_ID
    while rows := _rows(wanted, before=before, limit=CSV_BLOCK):
        before = rows[-1][0]
        ids = [row[1] for row in rows if row[1] not in seen]
        seen.update(ids)
        people = people_of(space, ids, shows_pii=shows_pii)
        for profile_id in dict.fromkeys(ids):
            person = people.get(profile_id)
            if person is not None:
                yield _line(
                    _formatted(person, kinds, traits, shows_pii) if kinds or traits else _plain(person, shows_pii)
                )
        if len(rows) < CSV_BLOCK:
            return


def _columns(space: Space) -> tuple[list[str], list[str]]:
    traits = (
        ObservedField.objects.filter(space_id=space.pk, scope="trait", event_type=USERS)
        .order_by("path")
        .values_list("path", flat=True)
    )
    kinds = identifier_types(space) or ["user_id"]
    return kinds, [path for path in traits if path not in kinds]


def _plain(person: Person, shows_pii: bool) -> list[str]:
    identifiers = [{"type": kind, "id": value} for kind, value in person.identifiers]
    return [
        person.profile.segment_id,
        json.dumps(identifiers, ensure_ascii=False),
        json.dumps(_traits(person, shows_pii), ensure_ascii=False, sort_keys=True),
    ]


def _formatted(person: Person, kinds: Sequence[str], traits: Sequence[str], shows_pii: bool) -> list[str]:
    found = _traits(person, shows_pii)
    ids = [" ".join(value for one, value in person.identifiers if one == kind) for kind in kinds]
    return [person.profile.segment_id, *ids, *(_cell(_at(found, path)) for path in traits)]


def _traits(person: Person, shows_pii: bool) -> dict[str, Any]:
    traits: dict[str, Any] = person.profile.traits
    return traits if shows_pii else {key: masked(value, key) for key, value in traits.items()}


def _at(traits: Any, path: str) -> Any:
    if isinstance(traits, dict) and path in traits:
        return traits[path]
    for part in path.split("."):
        traits = traits.get(part) if isinstance(traits, dict) else None
    return traits


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def _line(cells: Sequence[str]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerow(
        [f"'{cell}" if cell.startswith(FORMULA) else cell for cell in cells]
    )
    return out.getvalue()
