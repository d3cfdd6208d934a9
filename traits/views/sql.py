"""SQL traits: a new one, its query and schedule, and its runs."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from common.errors import ConflictError, ProductError
from engine.traits.sql import SQL
from profiles.masking import MASK
from profiles.models import ACCOUNTS, USERS
from spaces.access import SpaceRequest, space_view
from spaces.models import Role
from traits.forms import TraitConnectionForm
from traits.models import SqlTrait, Trait
from traits.selectors import sql as selectors
from traits.selectors.connections import event_destinations, offers
from traits.services import sql_traits as services
from traits.services.connections import ConnectionSpec
from traits.services.definitions import TraitDefinitionError
from traits.services.sql_preview import SqlPreview, preview_query
from traits.services.warehouses import warehouse_list
from traits.views.traits import get_trait, trait_context
from traits.warehouse_forms import QueryForm, ScheduleForm, SqlTraitForm, schedule_fields


def get_row(request: SpaceRequest, trait_id: str) -> SqlTrait:
    row = selectors.sql_trait(get_trait(request, trait_id))
    if row is None:
        raise Http404("This trait is no SQL trait.")
    return row


@space_view(Role.USER)
@require_http_methods(["GET", "POST"])
def new(request: SpaceRequest) -> HttpResponse:
    """Warehouse, query, preview, schedule, destinations on one page; `?from=` starts with another trait's query."""
    sources = list(warehouse_list(request.space))
    posted = request.POST if request.method == "POST" else None
    form = SqlTraitForm(posted, sources=sources, initial=_initial(request))
    context: dict[str, Any] = {
        "form": form,
        "sources": sources,
        "offers": offers(event_destinations(request.space)),
        "chosen": request.POST.getlist("destination"),
    }
    status = 200
    if posted is not None:
        if posted.get("op") == "preview":
            return _preview(request, form, context, "traits/sql_new.html")
        if form.is_valid() and (trait := _create(request, form)) is not None:
            messages.success(request, f"{trait.name} was created, and its query is run now.")
            return redirect("traits:sql_runs", space=request.space.slug, trait_id=trait.public_id)
        status = 422
    return render(request, "traits/sql_new.html", context, status=status)


def _initial(request: SpaceRequest) -> dict[str, Any]:
    original = request.GET.get("from", "")
    row = selectors.get_sql_trait(request.space, original) if original else None
    if row is None:
        return {}
    definition = row.trait.definition
    return {
        "name": f"{row.trait.name} (copy)",
        "collection": definition["collection"],
        "source": row.source.public_id,
        "query": definition["query"],
        **schedule_fields(row.schedule),
    }


def _create(request: SpaceRequest, form: SqlTraitForm) -> Trait | None:
    data = form.cleaned_data
    chosen = [one for one in event_destinations(request.space) if one.public_id in request.POST.getlist("destination")]
    collection = ACCOUNTS if data["collection"] == "accounts" else USERS
    try:
        return services.create_sql_trait(
            space=request.space,
            name=data["name"],
            description=data["description"],
            definition=form.definition,
            schedule=form.plan,
            destinations=[
                ConnectionSpec(
                    destination=one,
                    **TraitConnectionForm(
                        None, destination=one, space=request.space, collection=collection
                    ).spec_values,
                )
                for one in chosen
            ],
            created_by=request.user,
        )
    except ProductError as error:
        form.add_product_error(error)
        return None


def _preview(
    request: SpaceRequest, form: QueryForm, context: dict[str, Any], template: str, row: SqlTrait | None = None
) -> HttpResponse:
    """The result of the query; for htmx the pane alone. Nothing is saved."""
    found: SqlPreview | None = None
    refusal = ""
    form.is_valid()
    definition = form.definition if isinstance(form, SqlTraitForm) and form.cleaned_data.get("source") else None
    if row is not None:
        definition = {
            name: value for name, value in row.trait.definition.items() if name not in ("id_column", "columns")
        } | {"query": form.cleaned_data.get("query", "")}
    try:
        if definition is None:
            refusal = "Choose a warehouse first."
        else:
            found = preview_query(space=request.space, definition=definition)
    except TraitDefinitionError as error:
        refusal = " ".join(one.detail for one in error.errors) or error.detail
    status = 422 if refusal else 200
    context |= {
        "preview": found,
        "refusal": refusal,
        "mask": "" if request.member.has_pii_access else MASK,
        "is_of_accounts": definition is not None and definition.get("collection") == "accounts",
    }
    # Names, schedules and the like are judged when the trait is saved.
    form.errors.clear()
    return render(request, "traits/_sql_preview.html" if request.htmx else template, context, status=status)


