"""The mapping editor. One form, whose buttons say by `do` what happens with what was typed: all of it works by post.

save, enable (Save and enable), preview, suggest, discard, accept, generate, recent (with `event_id`: take that one),
resolve (fill the resolved values), build, test, compare, and hook:<key> (make or choose at the vendor what the mapping
needs). Only save and enable store anything here.
"""

from __future__ import annotations

import json
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from common.errors import ConflictError, InvalidError, ProductError
from destinations.editing import Editing, hidden_defaults
from destinations.hook_forms import HookForm
from destinations.kit.definition import Action
from destinations.mapping_forms import HOOK, MappingForm
from destinations.models import Destination
from destinations.models import Mapping as MappingRow
from destinations.samples import Connected
from destinations.services import mappings as services
from destinations.services.asking import run_hook
from destinations.services.trying import payload_text, read_payload, try_mapping
from destinations.stored_samples import GONE, stored_sample
from destinations.suggestions import suggest
from destinations.views.common import destination_url, get_definition, get_destination, page_context
from destinations.views.mappings import action_choices, chosen_action, get_mapping, return_url
from destinations.views.tester import shown_result
from spaces.access import SpaceRequest, space_view
from spaces.models import Role

STORING = ("save", "enable")
RUN_HOOK = "hook:"


@space_view(Role.READ_ONLY, write=Role.ADMIN)
@require_http_methods(["GET", "POST"])
def mapping_new(request: SpaceRequest, destination_id: str) -> HttpResponse:
    found = get_destination(request, destination_id)
    definition = get_definition(found)
    if request.method == "GET" and len(definition.actions) > 1 and "action" not in request.GET:
        query = {key: str(value) for key, value in request.GET.items()}
        shown = page_context(request, found, "mappings") | {"choices": action_choices(found, definition, query)}
        return render(request, "destinations/mapping_choose.html", shown)
    key = request.POST.get("action") or request.GET.get("action", "")
    action = chosen_action(definition, key)
    initial = {
        "name": _unused_name(found, action.title),
        "trigger": action.default_trigger,
        **MappingForm.initial_for(action.default_fields()),
    }
    return _edit(request, found, action, None, initial)


@space_view(Role.READ_ONLY, write=Role.ADMIN)
@require_http_methods(["GET", "POST"])
def mapping(request: SpaceRequest, destination_id: str, mapping_id: str) -> HttpResponse:
    found = get_destination(request, destination_id)
    row = get_mapping(found, mapping_id)
    action = get_definition(found).action(row.action)
    if action is None:
        raise ConflictError(f"The action {row.action!r} is not part of this connector any more.")
    initial = {
        "name": row.name,
        "trigger": row.trigger,
        "based_on": row.updated_at.isoformat(),
        **MappingForm.initial_for(row.fields, row.enrichments),
    }
    return _edit(request, found, action, row, initial)


def editing_of(
    request: SpaceRequest,
    destination: Destination,
    action: Action,
    row: MappingRow | None,
    *,
    initial: dict[str, Any] | None = None,
    suggested: dict[str, Any] | None = None,
    data: QueryDict | None = None,
) -> Editing:
    """The editor's state of this request: what was posted, or what is stored."""
    if data is None and request.method == "POST":
        data = request.POST
    form = MappingForm(data, action=action, initial=initial, suggested=suggested)
    form.is_valid()
    return Editing(
        destination=destination,
        definition=get_definition(destination),
        action=action,
        row=row,
        form=form,
        hooks=[
            HookForm(data, hook=hook, found=form.found_by(hook.key), carrier=form[HOOK + hook.key])
            for hook in action.hooks
        ],
        connected=Connected.from_query({key: str(value) for key, value in request.GET.items()}),
        sample_type=request.POST.get("sample_type", request.GET.get("sample", "")),
        shows_pii=request.member.has_pii_access,
    )


def _edit(
    request: SpaceRequest, destination: Destination, action: Action, row: MappingRow | None, initial: dict[str, Any]
) -> HttpResponse:
    editing = editing_of(request, destination, action, row, initial=initial)
    if request.method != "POST":
        return _page(request, editing, _begin(request, editing))
    do = request.POST.get("do") or ("recent" if "event_id" in request.POST else "save")
    if do in STORING:
        saved = _store(request, editing, is_enabled=do == "enable") if editing.form.is_valid() else None
        if saved is not None:
            return redirect(return_url(request) or destination_url("mapping", destination, mapping_id=saved.public_id))
        editing.read(request.POST.get("event", ""))
        return _page(request, editing, {}, status=422)
    return _try_out(request, editing, do)


def _begin(request: SpaceRequest, editing: Editing) -> dict[str, Any]:
    """The sample that the page opens with: the event that `?event=` names, else a generated one."""
    reference = request.GET.get("event", "")
    found = stored_sample(request.space, reference, shows_pii=editing.shows_pii) if reference else None
    if found is not None:
        editing.show(found)
        return {}
    editing.generate(editing.sample_type)
    return {"recent": editing.recent(), "is_recent_shown": True, "recent_error": GONE} if reference else {}


