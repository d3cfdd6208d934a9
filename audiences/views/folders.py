"""Folders of the audience list: new, edit, disband, and moving audiences."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from audiences.forms import FolderForm
from audiences.models import AudienceFolder
from audiences.selectors.audiences import audience_list
from audiences.selectors.folders import get_folder
from audiences.services import folders as services
from common.errors import InvalidError, ProductError
from spaces.access import SpaceRequest, space_view
from spaces.models import Role


def _folder(request: SpaceRequest, folder_id: str) -> AudienceFolder:
    folder = get_folder(request.space, folder_id)
    if folder is None:
        raise Http404("This space has no such folder.")
    return folder


def _to_list(request: SpaceRequest, folder: AudienceFolder | None) -> HttpResponse:
    url = reverse("audiences:list", kwargs={"space": request.space.slug})
    return redirect(f"{url}?folder={folder.public_id}" if folder else url)


@space_view(Role.USER)
@require_http_methods(["GET", "POST"])
def new(request: SpaceRequest) -> HttpResponse:
    """A name, a description, and the audiences to put in."""
    form = FolderForm(request.POST or None)
    chosen = request.POST.getlist("audiences")
    if request.method == "POST" and form.is_valid():
        try:
            folder = services.create_folder(
                space=request.space, created_by=request.user, audience_ids=chosen, **form.cleaned_data
            )
        except ProductError as error:
            form.add_product_error(error)
        else:
            messages.success(request, f"The folder {folder.name} was created.")
            return _to_list(request, folder)
    context: dict[str, Any] = {
        "form": form,
        "folder": None,
        "choices": audience_list(request.space).select_related("folder").order_by("name"),
        "chosen": chosen,
    }
    return render(request, "audiences/folder.html", context, status=422 if form.errors else 200)


@space_view(Role.USER)
@require_http_methods(["GET", "POST"])
def edit(request: SpaceRequest, folder_id: str) -> HttpResponse:
    folder = _folder(request, folder_id)
    form = FolderForm(request.POST or None, initial={"name": folder.name, "description": folder.description})
    if request.method == "POST" and form.is_valid():
        try:
            folder = services.update_folder(folder=folder, changed_by=request.user, **form.cleaned_data)
        except ProductError as error:
            form.add_product_error(error)
        else:
            messages.success(request, "The folder was saved.")
            return _to_list(request, folder)
    context = {"form": form, "folder": folder}
    return render(request, "audiences/folder.html", context, status=422 if form.errors else 200)


@space_view()
@require_POST
def disband(request: SpaceRequest, folder_id: str) -> HttpResponse:
    """Its audiences return to the main list; nothing is deleted but the folder."""
    folder = _folder(request, folder_id)
    count = services.disband_folder(folder=folder, disbanded_by=request.user)
    returned = f"{count} audience{'' if count == 1 else 's'} returned to the main list"
    messages.success(request, f"{folder.name} was disbanded; {returned}.")
    return _to_list(request, None)


@space_view()
@require_POST
def move(request: SpaceRequest) -> HttpResponse:
    """Put the ticked audiences into the chosen folder; an empty choice is the main list."""
    wanted = request.POST.get("folder", "")
    folder = _folder(request, wanted) if wanted else None
    try:
        count = services.move_audiences(
            space=request.space, audience_ids=request.POST.getlist("ids"), folder=folder, moved_by=request.user
        )
    except InvalidError as error:
        messages.error(request, error.errors[0].detail)
    else:
        place = folder.name if folder else "the main list"
        messages.success(request, f"{count} audience{' was' if count == 1 else 's were'} moved to {place}.")
    if request.POST.get("to") == "settings" and (ids := request.POST.getlist("ids")):
        return redirect("audiences:settings", space=request.space.slug, audience_id=ids[0])
    return redirect(_back(request))


def _back(request: SpaceRequest) -> str:
    """The page of the list that was looked at; only its own query is taken from the form."""
    query = request.POST.get("back", "")
    url = reverse("audiences:list", kwargs={"space": request.space.slug})
    return f"{url}?{query}" if query and "\n" not in query and "\r" not in query else url