def query(request: SpaceRequest, trait: Trait) -> HttpResponse:
    """The Builder tab of a SQL trait: another query is tried, stored and run. Called by `builder.builder`."""
    row = get_row(request, trait.public_id)
    posted = request.POST if request.method == "POST" else None
    form = QueryForm(posted, initial={"query": trait.definition["query"]})
    context = sql_context(request, row, "builder") | {"form": form, "revision": trait.revision}
    if posted is None:
        return render(request, "traits/sql_query.html", context)
    if posted.get("op") == "preview":
        return _preview(request, form, context, "traits/sql_query.html", row)
    status = 422
    if form.is_valid():
        given = posted.get("revision", "")
        revision = int(given) if given.isdecimal() and len(given) < 10 else trait.revision
        text = form.cleaned_data["query"]
        if text == trait.definition["query"]:
            messages.info(request, "Nothing to save: this is the query that is stored already.")
            return redirect("traits:builder", space=request.space.slug, trait_id=trait.public_id)
        try:
            services.update_query(trait=trait, query=text, revision=revision, changed_by=request.user)
        except ConflictError as error:
            context["conflict"], status = error.detail, 409
        except ProductError as error:
            form.add_product_error(error)
        else:
            messages.success(request, "The query was saved and is run now.")
            return redirect("traits:sql_runs", space=request.space.slug, trait_id=trait.public_id)
    return render(request, "traits/sql_query.html", context, status=status)


def sql_context(request: SpaceRequest, row: SqlTrait, tab: str) -> dict[str, Any]:
    return trait_context(request, row.trait, tab) | {"sql": row}


def _runs_context(request: SpaceRequest, row: SqlTrait) -> dict[str, Any]:
    runs = selectors.latest_runs(row.trait, shows_pii=request.member.has_pii_access)
    return sql_context(request, row, "sql_runs") | {
        "runs": runs,
        "open": next((one for one in runs if one.is_open), None),
    }


@space_view()
@require_GET
def runs(request: SpaceRequest, trait_id: str) -> HttpResponse:
    """When the query runs, what the run under way does, and what earlier ones came to."""
    row = get_row(request, trait_id)
    form = ScheduleForm(initial=schedule_fields(row.schedule))
    return render(request, "traits/sql_runs.html", _runs_context(request, row) | {"form": form})


@space_view()
@require_GET
def runs_live(request: SpaceRequest, trait_id: str) -> HttpResponse:
    """The part of the page that moves."""
    row = get_row(request, trait_id)
    if not request.htmx:
        return redirect("traits:sql_runs", space=request.space.slug, trait_id=trait_id)
    return render(request, "traits/_sql_runs.html", _runs_context(request, row))


@space_view(write=Role.USER)
@require_POST
def schedule(request: SpaceRequest, trait_id: str) -> HttpResponse:
    """When the query runs by itself."""
    row = get_row(request, trait_id)
    form = ScheduleForm(request.POST)
    if form.is_valid():
        try:
            services.set_schedule(trait=row.trait, schedule=form.plan, changed_by=request.user)
        except ProductError as error:
            form.add_error("times", error.detail)
        else:
            messages.success(request, "The schedule was saved.")
            return redirect("traits:sql_runs", space=request.space.slug, trait_id=trait_id)
    return render(request, "traits/sql_runs.html", _runs_context(request, row) | {"form": form}, status=422)


def is_sql(trait: Trait) -> bool:
    return trait.kind == SQL
