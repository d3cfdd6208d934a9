"""The publish review: a page of its own that says what changes for whom before anything does (ux.md §8.7)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from common.errors import ConflictError, FieldError, InvalidError
from engine.journeys.places import step_of
from journeys.models import JourneyVersion
from journeys.selectors.journeys import draft_of
from journeys.services.payload_samples import payload_samples
from journeys.services.publishing import NotPublishableError, StaleReviewError, publish
from journeys.services.review import ARCHIVE, EXIT, FINISH, MOVE, PAUSE, PublishReview
from journeys.services.review import review as make_review
from journeys.services.scenarios import failing
from journeys.steps.titles import called
from journeys.views.context import get_journey, journey_context, journey_url
from journeys.views.diffing import diff_canvas
from journeys.views.live import names_in
from spaces.access import SpaceRequest, space_view

CHOICE = "choice-"


@space_view()
@require_http_methods(["GET", "POST"])
def review(request: SpaceRequest, journey_id: str) -> HttpResponse:
    """GET shows the review of the draft; POST with its token publishes it. 409 and the new review when it is stale."""
    journey = get_journey(request, journey_id)
    draft = draft_of(journey)
    if draft is None:
        messages.info(request, "There is no draft to publish.")
        return redirect(journey_url(request, journey, "overview"))
    if request.method != "POST":
        return _page(request, draft, make_review(draft))
    given = request.POST
    try:
        published = publish(
            version=draft,
            token=given.get("token", ""),
            previous_action=given.get("previous_action", PAUSE),
            excludes_earlier=given.get("excludes_earlier") == "1",
            choices={name.removeprefix(CHOICE): given.get(name, "") for name in given if name.startswith(CHOICE)},
            published_by=request.user,
        )
    except StaleReviewError as error:
        return _page(request, draft, make_review(_fresh(draft)), notice=error.detail, status=409)
    except ConflictError as error:
        return _page(request, draft, make_review(_fresh(draft)), notice=error.detail, status=409)
    except (NotPublishableError, InvalidError) as error:
        return _page(request, draft, make_review(_fresh(draft)), errors=error.errors, status=422)
    messages.success(request, f"Version {published.number} of {published.journey.name} is published.")
    return redirect(journey_url(request, published.journey, "overview"))


def _fresh(draft: JourneyVersion) -> JourneyVersion:
    return draft_of(draft.journey) or draft


def _page(
    request: SpaceRequest,
    draft: JourneyVersion,
    found: PublishReview,
    *,
    notice: str = "",
    errors: list[FieldError] | None = None,
    status: int = 200,
) -> HttpResponse:
    journey = draft.journey
    given: Mapping[str, str] = request.POST if request.method == "POST" else {}
    by_path = {error.path: error.detail for error in errors or []}
    shows_pii = request.member.has_pii_access
    now = timezone.now()
    context = journey_context(request, journey, draft, "overview") | {
        "review": found,
        "failing_scenarios": failing(draft, now),
        "notice": notice,
        "field_errors": by_path,
        "samples": payload_samples(found, shows_pii=shows_pii, now=now) if found.is_publishable else [],
        "canvas": diff_canvas(
            found.previous.definition if found.previous else None,
            draft.definition,
            names=names_in(request.space, draft.definition),
            people={group.step_id: group.people for group in found.groups},
        ),
        "problems": [
            {
                "problem": problem,
                "title": called(step) if (step := step_of(draft.definition, problem.step or "")) else "",
                "url": _place(request, draft, problem.step),
            }
            for problem in found.errors + found.warnings
        ],
        "actions": _actions(found, given.get("previous_action", PAUSE)),
        "excludes_earlier": given.get("excludes_earlier") == "1",
        "groups": [_group(found, group, given, by_path) for group in found.groups],
        "has_archived": found.draining > 0,
        "button": _button(found),
    }
    return render(request, "journeys/review.html", context, status=status)


def _place(request: SpaceRequest, draft: JourneyVersion, step_id: str | None) -> str:
    """The step in the builder."""
    query = {"panel": f"step:{step_id}"} if step_id else {}
    return journey_url(request, draft.journey, "builder", **query)


def _actions(found: PublishReview, chosen: str) -> list[dict[str, Any]]:
    if found.previous is None:
        return []
    labels = {
        PAUSE: f"Pause version {found.previous.number} (drain)",
        ARCHIVE: f"Archive version {found.previous.number}",
    }
    return [
        {"value": value, "label": label, "text": found.outcomes[value], "checked": value == chosen}
        for value, label in labels.items()
    ]


def _group(found: PublishReview, group: Any, given: Mapping[str, str], by_path: Mapping[str, str]) -> dict[str, Any]:
    previous = found.previous.number if found.previous else 0
    name = f"{CHOICE}{group.step_id}"
    options = [
        (FINISH, f"Finish on version {previous}"),
        *((f"{MOVE}{step_id}", f"Move to “{title}” in the new version") for step_id, title in group.targets),
        (EXIT, "Exit the journey now"),
    ]
    return {
        "group": group,
        "name": name,
        "options": options,
        "chosen": given.get(name, FINISH),
        "error": by_path.get(f"/choices/{group.step_id}", ""),
    }


def _button(found: PublishReview) -> str:
    """The confirm button repeats the numbers of the review."""
    number = found.version.number
    if found.previous is None:
        return f"Publish version {number}"
    waiting = sum(group.people for group in found.groups)
    inside = f"{found.inside:,} {'person' if found.inside == 1 else 'people'} inside"
    if not waiting:
        return f"Publish version {number}: {inside}, none in changed steps"
    return f"Publish version {number}: {inside}, {waiting:,} in changed steps"
