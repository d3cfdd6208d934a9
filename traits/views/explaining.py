"""Explain: why a profile has its value of a trait. A page, and a side sheet."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from audiences.views.explaining import choose
from profiles.models import ACCOUNTS
from spaces.access import SpaceRequest, space_view
from traits.selectors.explaining import explain_value
from traits.views.traits import get_trait, trait_context

PAGE = "traits/trait_explain.html"
SHEET = "traits/explain_sheet.html"


@space_view()
@require_GET
def explain(request: SpaceRequest, trait_id: str) -> HttpResponse:
    """`?profile=` a Segment ID, or `?q=` the beginning of any identifier."""
    trait = get_trait(request, trait_id)
    chosen = choose(request, trait.collection)
    context = trait_context(request, trait, "explain") | {
        "chosen": chosen,
        "explanation": None,
        "noun": "account" if trait.collection == ACCOUNTS else "person",
    }
    if chosen.person is not None:
        context["explanation"] = explain_value(
            trait=trait, profile=chosen.person.profile, shows_pii=request.member.has_pii_access
        )
    return render(request, SHEET if request.htmx.target == "sheet" else PAGE, context)
