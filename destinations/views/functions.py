"""Functions of a space: the list, and the editor with its test run and versions.

The editor is one form whose buttons say by `do` what happens: save, test (run what was typed, saved or not), load
(another sample event). All of it works by post.
"""

from __future__ import annotations

import json
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from common.errors import InvalidError
from destinations.function_forms import (
    SETTING_TYPES,
    TEMPLATE_SETTINGS,
    TEMPLATES,
    FunctionForm,
    read_settings,
    read_values,
    setting_rows,
)
from destinations.functions.definitions import make_definition, slug_of
from destinations.functions.runtime import CPU_SECONDS, HANDLERS, MEMORY_BYTES, MOST_REQUESTS
from destinations.models import DestinationFunction
from destinations.samples import Connected, event_types, sample_event
from destinations.services import functions as services
from destinations.services.tester import new_test_message_id, new_test_user_id, read_event
from destinations.views.tester import curl_line
from spaces.access import SpaceRequest, space_view
from spaces.models import Role

OUTCOMES = {
    "delivered": ("success", "Delivered", "The handler ended without an error."),
    "retry": ("warning", "Tried again", "A worker would call the function again, for 4 hours."),
    "failed": ("error", "Failed", "A worker would keep the call as a dead letter."),
    "filtered": ("warning", "Filtered", "A worker would count the call as filtered."),
}
LIMITS = (
    ("Computing", f"{CPU_SECONDS:g} s a call; waiting for answers does not count"),
    ("Memory", f"{MEMORY_BYTES // 1024 // 1024} MB"),
    ("Requests", f"{MOST_REQUESTS} a call, 10 s each"),
    ("State", "None: each call starts anew"),
)


@space_view()
@require_GET
def function_list(request: SpaceRequest) -> HttpResponse:
    rows = [
        {
            "function": row,
            "url": function_url("function", row),
            "new_url": new_destination_url(row),
            "destinations": services.destinations_of_function(row).count(),
        }
        for row in DestinationFunction.objects.in_space(request.space).select_related("space").order_by("name")
    ]
    return render(request, "destinations/function_list.html", {"rows": rows})


@space_view(Role.READ_ONLY, write=Role.ADMIN)
@require_http_methods(["GET", "POST"])
def function_new(request: SpaceRequest) -> HttpResponse:
    chosen = next((one for one in TEMPLATES if one.key == request.GET.get("template")), TEMPLATES[0])
    form = FunctionForm(request.POST or None, initial={"code": chosen.code})
    if _does(request, "save") and form.is_valid():
        made = form.carry_out(
            lambda: services.create_function(
                space=request.space,
                actor=request.user,
                name=form.cleaned_data["name"],
                description=form.cleaned_data["description"],
                code=form.cleaned_data["code"],
                settings=read_settings(request.POST),
            )
        )
        if made is not None:
            messages.success(request, f"{made.name} was saved. Add it as a destination to send something to it.")
            return redirect(function_url("function", made))
    return _editor(request, form, None, TEMPLATE_SETTINGS, {"templates": TEMPLATES, "chosen": chosen})


@space_view(Role.READ_ONLY, write=Role.ADMIN)
@require_http_methods(["GET", "POST"])
def function(request: SpaceRequest, function_id: str) -> HttpResponse:
    row = _function(request, function_id)
    initial = {"name": row.name, "description": row.description, "code": row.code, "based_on": row.version}
    form = FunctionForm(request.POST or None, initial=initial)
    if _does(request, "save") and form.is_valid():
        saved = form.carry_out(
            lambda: services.save_function(
                function=row,
                actor=request.user,
                name=form.cleaned_data["name"],
                description=form.cleaned_data["description"],
                code=form.cleaned_data["code"],
                settings=read_settings(request.POST),
                based_on=form.cleaned_data["based_on"],
            )
        )
        if saved is not None:
            messages.success(request, f"{saved.name} was saved as version {saved.version}.")
            return redirect(function_url("function", saved))
    shown = {
        "versions": row.versions.select_related("saved_by")[:50],
        "used_by": services.destinations_of_function(row),
        "new_url": new_destination_url(row),
    }
    return _editor(request, form, row, row.settings, shown)


@space_view(Role.READ_ONLY)
@require_GET
def function_version(request: SpaceRequest, function_id: str, number: int) -> HttpResponse:
    row = _function(request, function_id)
    version = row.versions.filter(number=number).select_related("saved_by").first()
    if version is None:
        raise Http404("There is no such version.")
    return render(request, "destinations/function_version.html", {"function": row, "version": version})


