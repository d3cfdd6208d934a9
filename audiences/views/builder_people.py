"""The lists behind the numbers of a preview: who matches, would enter or leave, or is in another audience too."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from audiences.models import Audience
from audiences.selectors.members import shown_people
from audiences.selectors.preview import SHOWS, PreviewError, preview_people
from audiences.services.definitions import DefinitionError
from audiences.views import builder_drafts
from audiences.views.audiences import get_audience
from audiences.views.builder_surface import definition_of, overlap_audience
from spaces.access import SpaceRequest, space_view
from spaces.models import Role

PAGE_SIZE = 50
TITLES = {"members": "Who matches", "entered": "Who would enter", "left": "Who would leave", "overlap": "In both"}


@space_view(Role.USER)
@require_GET
def people(request: SpaceRequest) -> HttpResponse:
    """`?draft=` what is being built, `?show=` one of SHOWS, `?audience=` the one edited; as a sheet or a page."""
    draft = builder_drafts.load(request, request.GET.get("draft", ""))
    if draft is None:
        raise Http404("That draft is no longer kept.")
    audience = get_audience(request, request.GET["audience"]) if request.GET.get("audience") else None
    other = overlap_audience(request.space, draft)
    show = _show(request.GET.get("show", ""), audience, other)
    after = request.GET.get("after", "")
    context: dict[str, Any] = {
        "draft": draft,
        "audience": audience,
        "other": other,
        "show": show,
        "title": TITLES[show],
        "page": None,
        "problem": "",
    }
    try:
        page = preview_people(
            space=request.space,
            definition=definition_of(draft),
            include_anonymous=audience.include_anonymous if audience else draft.include_anonymous,
            historical_from=audience.historical_from if audience else None,
            show=show,
            audience=audience,
            overlap_with=other,
            after=int(after) if after.isascii() and after.isdigit() and len(after) < 19 else 0,
            limit=PAGE_SIZE,
        )
    except (DefinitionError, PreviewError) as error:
        context["problem"] = error.detail
    else:
        context |= {"page": page, "people": shown_people(page.people, shows_pii=request.member.has_pii_access)}
    return render(request, "audiences/builder_people.html", context)


def _show(wanted: str, audience: Audience | None, other: Audience | None) -> str:
    """What can be shown of it; who matches otherwise."""
    allowed = {"members"} | ({"entered", "left"} if audience else set()) | ({"overlap"} if other else set())
    return wanted if wanted in SHOWS and wanted in allowed else "members"
