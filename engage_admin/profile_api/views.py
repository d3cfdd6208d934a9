"""The routes of the Profile API: traits, external ids, events, metadata, links."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from django.db.models import Q
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from audiences.selectors.audiences import audiences_of_profile
from common.errors import InvalidError
from engage_admin.profile_api.base import ProfileAPIView, cursor, flag_of, instant_of, limit_of, names_of
from journeys.selectors.profile import journey_values
from profiles.masking import MASK, hidden_traits, masked_identifier
from profiles.models import COLLECTION_NAMES, Event, EventType, ExternalId, Profile
from profiles.selectors.detail import EVENT_DAYS, context_of, linked_profiles, traits_of
from profiles.selectors.search import identifiers_of
from spaces.models import Source, Space
from traits.selectors.traits import computed_at as trait_times

AUDIENCE = "audience"
COMPUTED_TRAIT = "computed_trait"
CLASSES = ("", AUDIENCE, COMPUTED_TRAIT)
Row = TypeVar("Row")


@dataclass(frozen=True, kw_only=True)
class Value:
    """What is known under a key of the profile. `kind` is "" for a custom trait, else the class of its computation."""

    key: str
    value: Any
    updated_at: datetime | None
    kind: str = ""


def values_of(space: Space, profile: Profile) -> list[Value]:
    """Custom and computed traits (F061), audiences that the profile ever was in, and the keys of journeys (F012)."""
    found = {item.key: Value(key=item.key, value=item.value, updated_at=item.written_at) for item in traits_of(profile)}
    for key, computed_at in trait_times(space=space, profile=profile).items():
        if key in found:
            found[key] = Value(key=key, value=found[key].value, updated_at=computed_at, kind=COMPUTED_TRAIT)
    for audience in audiences_of_profile(space=space, profile=profile):
        if audience.changed_at is not None:
            key = audience.audience.key
            found[key] = Value(key=key, value=audience.is_member, updated_at=audience.changed_at, kind=AUDIENCE)
    for step in journey_values(space=space, profile=profile):
        found[step.key] = Value(key=step.key, value=step.value, updated_at=step.changed_at, kind=AUDIENCE)
    return [found[key] for key in sorted(found)]


class Traits(ProfileAPIView):
    def get(self, request: Request, **kwargs: Any) -> Response:
        """`{"traits", "cursor"}`; `class=audience` also answers the keys of journey steps."""
        limit = limit_of(request, default=10, most=200)
        wanted_class = request.query_params.get("class", "")
        if wanted_class not in CLASSES:
            raise InvalidError.at("/class", "class must be audience or computed_trait.")
        included = set(names_of(request, "include"))
        values = [
            item
            for item in values_of(self.space, self.profile)
            if (not wanted_class or item.kind == wanted_class) and (not included or item.key in included)
        ]
        page, following = paged(request, values, [item.key for item in values], limit)
        is_verbose = flag_of(request, "verbose")
        hidden = frozenset[str]() if self.shows_personal_data else hidden_traits(self.space.pk)
        page = [replace(item, value=MASK) if item.key in hidden else item for item in page]
        traits = {item.key: self._shown(item, is_verbose=is_verbose) for item in page}
        return Response({"traits": traits, "cursor": cursor(request, following=following, limit=limit)})

    def _shown(self, item: Value, *, is_verbose: bool) -> Any:
        value = self.shown(item.value, item.key)
        # Which source wrote a trait is not kept: the latest call wins, whoever sent it.
        return {"value": value, "source_id": None, "updated_at": _wire(item.updated_at)} if is_verbose else value


class ExternalIds(ProfileAPIView):
    def get(self, request: Request, **kwargs: Any) -> Response:
        """The identifiers, first added first."""
        limit = limit_of(request, default=25, most=200)
        included = set(names_of(request, "include"))
        rows = [
            row
            for row in identifiers_of(self.space, [self.profile.id]).get(self.profile.id, [])
            if not included or row.id_type in included
        ]
        page, following = paged(request, rows, [f"{row.id_type}:{row.value}" for row in rows], limit)
        sources = source_ids(self.space)
        data = [
            {
                "source_id": sources.get(row.source_id or 0),
                "collection": COLLECTION_NAMES[row.collection],
                "id": row.original if self.shows_personal_data else masked_identifier(row.id_type, row.original),
                "type": row.id_type,
                "created_at": _wire(row.created_at),
                "encoding": "none",
                "first_message_id": row.first_message_id,
            }
            for row in page
        ]
        return Response({"data": data, "cursor": cursor(request, following=following, limit=limit)})


class Events(ProfileAPIView):
    def get(self, request: Request, **kwargs: Any) -> Response:
        """The last 14 days, newest first unless `sort=asc`."""
        limit = limit_of(request, default=10, most=100)
        is_ascending = _sorting(request)
        rows = self._rows(request)
        if token := request.query_params.get("next"):
            at, event_id = _event_cursor(token)
            rows = (
                rows.filter(Q(ts__gt=at) | Q(ts=at, id__gt=event_id))
                if is_ascending
                else rows.filter(Q(ts__lt=at) | Q(ts=at, id__lt=event_id))
            )
        order = ("ts", "id") if is_ascending else ("-ts", "-id")
        found = list(rows.order_by(*order)[: limit + 1])
        page = found[:limit]
        following = encoded(f"{page[-1].ts.isoformat()}|{page[-1].id}") if len(found) > limit else None
        sources = source_ids(self.space)
        identifiers = self._identifiers()
        data = [self._shown(event, identifiers, sources) for event in page]
        return Response({"data": data, "cursor": cursor(request, following=following, limit=limit)})

    def _rows(self, request: Request) -> Any:
        start, end = instant_of(request, "start"), instant_of(request, "end")
        earliest = timezone.now() - timedelta(days=EVENT_DAYS)
        rows = Event.objects.in_space(self.space).filter(profile_id=self.profile.id)
        rows = rows.filter(ts__gte=max(start, earliest) if start else earliest)
        if end is not None:
            rows = rows.filter(ts__lte=end)
        if included := names_of(request, "include"):
            rows = rows.filter(name__in=included)
        if excluded := names_of(request, "exclude"):
            rows = rows.exclude(name__in=excluded)
        return rows

    def _identifiers(self) -> list[dict[str, str]]:
        return [
            {
                "collection": COLLECTION_NAMES[row.collection],
                "type": row.id_type,
                "id": row.original if self.shows_personal_data else masked_identifier(row.id_type, row.original),
                "encoding": "none",
            }
            for row in identifiers_of(self.space, [self.profile.id]).get(self.profile.id, [])
        ]

    def _shown(self, event: Event, identifiers: list[dict[str, str]], sources: dict[int, str]) -> dict[str, Any]:
        return {
            "external_ids": identifiers,
            "context": self.shown(context_of(event)),
            "type": EventType(event.type).label,
            "message_id": event.message_id,
            "source_id": sources.get(event.source_id),
            "timestamp": _wire(event.ts),
            "properties": self.shown(event.properties),
            "event": event.name,
            "related": {COLLECTION_NAMES[self.profile.collection]: self.profile.segment_id},
        }


class Metadata(ProfileAPIView):
    def get(self, request: Request, **kwargs: Any) -> Response:
        """When the profile was made and last changed, and by which messages."""
        messages = [self.profile.first_message_id, self.profile.last_message_id]
        sources = _sources_of_messages(self.space, self.profile, [message for message in messages if message])
        return Response(
            {
                "metadata": {
                    "created_at": _wire(self.profile.created_at),
                    "updated_at": _wire(self.profile.updated_at),
                    "expires_at": None,
                    "first_message_id": messages[0],
                    "first_source_id": sources.get(messages[0] or ""),
                    "last_message_id": messages[1],
                    "last_source_id": sources.get(messages[1] or ""),
                }
            }
        )


class Links(ProfileAPIView):
    def get(self, request: Request, **kwargs: Any) -> Response:
        """The accounts of a user, the users of an account."""
        limit = limit_of(request, default=20, most=20)
        linked = linked_profiles(self.space, self.profile)[:limit]
        identifiers = identifiers_of(self.space, [profile.id for profile in linked])
        data = [
            {
                "to_collection": COLLECTION_NAMES[profile.collection],
                "external_ids": [self._identifier(row) for row in identifiers.get(profile.id, [])],
            }
            for profile in linked
        ]
        return Response({"data": data})

    def _identifier(self, row: ExternalId) -> dict[str, str]:
        shown = row.original if self.shows_personal_data else masked_identifier(row.id_type, row.original)
        return {
            "id": shown,
            "type": row.id_type,
            "collection": COLLECTION_NAMES[row.collection],
            "encoding": "none",
        }


def paged(request: Request, rows: Sequence[Row], keys: Sequence[str], limit: int) -> tuple[Sequence[Row], str | None]:
    """The page after the row named by `next`. A row that is gone meanwhile is asked for anew: 400."""
    start = 0
    if token := request.query_params.get("next"):
        try:
            start = keys.index(decoded(token)) + 1
        except ValueError:
            raise InvalidError.at("/next", "next is no cursor of this list. Start again without it.") from None
    page = rows[start : start + limit]
    more = start + limit < len(rows)
    return page, encoded(keys[start + limit - 1]) if more else None


def source_ids(space: Space) -> dict[int, str]:
    return dict(Source.objects.in_space(space).values_list("pk", "public_id"))


def encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decoded(token: str) -> str:
    """Raises ValueError for what `encoded` never made."""
    try:
        return base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode()
    except (binascii.Error, UnicodeError) as error:
        raise ValueError(token) from error


def _event_cursor(token: str) -> tuple[datetime, int]:
    try:
        at, _, event_id = decoded(token).partition("|")
        return datetime.fromisoformat(at), int(event_id)
    except (ValueError, OverflowError):
        raise InvalidError.at("/next", "next is no cursor of this list. Start again without it.") from None


def _sorting(request: Request) -> bool:
    wanted = request.query_params.get("sort", "desc")
    if wanted not in ("asc", "desc"):
        raise InvalidError.at("/sort", "sort must be asc or desc.")
    return wanted == "asc"


def _sources_of_messages(space: Space, profile: Profile, messages: Iterable[str]) -> dict[str, str | None]:
    sources = source_ids(space)
    rows = Event.objects.in_space(space).filter(profile_id=profile.id, message_id__in=list(messages))
    return {row.message_id: sources.get(row.source_id) for row in rows.only("message_id", "source_id", "ts")}


def _wire(moment: datetime | None) -> str | None:
    return moment.isoformat().replace("+00:00", "Z") if moment else None
