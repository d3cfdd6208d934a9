"""The profile explorer: search by any identifier, one profile with its traits, identities, events and audiences."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET

from common.keyset import keyset_page
from profiles.masking import masked, masked_identifier, masked_traits
from profiles.models import ACCOUNTS, COLLECTION_NAMES, USERS, EventType, ExternalId, Profile, Suppression
from profiles.selectors import detail, search
from spaces.access import SpaceRequest, space_view
from spaces.context import route_url

COLLECTIONS = {"users": USERS, "accounts": ACCOUNTS}
DAYS = {"1": "24 hours", "14": "14 days", "90": "90 days", "all": "All kept"}
PAGE_SIZE = 50


@space_view()
@require_GET
def profile_list(request: SpaceRequest) -> HttpResponse:
    collection = COLLECTIONS.get(request.GET.get("collection", ""), USERS)
    text = search.clean_query(request.GET.get("q", ""))
    shown: dict[str, Any] = {
        "q": text,
        "collection": COLLECTION_NAMES[collection],
        "collections": [
            {
                "label": label,
                "url": "?" + urlencode({"collection": name, **({"q": text} if text else {})}),
                "active": number == collection,
            }
            for label, name, number in (("Users", "users", USERS), ("Accounts", "accounts", ACCOUNTS))
        ],
    }
    if text:
        found = search.search_profiles(
            request.space, text=text, collection=collection, after=request.GET.get("after", "")
        )
        matches, shown["after"], shown["before"] = found.matches, found.after, None
    else:
        rows = Profile.objects.in_space(request.space).filter(collection=collection).defer("trait_times")
        page = keyset_page(
            rows, after=request.GET.get("after", ""), before=request.GET.get("before", ""), size=PAGE_SIZE
        )
        matches = [search.Match(profile=profile) for profile in page.rows]
        shown["after"], shown["before"] = page.after, page.before
        shown["total"] = rows.count()
    shown["rows"] = _rows(request, matches)
    template = "profiles/profile_list.html" + ("#table" if request.htmx else "")
    return render(request, template, shown)


@space_view()
@require_GET
def profile(request: SpaceRequest, segment_id: str) -> HttpResponse:
    found = _profile(request, segment_id)
    if found.segment_id != segment_id:
        return redirect("profiles:detail", space=request.space.slug, segment_id=found.segment_id)
    tabs = _tabs(request, found)
    tab = request.GET.get("tab", "traits")
    tab = tab if any(item["tab"] == tab for item in tabs) else "traits"
    identifiers = search.identifiers_of(request.space, [found.id]).get(found.id, [])
    for item in tabs:
        item["active"] = item["tab"] == tab
    shown = {
        "profile": found,
        "name": _name(request, found, identifiers),
        "collection": COLLECTION_NAMES[found.collection],
        "identifiers": _identifiers(request, identifiers),
        "merged": detail.merged_ids(request.space, found)[:100],
        "tabs": tabs,
        "tab": tab,
        "privacy_url": _privacy_url(request, found),
        "is_suppressed": Suppression.objects.in_space(request.space).filter(profile_id=found.id).exists(),
        **CONTENT[tab](request, found),
    }
    template = (
        f"profiles/_{tab}.html" if request.htmx and request.htmx.target == "profile-tab" else "profiles/profile.html"
    )
    return render(request, template, shown)


@space_view()
@require_GET
def event(request: SpaceRequest, segment_id: str, event_id: int) -> HttpResponse:
    """One event with its payload, as a sheet or a page."""
    found = _profile(request, segment_id)
    row = detail.event_of(request.space, found, event_id)
    if row is None:
        raise Http404("This profile has no such event.")
    identifiers = search.identifiers_of(request.space, [found.id]).get(found.id, [])
    payload = detail.raw_event(row, identifiers)
    shown = {
        "profile": found,
        "event": row,
        "type_name": EventType(row.type).label,
        "source": detail.source_names(request.space).get(row.source_id),
        "payload": payload if request.member.has_pii_access else masked(_masked_ids(payload)),
    }
    return render(request, "profiles/event.html", shown)


def _profile(request: SpaceRequest, segment_id: str) -> Profile:
    found = search.profile_by_segment_id(request.space, segment_id)
    if found is None:
        raise Http404("This space has no profile with this Segment ID.")
    return found


def _tabs(request: SpaceRequest, profile: Profile) -> list[dict[str, Any]]:
    linked = "Users" if profile.collection == ACCOUNTS else "Accounts"
    names = [("traits", "Traits", len(profile.traits)), ("identities", "Identities", None)]
    if profile.collection == USERS:
        names.append(("events", "Events", None))
    if _fragment_url(request, profile, "audiences"):
        names.append(("audiences", "Audiences", None))
    if profile.collection == USERS and _fragment_url(request, profile, "journeys"):
        names.append(("journeys", "Journeys", None))
    names.append(("linked", linked, detail.linked_count(request.space, profile)))
    return [{"tab": tab, "label": label, "url": f"?tab={tab}", "count": count} for tab, label, count in names]


def _traits(request: SpaceRequest, profile: Profile) -> dict[str, Any]:
    traits = detail.traits_of(profile)
    if not request.member.has_pii_access:
        shown = masked_traits({trait.key: trait.value for trait in traits}, space_id=request.space.pk)
        traits = [replace(trait, value=shown[trait.key]) for trait in traits]
    return {"traits": traits, "computed_url": _fragment_url(request, profile, "traits")}


def _identities(request: SpaceRequest, profile: Profile) -> dict[str, Any]:
    return {"sources": detail.source_names(request.space)}


def _events(request: SpaceRequest, profile: Profile) -> dict[str, Any]:
    asked = request.GET.get("days", "14")
    asked = asked if asked in DAYS else "14"
    days = None if asked == "all" else int(asked)
    kind, _, name = request.GET.get("event", "").replace("\0", "").partition(":")
    kinds = {choice.label: choice.value for choice in EventType}
    page = detail.events_of(
        request.space,
        profile,
        days=days,
        event_type=kinds.get(kind),
        name=name if kind in kinds else None,
        after=request.GET.get("after", ""),
    )
    return {
        "events": [{"event": row, "type_name": EventType(row.type).label} for row in page.rows],
        "after": page.after,
        "days": asked,
        "ranges": [
            {"label": label, "url": f"?tab=events&days={value}", "active": value == asked}
            for value, label in DAYS.items()
        ],
        "chosen": f"{kind}:{name}" if kind in kinds else "",
        "kinds": detail.event_kinds(request.space, profile, days=days),
        "sources": detail.source_names(request.space),
    }


def _audiences(request: SpaceRequest, profile: Profile) -> dict[str, Any]:
    return {"fragment": {"name": "audiences", "url": _fragment_url(request, profile, "audiences")}}


def _journeys(request: SpaceRequest, profile: Profile) -> dict[str, Any]:
    return {"fragment": {"name": "journeys", "url": _fragment_url(request, profile, "journeys")}}


def _linked(request: SpaceRequest, profile: Profile) -> dict[str, Any]:
    return {"linked": _named(request, detail.linked_profiles(request.space, profile)), "most": detail.MOST_LINKED}


CONTENT = {
    "traits": _traits,
    "identities": _identities,
    "events": _events,
    "audiences": _audiences,
    "journeys": _journeys,
    "linked": _linked,
}


def _privacy_url(request: SpaceRequest, profile: Profile) -> str:
    """Where a person is suppressed or deleted, an app above this one; "" for companies."""
    url = route_url("ingest:regulation_new", request.space) if profile.collection == USERS else ""
    return f"{url}?{urlencode({'profile': profile.segment_id})}" if url else ""


def _fragment_url(request: SpaceRequest, profile: Profile, app: str) -> str:
    """A fragment of an app above this one: audiences, computed traits or journeys; "" while there is none."""
    return route_url(f"{app}:profile_{app}", request.space, segment_id=profile.segment_id)


def _rows(request: SpaceRequest, matches: list[search.Match]) -> list[dict[str, Any]]:
    rows = _named(request, [match.profile for match in matches])
    for row, match in zip(rows, matches, strict=True):
        row["matched"] = match.id_type
    return rows


def _named(request: SpaceRequest, profiles: list[Profile]) -> list[dict[str, Any]]:
    rows = detail.named(request.space, profiles)
    for row in rows:
        found: list[ExternalId] = row["identifiers"]
        row["name"] = _name(request, row["profile"], found)
        row["identifiers"] = _identifiers(request, found)
    return rows


def _name(request: SpaceRequest, profile: Profile, identifiers: list[ExternalId]) -> str:
    name = detail.display_name(profile.traits, identifiers, profile.segment_id)
    if request.member.has_pii_access:
        return name
    plain = {row.original for row in identifiers if masked_identifier(row.id_type, row.original) == row.original}
    return name if name in plain or name == profile.segment_id else str(masked(name, "name"))


def _identifiers(request: SpaceRequest, identifiers: list[ExternalId]) -> list[dict[str, Any]]:
    shows = request.member.has_pii_access
    return [
        {
            "row": row,
            "type": row.id_type,
            "value": row.original if shows else masked_identifier(row.id_type, row.original),
        }
        for row in identifiers
    ]


def _masked_ids(payload: dict[str, Any]) -> dict[str, Any]:
    identifiers = [{**item, "id": masked_identifier(item["type"], item["id"])} for item in payload["external_ids"]]
    return {**payload, "external_ids": identifiers}