def _store(request: SpaceRequest, editing: Editing, *, is_enabled: bool) -> MappingRow | None:
    form, row = editing.form, editing.row
    values: dict[str, Any] = {
        "actor": request.user,
        "name": form.cleaned_data["name"],
        "trigger": form.cleaned_data["trigger"],
        "fields": form.mapping_fields(row.fields if row else hidden_defaults(editing.action)),
        "enrichments": form.enrichments,
    }
    if row is None:
        made = form.carry_out(
            lambda: services.create_mapping(
                destination=editing.destination, action=editing.action.key, is_enabled=is_enabled, **values
            )
        )
        if made is not None:
            said = "and is enabled" if made.is_enabled else "and is disabled until you enable it"
            messages.success(request, f"{made.name} was saved {said}.")
        return made
    saved = form.carry_out(
        lambda: services.update_mapping(
            mapping=row, is_enabled=True if is_enabled else None, based_on=form.cleaned_data["based_on"], **values
        )
    )
    if saved is not None:
        messages.success(request, f"{saved.name} was saved{' and is enabled' if is_enabled else ''}.")
    return saved


def _try_out(request: SpaceRequest, editing: Editing, do: str) -> HttpResponse:
    """Everything that shows something and stores nothing."""
    shown: dict[str, Any] = {"payload": request.POST.get("payload", "")}
    if do == "generate":
        editing.generate(request.POST.get("sample_type", ""))
    else:
        editing.read(request.POST.get("event", ""))
    if do.startswith(RUN_HOOK):
        editing = _with_hook(request, editing, do.removeprefix(RUN_HOOK))
    elif do in ("suggest", "discard", "accept"):
        editing = _with_suggestions(request, editing, do, shown)
    elif do == "recent":
        _take_recent(request, editing, shown)
    elif do == "resolve":
        shown["payload"] = payload_text(editing.preview().payload)
    elif do == "compare":
        shown |= {"is_compared": True, "comparisons": editing.compare()}
    elif do in ("build", "test"):
        _try(request, editing, shown, is_sent=do == "test")
    return _page(request, editing, shown)


def _with_suggestions(request: SpaceRequest, editing: Editing, do: str, shown: dict[str, Any]) -> Editing:
    """The editor again with suggestions filled in and marked, taken back, or accepted (no longer marked)."""
    values: dict[str, Any] = {}
    if do == "suggest":
        draft = editing.draft
        values = suggest(draft.action, draft.fields, editing.event, traits=editing.trait_keys)
        shown["suggestion_note"] = "" if values else "Nothing in the sample event fits a field that is still empty."
    elif do == "discard":
        values = dict.fromkeys(editing.form.suggested)
    again = editing_of(request, editing.destination, editing.action, editing.row, suggested=values)
    if do == "accept":
        data = request.POST.copy()
        data.setlist("suggested", [])
        again.form.data = data
    again.read(editing.event_text)
    return again


def _with_hook(request: SpaceRequest, editing: Editing, key: str) -> Editing:
    """The editor again with what the hook made or found, or with what is wrong with its inputs."""
    form = next((one for one in editing.hooks if one.hook.key == key), None)
    if form is None or not form.is_valid():
        return editing
    try:
        found = run_hook(destination=editing.destination, action=editing.action.key, hook=key, inputs=form.values())
    except ProductError as error:
        form.add_product_error(error)
        return editing
    data = request.POST.copy()
    data[HOOK + key] = json.dumps(found)
    again = editing_of(request, editing.destination, editing.action, editing.row, data=data)
    again.read(editing.event_text)
    return again


def _take_recent(request: SpaceRequest, editing: Editing, shown: dict[str, Any]) -> None:
    recent = editing.recent()
    wanted = request.POST.get("event_id", "")
    found = next((one for one in recent if one.id == wanted), None)
    shown |= {"recent": recent, "is_recent_shown": True, "taken": wanted}
    if found is not None:
        editing.show(found.event)
    elif wanted:
        shown["recent_error"] = "That event is not among the recent ones any more. Choose another one."


def _try(request: SpaceRequest, editing: Editing, shown: dict[str, Any], *, is_sent: bool) -> None:
    text = request.POST.get("payload", "")
    if editing.event_error:
        shown["test_error"] = f"Sample event: {editing.event_error}"
        return
    try:
        result = try_mapping(
            editing.draft,
            event=editing.event,
            traits=editing.trait_values,
            payload=read_payload(text) if text.strip() else None,
            sent_by=request.user,
            is_sent=is_sent,
        )
    except InvalidError as error:
        shown |= {"test_error": error.detail, "is_payload_wrong": True}
    except ProductError as error:
        shown["test_error"] = error.detail
    else:
        shown["result"] = shown_result(result)


def _page(request: SpaceRequest, editing: Editing, more: dict[str, Any], status: int = 200) -> HttpResponse:
    preview = editing.preview()
    is_list = editing.definition.kind == "list"
    shown = page_context(request, editing.destination, "mappings") | {
        "editing": editing,
        "form": editing.form,
        "action": editing.action,
        "mapping": editing.row,
        "preview": preview,
        "rows": editing.rows(preview),
        "groups": editing.groups(),
        "trait_keys": editing.trait_keys,
        "preview_url": destination_url("mapping_preview", editing.destination),
        "choices_url": destination_url("mapping_choices", editing.destination),
        "return_to": return_url(request),
        "is_list": is_list,
        "is_live": editing.row is not None and editing.row.is_enabled,
        "here": request.get_full_path(),
        **more,
    }
    return render(request, "destinations/mapping.html", shown, status=status)


def _unused_name(destination: Destination, title: str) -> str:
    """The action's title, with a number when a mapping is called so already."""
    taken = set(destination.mappings.values_list("name", flat=True))
    names = [title, *(f"{title} {number}" for number in range(2, len(taken) + 3))]
    return next(name for name in names if name not in taken)
