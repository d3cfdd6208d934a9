"""Why a profile has its value of a trait: the events, row or figures behind it, and when it changes by itself."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import connection
from django.utils import timezone

from audiences.selectors.explaining import plain
from audiences.selectors.profile_states import MOST_EVENTS, load_mentioned
from engine.conditions.profile_state import Options
from engine.traits import EventTrait, mentions_of
from engine.traits.describing import value_name
from engine.traits.explaining import Account, Check, Seen, explain, is_same
from engine.traits.predictions import KIND as PREDICTION
from engine.traits.sql import SQL
from profiles.masking import masked
from profiles.models import Profile
from profiles.selectors import detail
from spaces.models import Space
from traits.models import Trait
from traits.selectors.explaining_predictions import ExplainedScore, explain_score
from traits.selectors.explaining_sql import ExplainedRow, explain_row
from traits.selectors.masking import masked_value
from traits.selectors.traits import describe
from traits.selectors.values import shown
from traits.services.definitions import parsed

MOST_SHOWN = 20
TOO_MANY = (
    f"This profile has more than {MOST_EVENTS:,} events that the trait looks at. The latest of them are shown; the "
    "stored value counts all."
)
BEHIND = "What is stored differs for the moment: {reason}"
NOT_FORESEEN = "So many events come and go that the next change was not looked for."


@dataclass(frozen=True, kw_only=True)
class ShownEvent:
    """An event of the right name; see `engine.traits.explaining.Seen`. `text` is its value for people."""

    id: int
    at: datetime
    owner: str
    who: str
    value: Any
    text: str
    why: str
    note: str
    since: datetime | None
    until: datetime | None
    is_decisive: bool

    def as_json(self) -> dict[str, Any]:
        return {
            "id": str(self.id),
            "at": self.at,
            "profile": self.owner,
            "value": self.value,
            "decides": self.is_decisive,
            "note": self.note,
            "left_out_because": self.why,
            "since": self.since,
            "until": self.until,
        }


@dataclass(frozen=True, kw_only=True)
class ExplainedEvents:
    """The part of an explanation that is about events. `counted` and `left_out` are the first MOST_SHOWN of each.

    `counted_total` events count, `used` of them with a value that matters; `found` says so in words.
    """

    checks: Sequence[Check]
    counted: list[ShownEvent]
    counted_total: int
    used: int
    left_out: list[ShownEvent]
    left_out_total: int
    window: tuple[datetime | None, datetime | None] | None
    value_name: str
    found: str

    @property
    def counted_beyond(self) -> int:
        return self.counted_total - len(self.counted)

    @property
    def left_out_beyond(self) -> int:
        return self.left_out_total - len(self.left_out)

    def as_json(self) -> dict[str, Any]:
        window = self.window or (None, None)
        return {
            "window": None if self.window is None else {"from": window[0], "to": window[1]},
            "checks": [{"sentence": each.sentence, "passed": each.passed, "of": each.of} for each in self.checks],
            "found": self.found,
            "counted": self.counted_total,
            "events": [event.as_json() for event in self.counted],
            "left_out": self.left_out_total,
            "left_out_events": [event.as_json() for event in self.left_out],
        }


@dataclass(frozen=True, kw_only=True)
class TraitExplanation:
    """`stored` is the value as kept since `since`, `value` as computed at `at`; both None where there is none.

    `changes_at` is when time alone makes it `becomes`; of SQL traits and predictions `next_run_at` is when it is looked
    at again. `caveat` says why the two may differ. One of `events`, `row` and `score` is the evidence.
    """

    sentence: str
    at: datetime
    value: Any
    stored: Any
    since: datetime | None
    changes_at: datetime | None = None
    becomes: Any = None
    next_run_at: datetime | None = None
    caveat: str = ""
    events: ExplainedEvents | None = None
    row: ExplainedRow | None = None
    score: ExplainedScore | None = None
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def text(self) -> str:
        return "" if self.value is None else shown(self.value)

    @property
    def stored_text(self) -> str:
        return "" if self.stored is None else shown(self.stored)

    @property
    def becomes_text(self) -> str:
        return "" if self.becomes is None else shown(self.becomes)

    @property
    def differs(self) -> bool:
        return not is_same(self.value, self.stored)

    def as_json(self) -> dict[str, Any]:
        """For the API: the evidence under `events`, `row` or `score`."""
        return {
            "sentence": self.sentence,
            "at": self.at,
            "value": self.value,
            "stored": self.stored,
            "since": self.since,
            "changes_at": self.changes_at,
            "becomes": self.becomes,
            "next_run_at": self.next_run_at,
            "caveat": self.caveat,
            "events": self.events.as_json() if self.events else None,
            "row": self.row.as_json() if self.row else None,
            "score": self.score.as_json() if self.score else None,
        }


def explain_value(*, trait: Trait, profile: Profile, shows_pii: bool, now: datetime | None = None) -> TraitExplanation:
    """Explain a stored trait for a profile of its collection, with a value or without."""
    now = now or timezone.now()
    stored, since = _stored(trait, profile)
    if trait.kind == SQL:
        row = explain_row(
            trait=trait, profile=profile, has_value=stored is not None, changed_at=since, shows_pii=shows_pii
        )
        value = _shown(stored, trait, shows_pii)
        return TraitExplanation(
            sentence=describe(trait),
            at=now,
            value=value,
            stored=value,
            since=since,
            next_run_at=row.next_run_at,
            caveat=row.caveat,
            row=row,
        )
    if trait.kind == PREDICTION:
        score = explain_score(trait=trait, profile=profile, stored=stored, since=since)
        return TraitExplanation(
            sentence=describe(trait),
            at=now,
            value=score.value,
            stored=plain(stored),
            since=since,
            next_run_at=score.next_run_at,
            caveat=score.caveat,
            score=score,
        )
    return _explain_events(trait, profile, stored, since, shows_pii=shows_pii, now=now)


def _stored(trait: Trait, profile: Profile) -> tuple[Any, datetime | None]:
    """The value, its numbers exact, and since when it is that; (None, None) where there never was one."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT value::text, changed_at FROM trait_value WHERE space_id = %s AND trait_id = %s AND profile_id = %s",
            [trait.space_id, trait.pk, profile.id],
        )
        found = cursor.fetchone()
    if found is None:
        return None, None
    return None if found[0] is None else json.loads(found[0], parse_float=Decimal), found[1]


