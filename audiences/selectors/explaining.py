"""Why a profile is or is not in an audience: the definition's tree with a verdict and the evidence at every node."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Q
from django.utils import timezone

from audiences.models import Audience, Membership
from audiences.selectors.profile_states import MOST_EVENTS, LoadedState, load_state
from audiences.services.definitions import checked
from audiences.services.steps import step_source
from engine import conditions
from engine.conditions import Condition, Evidence, Options, predict_flip
from engine.conditions.instants import UNITS
from profiles.masking import masked, masked_identifier
from profiles.models import ACCOUNTS, Profile
from profiles.selectors import detail
from spaces.models import Space

OPERATORS = {"gte": "at least", "gt": "more than", "lte": "at most", "lt": "fewer than", "eq": "exactly"}
KINDS = ("all", "any", "not", "event", "trait", "audience", "identifier", "journey_step", "users")
GROUPS = {"all": "All of these", "any": "At least one of these", "not": "Not this"}
QUANTIFIERS = {"any": "Any of its users", "all": "All of its users", "none": "None of its users"}
MICROSECOND = timedelta(microseconds=1)
LONGEST_VALUE = 200
TOO_MANY = (
    f"This profile has more than {MOST_EVENTS:,} events that the definition looks at. The latest of them are shown; "
    "the stored membership counts all."
)
BEHIND = "What is stored differs for the moment: {reason}"


@dataclass(frozen=True, kw_only=True)
class CountedEvent:
    """An event that counts now. `until` is when it stops counting by itself; None: never, or it is not known."""

    id: int
    at: datetime
    until: datetime | None


@dataclass(frozen=True, kw_only=True)
class ExplainedNode:
    """One condition or group. `found` says in words what there is; `path` is its JSON pointer.

    `window` are the bounds between which events count now, either may be None. `reference` is the audience that is
    asked about, to explain it next. `owner` is the Segment ID of the profile that the events are of; `who` names the
    user of an account that this part is about.
    """

    path: str
    kind: str
    sentence: str
    holds: bool
    changes_at: datetime | None
    found: str = ""
    events: tuple[CountedEvent, ...] = ()
    count: int | None = None
    window: tuple[datetime | None, datetime | None] | None = None
    reference: Audience | None = None
    owner: str = ""
    who: str = ""
    children: tuple[ExplainedNode, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def count_beyond(self) -> int:
        """How many events count beside those that are named."""
        return (self.count or 0) - len(self.events)

    def as_json(self) -> dict[str, Any]:
        """For the API: as `Evidence.as_json`, in snake_case and with the window."""
        window = self.window or (None, None)
        return {
            "path": self.path,
            "kind": self.kind,
            "profile": self.owner,
            "sentence": self.sentence,
            "holds": self.holds,
            "changes_at": self.changes_at,
            "found": self.found,
            "window": None if self.window is None else {"from": window[0], "to": window[1]},
            "facts": self.facts,
            "events": [{"id": str(event.id), "at": event.at, "until": event.until} for event in self.events],
            "children": [child.as_json() for child in self.children],
        }


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """`is_member` is the verdict at `at`; `changes_at` when time alone makes it another, None if never.

    `stored` is the membership as kept (None for a definition that is not saved) since `since`; `caveat` says why the
    two may differ.
    """

    sentence: str
    at: datetime
    is_member: bool
    changes_at: datetime | None
    root: ExplainedNode
    stored: bool | None = None
    since: datetime | None = None
    caveat: str = ""

    @property
    def top(self) -> ExplainedNode:
        """Where a page begins: an outermost group of one says no more than what is in it."""
        is_group_of_one = self.root.kind in {"all", "any"} and len(self.root.children) == 1
        return self.root.children[0] if is_group_of_one else self.root


def explain_membership(
    *, audience: Audience, profile: Profile, shows_pii: bool, now: datetime | None = None
) -> Explanation:
    """Explain a stored audience for a profile of its collection, member or not."""
    now = now or timezone.now()
    explained = explain_definition(
        space=audience.space,
        definition=audience.definition,
        options=Options(include_anonymous=audience.include_anonymous, historical_from=audience.historical_from),
        profile=profile,
        shows_pii=shows_pii,
        now=now,
        audience=audience,
    )
    row = Membership.objects.filter(space_id=audience.space_id, audience_id=audience.pk, profile_id=profile.id).first()
    stored = bool(row and row.is_member)
    caveat = explained.caveat
    if stored is not explained.is_member and not caveat:
        caveat = BEHIND.format(reason=_lag(audience))
    return Explanation(
        sentence=explained.sentence,
        at=explained.at,
        is_member=explained.is_member,
        changes_at=explained.changes_at,
        root=explained.root,
        stored=stored,
        since=row.changed_at if row else None,
        caveat=caveat,
    )


def _lag(audience: Audience) -> str:
    if not audience.is_enabled:
        return "the audience is disabled, so nothing is computed. Enable it to bring its members up to date."
    if audience.status != "Live":
        return f"the audience is {audience.status}, its members are being found."
    return "the latest change of this profile is being computed. Look again in some seconds."


def explain_definition(
    *,
    space: Space,
    definition: Any,
    options: Options,
    profile: Profile,
    shows_pii: bool,
    now: datetime | None = None,
    audience: Audience | None = None,
) -> Explanation:
    """Explain a definition that need not be saved. Raises DefinitionError with all its problems."""
    condition = checked(space=space, definition=definition, audience=audience)
    now = now or timezone.now()
    loaded = load_state(space=space, profile=profile, condition=condition)
    verdict = conditions.evaluate(condition, loaded.state, now, options)
    teller = _Teller(space=space, definition=definition, condition=condition, now=now, shows_pii=shows_pii)
    return Explanation(
        sentence=conditions.describe(condition),
        at=now,
        is_member=verdict.is_member,
        changes_at=_flip(condition, loaded, now, options),
        root=teller.node(verdict.evidence, profile.segment_id),
        caveat=TOO_MANY if loaded.is_cut else "",
    )


def _flip(condition: Condition, loaded: LoadedState, now: datetime, options: Options) -> datetime | None:
    return None if loaded.is_cut else predict_flip(condition, loaded.state, now, options)


class _Teller:
    """Evidence to nodes with words, bounds and links."""

    def __init__(
        self, *, space: Space, definition: Mapping[str, Any], condition: Condition, now: datetime, shows_pii: bool
    ) -> None:
        self.space = space
        self.definition = definition
        self.look_back = condition.look_back
        self.now = now
        self.shows_pii = shows_pii
        mentioned = conditions.mentions(condition)
        named = mentioned.audiences
        steps = step_source().steps(space=space, names=mentioned.journey_steps) if mentioned.journey_steps else []
        self.steps = {name: step.label for step in steps for name in step.names}
        rows: Iterable[Audience] = (
            Audience.objects.in_space(space).live().filter(Q(key__in=named) | Q(public_id__in=named)) if named else ()
        )
        self.audiences = {name: row for row in rows for name in (row.key, row.public_id)}

    def node(self, evidence: Evidence, owner: str, who: str = "") -> ExplainedNode:
        raw = _at(self.definition, evidence.path)
        kind = next((name for name in KINDS if name in raw), "known") if evidence.path else "known"
        if "quantifier" in evidence.facts:
            kind = "users"
            users = evidence.facts["shown"]
            names = self._names(users)
            children = tuple(
                self.node(child, user, names.get(user, user))
                for child, user in zip(evidence.children, users, strict=True)
            )
        else:
            children = tuple(self.node(child, owner) for child in evidence.children)
        window = self._window(raw) if kind == "event" else None
        return ExplainedNode(
            path=evidence.path,
            kind=kind,
            sentence=self._sentence(kind, raw, evidence),
            holds=evidence.holds,
            changes_at=evidence.changes_at,
            found=self._found(kind, raw, evidence, owner),
            events=tuple(self._event(raw, event) for event in evidence.facts.get("events", ())),
            count=evidence.facts.get("count"),
            window=window,
            reference=self._reference(raw, owner) if kind == "audience" else None,
            owner=owner,
            who=who,
            children=children,
            facts=self._shown_facts(kind, raw, evidence.facts),
        )

    def _reference(self, raw: Mapping[str, Any], owner: str) -> Audience | None:
        """The audience that is asked about, when the same profile can be explained in it."""
        known = self.audiences.get(raw.get("audience", ""))
        is_of_accounts = known is not None and known.collection == ACCOUNTS
        return known if is_of_accounts is owner.startswith("acc_") else None

    def _sentence(self, kind: str, raw: Mapping[str, Any], evidence: Evidence) -> str:
        if kind in GROUPS:
            return GROUPS[kind]
        if kind == "users":
            return QUANTIFIERS[evidence.facts["quantifier"]]
        if kind == "journey_step":
            is_in = "Are" if raw.get("member", True) else "Are not"
            return f"{is_in} in the journey step “{self.steps.get(raw['journey_step'], raw['journey_step'])}”"
        if kind == "audience" and (known := self.audiences.get(raw["audience"])):
            return f"{'Are' if raw.get('member', True) else 'Are not'} part of the audience “{known.name}”"
        text = evidence.sentence
        return text[:1].upper() + text[1:]

    def _found(self, kind: str, raw: Mapping[str, Any], evidence: Evidence, owner: str) -> str:  # noqa: PLR0911 - one a kind
        facts = evidence.facts
        if kind == "users":
            number, matching = facts["users"], facts["matching"]
            shown = f"; {len(evidence.children)} are shown" if len(evidence.children) < number else ""
            return f"{matching:,} of {number:,} user{'' if number == 1 else 's'}{shown}"
        if kind in {"all", "any"} and evidence.children:
            holding = sum(child.holds for child in evidence.children)
            return f"{holding} of {len(evidence.children)} hold{'s' if holding == 1 else ''}"
        if "count" in facts and "wanted" in facts:
            operator, number = next(iter(facts["wanted"].items()))
            counted = facts["count"]
            if operator == "gte" and counted < number:
                return f"{counted:,} of {number:,} needed"
            if operator == "gte":
                return f"{counted:,} found, {number:,} needed"
            return f"{counted:,} found, {OPERATORS[operator]} {number:,} wanted"
        if "value" in facts:
            if facts.get("isMissing"):
                return "The profile has no such trait"
            return f"The value is {self._value(facts['value'], str(raw.get('trait', '')))}"
        if "isMember" in facts:
            what = "person" if owner.startswith("use_") else "account"
            if kind == "journey_step":
                return "The person is in it" if facts["isMember"] else "The person is not in it"
            return f"The {what} is {'a member' if facts['isMember'] else 'not a member'}"
        if "values" in facts:
            return self._identifiers(str(raw.get("identifier", "")), facts["values"])
        if "missing" in facts:
            return "There is no user ID, e-mail address or mobile ID, and anonymous profiles are not included"
        return ""

    def _names(self, segment_ids: Sequence[str]) -> dict[str, str]:
        """What people call the users of an account."""
        profiles = list(Profile.objects.in_space(self.space).filter(segment_id__in=list(segment_ids)))
        found = {row["profile"].segment_id: str(row["name"]) for row in detail.named(self.space, profiles)}
        if self.shows_pii:
            return found
        return {segment_id: str(masked(name, "name")) for segment_id, name in found.items()}

    def _identifiers(self, id_type: str, values: Sequence[str]) -> str:
        if not values:
            return "The profile has none"
        shown = [value if self.shows_pii else masked_identifier(id_type, value) for value in values[:3]]
        more = len(values) - len(shown)
        return f"The profile has {', '.join(shown)}" + (f" and {more} more" if more else "")

    def _value(self, value: Any, trait: str) -> str:
        shown = plain(value if self.shows_pii else masked(value, trait.rpartition(".")[2]))
        text = f"“{shown}”" if isinstance(shown, str) else json.dumps(shown, ensure_ascii=False)
        return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}…"

    def _shown_facts(self, kind: str, raw: Mapping[str, Any], facts: Mapping[str, Any]) -> dict[str, Any]:
        shown = {key: plain(value) for key, value in facts.items()}
        if self.shows_pii:
            return shown
        if "value" in shown:
            shown["value"] = masked(shown["value"], str(raw.get("trait", "")).rpartition(".")[2])
        if "values" in shown:
            shown["values"] = [masked_identifier(str(raw.get("identifier", "")), value) for value in shown["values"]]
        return shown

    def _event(self, raw: Mapping[str, Any], event: Mapping[str, Any]) -> CountedEvent:
        at = datetime.fromisoformat(event["timestamp"]).astimezone(UTC)
        window = raw.get("window") or {}
        span = self._narrower(_span(window.get("within") or (window.get("between") or {}).get("from")))
        try:
            until = None if span is None else at + span
        except OverflowError:
            until = None
        return CountedEvent(id=int(event["id"]), at=at, until=until)

    def _narrower(self, span: timedelta | None) -> timedelta | None:
        """How long an event counts, by its window and by how far back the definition looks."""
        spans = [span] if span is not None else []
        if self.look_back is not None:
            spans.append(self.look_back.micros * MICROSECOND)
        return min(spans, default=None)

    def _window(self, raw: Mapping[str, Any]) -> tuple[datetime | None, datetime | None] | None:
        """Between which times events count now, at what the definition looks back."""
        bounds = self._own_window(raw)
        span = self._narrower(None)
        if span is None:
            return bounds
        try:
            earliest = self.now - span
        except OverflowError:
            return bounds
        if bounds is None:
            return earliest, self.now
        start, end = bounds
        return (earliest if start is None else max(start, earliest)), end

    def _own_window(self, raw: Mapping[str, Any]) -> tuple[datetime | None, datetime | None] | None:
        window = raw.get("window")
        if not window:
            return None
        try:
            if "within" in window:
                return self.now - (_span(window["within"]) or timedelta()), self.now
            if "between" in window:
                bounds = window["between"]
                return (
                    self.now - (_span(bounds["from"]) or timedelta()),
                    self.now - (_span(bounds["to"]) or timedelta()),
                )
        except OverflowError:
            return None
        if "since" in window:
            return _instant(window["since"]), None
        return None, _instant(window["before"])


def plain(value: Any) -> Any:
    """JSON data as it was sent: exact numbers as int where they are whole, else float."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value


def _span(duration: Mapping[str, int] | None) -> timedelta | None:
    if not duration:
        return None
    unit, amount = next(iter(duration.items()))
    return UNITS[unit] * amount * MICROSECOND


def _instant(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _at(definition: Mapping[str, Any], path: str) -> Mapping[str, Any]:
    """The part of a definition at a JSON pointer that `evaluate` made: keys and indexes without escapes."""
    found: Any = definition
    for step in path.split("/")[1:]:
        if isinstance(found, Mapping):
            found = found.get(step)
        elif isinstance(found, Sequence) and step.isdigit() and int(step) < len(found):
            found = found[int(step)]
    return found if isinstance(found, Mapping) else {}
