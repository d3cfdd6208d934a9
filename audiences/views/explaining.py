"""Explain: why a profile is or is not in an audience, or would be by a draft. A page, and a side sheet."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from audiences.selectors.explaining import Explanation, explain_definition, explain_membership
from audiences.services.definitions import DefinitionError
from audiences.views import builder_drafts
from audiences.views.audiences import audience_context, get_audience
from audiences.views.builder_surface import definition_of
from engine.conditions import Options
from profiles.masking import masked, masked_identifier
from profiles.models import ACCOUNTS, COLLECTION_NAMES, USERS, Profile
from profiles.selectors import detail, search
from spaces.access import SpaceRequest, space_view
from spaces.models import Role

MOST_FOUND = 10
PAGE = "audiences/audience_explain.html"
SHEET = "audiences/explain_sheet.html"


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A profile as the page names it."""

    profile: Profile
    name: str


@dataclass(kw_only=True)
class Chosen:
    """Whom to explain: `person`, or those who hold an identifier beginning with `text`."""

    text: str = ""
    person: Shown | None = None
    found: list[Shown] = field(default_factory=list)


@space_view()
@require_GET
def explain(request: SpaceRequest, audience_id: str) -> HttpResponse:
    """`?profile=` a Segment ID, or `?q=` the beginning of any identifier."""
    audience = get_audience(request, audience_id)
    chosen = choose(request, audience.collection)
    context = audience_context(request, audience, "explain") | {"chosen": chosen, "explanation": None}
    if chosen.person is not None:
        context["explanation"] = explain_membership(
            audience=audience, profile=chosen.person.profile, shows_pii=request.member.has_pii_access
        )
    context |= {"noun": _noun(audience.collection)}
    return render(request, SHEET if request.htmx.target == "sheet" else PAGE, context)


@space_view(Role.USER)
@require_GET
def explain_draft(request: SpaceRequest) -> HttpResponse:
    """Why a profile would be in what `?draft=` says now, for the sample of a preview. `?audience=`: the one edited."""
    draft = builder_drafts.load(request, request.GET.get("draft", ""))
    if draft is None:
        raise Http404("That draft is no longer kept.")
    audience = get_audience(request, request.GET["audience"]) if request.GET.get("audience") else None
    collection = ACCOUNTS if draft.collection == "accounts" else USERS
    chosen = choose(request, collection)
    if chosen.person is None:
        raise Http404("This space has no such profile.")
    problem = ""
    explanation: Explanation | None = None
    try:
        explanation = explain_definition(
            space=request.space,
            definition=definition_of(draft),
            options=Options(
                include_anonymous=audience.include_anonymous if audience else draft.include_anonymous,
                historical_from=audience.historical_from if audience else None,
            ),
            audience=audience,
            profile=chosen.person.profile,
            shows_pii=request.member.has_pii_access,
            now=timezone.now(),
        )
    except DefinitionError as error:
        problem = f"{error.detail} Correct the definition and run the preview again."
    context: dict[str, Any] = {
        "chosen": chosen,
        "explanation": explanation,
        "problem": problem,
        "noun": _noun(collection),
        "audience": audience,
        "is_draft": True,
    }
    return render(request, SHEET, context)


def choose(request: SpaceRequest, collection: int) -> Chosen:
    """A profile of the collection by `profile` or `q`; one hit alone is chosen at once."""
    text = search.clean_query(request.GET.get("profile", "") or request.GET.get("q", ""))
    if not text:
        return Chosen()
    matches = search.search_profiles(request.space, text=text, collection=collection, size=MOST_FOUND).matches
    exact = [match for match in matches if match.value == text.lower() or match.profile.segment_id == text]
    profiles = [match.profile for match in (exact or matches)]
    shown = [Shown(profile=row["profile"], name=row["name"]) for row in _named(request, profiles)]
    if len(shown) == 1:
        return Chosen(text=text, person=shown[0])
    return Chosen(text=text, found=shown)


def _named(request: SpaceRequest, profiles: list[Profile]) -> list[dict[str, Any]]:
    rows = detail.named(request.space, profiles)
    if request.member.has_pii_access:
        return rows
    for row in rows:
        plain = {
            one.original for one in row["identifiers"] if masked_identifier(one.id_type, one.original) == one.original
        }
        is_plain = row["name"] in plain or row["name"] == row["profile"].segment_id
        row["name"] = row["name"] if is_plain else str(masked(row["name"], "name"))
    return rows


def _noun(collection: int) -> str:
    return "account" if COLLECTION_NAMES[collection] == "accounts" else "person"
