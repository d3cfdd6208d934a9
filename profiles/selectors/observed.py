"""What has been seen in a space, for type-ahead: events, properties, traits, their values, identifier types."""

from __future__ import annotations

import json
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from common.templatetags._formats import format_age
from profiles.masking import masked
from profiles.models import ACCOUNTS, USERS, EventType, ObservedEvent, ObservedField
from profiles.selectors.search import clean_query, identifier_types
from spaces.models import Space

MOST = 30
EVENT_TYPES = {kind.label: kind.value for kind in EventType}
COLLECTIONS = {"users": USERS, "accounts": ACCOUNTS}
Option = dict[str, Any]


def observed_events(space: Space, *, text: str = "", event_type: str = "") -> list[Option]:
    """`[{"value", "label", "hint", "type"}]`, most frequent first; `type` is track, page or screen."""
    rows: QuerySet[ObservedEvent] = ObservedEvent.objects.filter(space_id=space.pk)
    if event_type in EVENT_TYPES:
        rows = rows.filter(type=EVENT_TYPES[event_type])
    text = clean_query(text)
    if text:
        rows = rows.filter(name__icontains=text)
    now = timezone.now()
    return [
        {
            "value": row.name,
            "label": row.name or "(no name)",
            "hint": f"{row.seen:,} seen, last {format_age(row.last_seen_at, now)}",
            "type": EventType(row.type).label,
        }
        for row in rows.order_by("-seen", "name")[:MOST]
    ]


def observed_properties(
    space: Space, *, text: str = "", event_type: str = "", event: str = "", shows_pii: bool = True
) -> list[Option]:
    """Properties of one event, or of all events of the space where none is named."""
    rows = _fields(space, "property", text)
    if event_type in EVENT_TYPES:
        rows = rows.filter(event_type=EVENT_TYPES[event_type])
    if event:
        rows = rows.filter(event_name=clean_query(event))
    return _options(rows, shows_pii)


def observed_traits(space: Space, *, text: str = "", collection: str = "users", shows_pii: bool = True) -> list[Option]:
    rows = _fields(space, "trait", text).filter(event_type=COLLECTIONS.get(collection, USERS))
    return _options(rows, shows_pii)


def observed_values(
    space: Space,
    *,
    path: str,
    text: str = "",
    event_type: str = "",
    event: str = "",
    collection: str = "",
    shows_pii: bool = True,
) -> list[Option]:
    """Sample values of a property (where an event is named) or of a trait."""
    path = clean_query(path)
    if event or event_type:
        rows = ObservedField.objects.filter(space_id=space.pk, scope="property", path=path)
        if event_type in EVENT_TYPES:
            rows = rows.filter(event_type=EVENT_TYPES[event_type])
        if event:
            rows = rows.filter(event_name=clean_query(event))
    else:
        rows = ObservedField.objects.filter(
            space_id=space.pk, scope="trait", event_type=COLLECTIONS.get(collection, USERS), path=path
        )
    wanted = clean_query(text).lower()
    found: dict[str, Option] = {}
    for row in rows.order_by("-last_seen_at")[:MOST]:
        for sample in row.samples:
            shown = _shown(sample, path, shows_pii)
            if wanted in shown.lower() and shown not in found:
                found[shown] = {"value": shown, "label": shown, "hint": row.value_type}
    return list(found.values())[:MOST]


def observed_identifiers(space: Space, *, text: str = "", collection: str = "users") -> list[Option]:
    wanted = clean_query(text).lower()
    types = identifier_types(space, collection=COLLECTIONS.get(collection, USERS))
    return [{"value": name, "label": name, "hint": ""} for name in types if wanted in name][:MOST]


def _fields(space: Space, scope: str, text: str) -> QuerySet[ObservedField]:
    rows: QuerySet[ObservedField] = ObservedField.objects.filter(space_id=space.pk, scope=scope)
    text = clean_query(text)
    return rows.filter(path__icontains=text) if text else rows


def _options(rows: QuerySet[ObservedField], shows_pii: bool) -> list[Option]:
    """One option a path; the latest sighting of it counts."""
    now = timezone.now()
    found: dict[str, Option] = {}
    for row in rows.order_by("-last_seen_at", "path")[: MOST * 4]:
        if row.path not in found:
            samples = [_shown(sample, row.path, shows_pii) for sample in row.samples[:5]]
            found[row.path] = {
                "value": row.path,
                "label": row.path,
                "hint": f"{row.value_type}, last {format_age(row.last_seen_at, now)}"
                + (f": {', '.join(samples[:3])[:80]}" if samples else ""),
                "type": row.value_type,
                "samples": samples,
            }
    return sorted(found.values(), key=lambda option: str(option["value"]))[:MOST]


def _shown(sample: Any, path: str, shows_pii: bool) -> str:
    """A sample as text; what is personal is masked for who may not see it."""
    if not shows_pii:
        sample = masked(sample, path.rpartition(".")[2])
    return sample if isinstance(sample, str) else json.dumps(sample, ensure_ascii=False)
