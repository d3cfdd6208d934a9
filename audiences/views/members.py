"""The Members tab: who is in the audience, and their CSV files."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import FileResponse, Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from audiences.models import Audience, AudienceExport
from audiences.selectors import exports as export_selectors
from audiences.selectors.members import MOST_FOUND, member_page
from audiences.services import exports as services
from audiences.views.audiences import audience_context, get_audience
from common.errors import ConflictError, InvalidError, NotAllowedError
from profiles.selectors.search import clean_query
from spaces.access import SpaceRequest, space_view

PAGE_SIZE = 50


@space_view()
@require_GET
def members(request: SpaceRequest, audience_id: str) -> HttpResponse:
    """A page at a time in the order in which profiles were created; `?q=` finds by the beginning of any identifier."""
    audience = get_audience(request, audience_id)
    after = request.GET.get("after", "")
    position = int(after) if after.isascii() and after.isdigit() and len(after) < 19 else 0
    text = clean_query(request.GET.get("q", ""))
    page = member_page(
        audience=audience, shows_pii=request.member.has_pii_access, after=position, limit=PAGE_SIZE, text=text
    )
    context = audience_context(request, audience, "members") | {
        "page": page,
        "q": text,
        "is_first": position == 0,
        "most": MOST_FOUND,
    }
    template = "audiences/audience_members.html"
    return render(request, f"{template}#table" if request.htmx.target == "member-table" else template, context)


@space_view()
@require_http_methods(["GET", "POST"])
def export(request: SpaceRequest, audience_id: str) -> HttpResponse:
    """**Download CSV**: choose columns and format, **Generate CSV**, then download below."""
    audience = get_audience(request, audience_id)
    choices = export_selectors.column_choices(audience)
    errors: dict[str, str] = {}
    picked: dict[str, Any] = {
        "format": AudienceExport.Format.FORMATTED.value,
        "identifiers": choices.usual,
        "traits": [],
    }
    if request.method == "POST":
        picked = {
            "format": request.POST.get("format", ""),
            "identifiers": [name for name in request.POST.getlist("identifiers") if name in choices.identifiers],
            "traits": [name for name in request.POST.getlist("traits") if name in choices.traits],
        }
        try:
            services.start_export(
                audience=audience,
                started_by=request.user,
                shows_pii=request.member.has_pii_access,
                export_format=picked["format"],
                identifiers=picked["identifiers"],
                traits=picked["traits"],
            )
        except InvalidError as error:
            errors = {problem.path.strip("/"): problem.detail for problem in error.errors}
        except ConflictError as error:
            messages.error(request, error.detail)
            return redirect("audiences:export", space=request.space.slug, audience_id=audience.public_id)
        else:
            messages.success(request, "The file is being generated. It can be downloaded here when it is ready.")
            return redirect("audiences:export", space=request.space.slug, audience_id=audience.public_id)
    context = _context(request, audience) | {"choices": choices, "picked": picked, "errors": errors}
    return render(request, "audiences/audience_export.html", context, status=422 if errors else 200)


@space_view()
@require_GET
def export_files(request: SpaceRequest, audience_id: str) -> HttpResponse:
    """The part of the page that moves: the files with their progress."""
    audience = get_audience(request, audience_id)
    if not request.htmx:
        return redirect("audiences:export", space=request.space.slug, audience_id=audience.public_id)
    return render(request, "audiences/_export_files.html", _context(request, audience))


def _context(request: SpaceRequest, audience: Audience) -> dict[str, Any]:
    return audience_context(request, audience, "members") | {
        "files": export_selectors.exports_of(audience),
        "refusal": services.refusal_of(audience),
        "estimate": export_selectors.estimated_seconds(audience),
    }


def get_export(audience: Audience, export_id: str) -> AudienceExport:
    found = export_selectors.get_export(audience, export_id)
    if found is None:
        raise Http404("This audience has no such file.")
    return found


@space_view()
@require_GET
def export_download(request: SpaceRequest, audience_id: str, export_id: str) -> HttpResponseBase:
    """The file, streamed. One with personal data takes the right to see it."""
    export_ = get_export(get_audience(request, audience_id), export_id)
    if export_.shows_pii and not request.member.has_pii_access:
        raise NotAllowedError(
            "This file holds personal data, which your membership does not include. Generate one of your own, in which "
            "it is masked, or ask a workspace owner."
        )
    path = services.open_file(export_)
    if path is None:
        raise Http404("This file is not there any more. Generate it again.")
    return FileResponse(
        path.open("rb"),
        as_attachment=True,
        filename=export_selectors.file_name(export_),
        content_type="text/csv; charset=utf-8",
    )


@space_view()
@require_POST
def export_cancel(request: SpaceRequest, audience_id: str, export_id: str) -> HttpResponse:
    audience = get_audience(request, audience_id)
    try:
        services.cancel_export(export=get_export(audience, export_id))
    except ConflictError as error:
        messages.error(request, error.detail)
    return redirect("audiences:export", space=request.space.slug, audience_id=audience.public_id)
