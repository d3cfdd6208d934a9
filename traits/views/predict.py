"""The training report of a predictive trait: how good its model is, what it learned from, and Retrain."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from common.errors import ConflictError
from engine.traits.predictions import KIND
from spaces.access import SpaceRequest, space_view
from traits.models import Trait
from traits.selectors.predict import prediction
from traits.services import predict as services
from traits.views.traits import get_trait, trait_context


def _get_prediction(request: SpaceRequest, trait_id: str) -> Trait:
    trait = get_trait(request, trait_id)
    if trait.kind != KIND:
        raise Http404("This trait is no prediction.")
    return trait


def _context(request: SpaceRequest, trait: Trait) -> dict[str, Any]:
    found = prediction(trait)
    return trait_context(request, trait, "prediction") | {"prediction": found, "report": found.report}


@space_view()
@require_GET
def prediction_page(request: SpaceRequest, trait_id: str) -> HttpResponse:
    trait = _get_prediction(request, trait_id)
    return render(request, "traits/predict_report.html", _context(request, trait))


@space_view()
@require_GET
def prediction_live(request: SpaceRequest, trait_id: str) -> HttpResponse:
    """The report as it is now, for the page that shows it."""
    trait = _get_prediction(request, trait_id)
    if not request.htmx:
        return redirect("traits:prediction", space=request.space.slug, trait_id=trait.public_id)
    return render(request, "traits/_predict_live.html", _context(request, trait))


@space_view()
@require_POST
def retrain(request: SpaceRequest, trait_id: str) -> HttpResponse:
    """Train a new model now."""
    trait = _get_prediction(request, trait_id)
    try:
        services.retrain(trait=trait, retrained_by=request.user)
    except ConflictError as error:
        messages.error(request, error.detail)
    else:
        messages.success(request, "A new model is being trained; then everybody is scored by it.")
    return redirect("traits:prediction", space=request.space.slug, trait_id=trait.public_id)