def _shown(value: Any, trait: Trait, shows_pii: bool) -> Any:
    value = plain(value)
    return value if shows_pii or value is None else masked_value(value, trait)


def _explain_events(
    trait: Trait, profile: Profile, stored: Any, since: datetime | None, *, shows_pii: bool, now: datetime
) -> TraitExplanation:
    definition: EventTrait = parsed(trait)
    loaded = load_mentioned(space=trait.space, profile=profile, mentioned=mentions_of(definition))
    account = explain(definition, loaded.state, now, Options(historical_from=trait.historical_from))
    caveat = TOO_MANY if loaded.is_cut else "" if account.is_known else NOT_FORESEEN
    if not loaded.is_cut and not is_same(account.value, stored):
        caveat = BEHIND.format(reason=_lag(trait))
    return TraitExplanation(
        sentence=describe(trait),
        at=now,
        value=_shown(account.value, trait, shows_pii),
        stored=_shown(stored, trait, shows_pii),
        since=since,
        changes_at=None if loaded.is_cut else account.changes_at,
        becomes=None if loaded.is_cut else _shown(account.becomes, trait, shows_pii),
        caveat=caveat,
        events=_events(trait, definition, account, shows_pii=shows_pii),
    )


def _lag(trait: Trait) -> str:
    if not trait.is_enabled:
        return "the trait is disabled, so nothing is computed. Enable it to bring its values up to date."
    if trait.status != "Live":
        return f"the trait is {trait.status}, values are being computed."
    return "the latest change of this profile is being computed. Look again in some seconds."


def _events(trait: Trait, definition: EventTrait, account: Account, *, shows_pii: bool) -> ExplainedEvents:
    counted, left_out = account.counted[:MOST_SHOWN], account.left_out[:MOST_SHOWN]
    names = _names(trait.space, {one.owner for one in (*counted, *left_out)}, shows_pii=shows_pii)
    is_of_users = definition.collection == "accounts"

    def one(seen: Seen) -> ShownEvent:
        value = _shown(seen.value, trait, shows_pii)
        return ShownEvent(
            id=int(seen.id),
            at=seen.at,
            owner=seen.owner,
            who=names.get(seen.owner, seen.owner) if is_of_users else "",
            value=value,
            text="" if value is None else shown(value),
            why=seen.why,
            note=seen.note,
            since=seen.since,
            until=seen.until,
            is_decisive=seen.is_decisive,
        )

    return ExplainedEvents(
        checks=account.checks,
        counted=[one(seen) for seen in counted],
        counted_total=len(account.counted),
        used=account.used,
        left_out=[one(seen) for seen in left_out],
        left_out_total=len(account.left_out),
        window=account.window,
        value_name=value_name(definition),
        found=_found(definition, account),
    )


def _found(definition: EventTrait, account: Account) -> str:
    """How the value is made of what counts."""
    counted, used = len(account.counted), account.used
    if account.value is None:
        return _nothing(definition, account)
    events = f"{counted:,} event{'' if counted == 1 else 's'}"
    values = f"{used:,} value{'' if used == 1 else 's'}"
    name = value_name(definition)
    match definition.kind:
        case "event_counter":
            return f"{events} count{'s' if counted == 1 else ''}"
        case "aggregation":
            what = {"sum": "The sum", "avg": "The average", "min": "The lowest", "max": "The highest"}
            return f"{what[definition.aggregate]} of {values} of “{name}”"
        case "most_frequent":
            times = sum(1 for one in account.counted if one.is_decisive)
            return f"Seen {times:,} times, more often than any other of {values} of “{name}”, or first of them by order"
        case "first" | "last":
            which = "earliest" if definition.kind == "first" else "latest"
            return f"“{name}” of the {which} of {events}"
    return f"The different ones among {values} of “{name}”"


def _nothing(definition: EventTrait, account: Account) -> str:
    if not account.counted:
        return "No event counts, so there is no value"
    if not account.used:
        return f"{len(account.counted):,} events count, and none has a “{value_name(definition)}” that can be used"
    if definition.kind == "most_frequent":
        return f"No value was seen {definition.minimum} times, the fewest that it takes"
    return "There is no value"


def _names(space: Space, segment_ids: set[str], *, shows_pii: bool) -> dict[str, str]:
    """What people call the users of an account."""
    profiles = list(Profile.objects.in_space(space).filter(segment_id__in=segment_ids))
    found = {row["profile"].segment_id: str(row["name"]) for row in detail.named(space, profiles)}
    return found if shows_pii else {each: str(masked(name, "name")) for each, name in found.items()}