@space_view(write=Role.ADMIN)
@require_POST
def function_restore(request: SpaceRequest, function_id: str, number: int) -> HttpResponse:
    row = services.restore_version(function=_function(request, function_id), actor=request.user, number=number)
    messages.success(request, f"Version {number} was saved again, as version {row.version}.")
    return redirect(function_url("function", row))


@space_view(write=Role.ADMIN)
@require_POST
def function_delete(request: SpaceRequest, function_id: str) -> HttpResponse:
    row = _function(request, function_id)
    if request.POST.get("confirm_name", "").strip() != row.name:
        raise InvalidError.at("/confirm_name", f"Type {row.name} to delete this function.")
    services.delete_function(function=row, actor=request.user)
    messages.success(request, f"{row.name} was deleted.")
    return redirect("destinations:functions", space=request.space.slug)


def function_url(route: str, row: DestinationFunction) -> str:
    return reverse(f"destinations:{route}", kwargs={"space": row.space.slug, "function_id": row.public_id})


def new_destination_url(row: DestinationFunction) -> str:
    return reverse("destinations:new", kwargs={"space": row.space.slug, "connector": slug_of(row)})


def _editor(
    request: SpaceRequest,
    form: FunctionForm,
    row: DestinationFunction | None,
    settings: Any,
    more: dict[str, Any],
) -> HttpResponse:
    values: dict[str, str] = {}
    if request.method == "POST":
        settings = read_settings(request.POST)
        values = dict(zip(request.POST.getlist("setting_key"), request.POST.getlist("setting_value"), strict=False))
    kinds = _kinds(request)
    event = request.POST.get("event", "")
    if not event or _does(request, "load"):
        event = _sample(request, request.POST.get("sample", "track-enter"))
    shown: dict[str, Any] = {
        "form": form,
        "function": row,
        "rows": setting_rows(settings, values),
        "types": SETTING_TYPES,
        "samples": kinds,
        "sample": request.POST.get("sample", "track-enter"),
        "event": event,
        "handlers": HANDLERS,
        "limits": LIMITS,
        **more,
    }
    if _does(request, "test"):
        form.errors.pop("name", None)
        shown |= _tested(request, form, event)
    return render(
        request, "destinations/function.html", shown, status=422 if _does(request, "save") and form.errors else 200
    )


def _tested(request: SpaceRequest, form: FunctionForm, event: str) -> dict[str, Any]:
    """The result of a test run, or what keeps it from running."""
    try:
        result = services.try_function(
            space=request.space,
            code=form.data.get("code", ""),
            settings=read_settings(request.POST),
            values=read_values(request.POST),
            event=read_event(event),
        )
    except InvalidError as error:
        return {"test_problems": [one.detail for one in error.errors] or [error.detail]}
    tone, title, words = OUTCOMES[result["outcome"]]
    return {
        "result": result
        | {
            "tone": tone,
            "title": f"{title} {result['code']}".strip(),
            "text": result["detail"] or words,
            "log_text": "\n".join(result["logs"]),
            "exchanges": [one | {"curl": curl_line(one["request"])} for one in result["exchanges"]],
        }
    }


def _kinds(request: SpaceRequest) -> list[tuple[str, str]]:
    every = make_definition(DestinationFunction(space=request.space, name="Function", handlers=["onBatch"]))
    return event_types(every, Connected.from_query({}))


def _sample(request: SpaceRequest, key: str) -> str:
    every = make_definition(DestinationFunction(space=request.space, name="Function", handlers=["onBatch"]))
    event = sample_event(
        space=request.space,
        definition=every,
        connected=Connected.from_query({}),
        event_type=key,
        test_user_id=new_test_user_id(),
        message_id=new_test_message_id(),
        now=timezone.now(),
    )
    return json.dumps(event, indent=2, ensure_ascii=False)


def _does(request: SpaceRequest, what: str) -> bool:
    return request.method == "POST" and request.POST.get("do", "save") == what


def _function(request: SpaceRequest, function_id: str) -> DestinationFunction:
    rows = DestinationFunction.objects.in_space(request.space).select_related("space__workspace")
    row: DestinationFunction | None = rows.filter(public_id=function_id).first()
    if row is None:
        raise Http404("There is no such function.")
    return row
