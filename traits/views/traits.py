"""The list of computed traits and the pages of one: overview, values, settings."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from audiences.services.runs import progress_percent
from common.errors import ConflictError, ProductError
from profiles.models import Profile, ProfileAlias
from spaces.access import SpaceRequest, space_view
from spaces.context import route_url
from traits.forms import DetailsForm
from traits.models import Trait
from traits.selectors import traits as selectors
from traits.selectors.connections import connection_rows
from traits.selectors.masking import masked_value, shown_common, shown_distribution, shown_values
from traits.selectors.sql import common_by_column, schedule_of, sql_trait
from traits.selectors.values import common_values, distribution, profiles_with
from traits.services import traits as services
from traits.services.consumers import consumers
from traits.services.origins import origin_of
from traits.services.sql_columns import columns_of

PAGE_SIZE = 50
# Tabs of a trait in their order; an app above adds its own page by its route.
TABS = (
    ("traits:overview", "Overview"),
    ("traits:builder", "Builder"),
    ("traits:values", "Values"),
    ("traits:explain", "Explain"),
    ("traits:settings", "Settings"),
)


def get_trait(request: SpaceRequest, public_id: str) -> Trait:
    trait = selectors.get_trait(request.space, public_id)
    if trait is None:
        raise Http404("This space has no such trait.")
    return trait


def trait_context(request: SpaceRequest, trait: Trait, tab: str) -> dict[str, Any]:
    """What every page of one trait shows: its header and tabs."""
    run = selectors.open_run(trait)
    row = sql_trait(trait)
    return {
        "trait": trait,
        "kind_label": selectors.kind_label(trait),
        "origin": origin_of(trait),
        "tabs": [
            {"label": label, "url": url, "active": route.partition(":")[2] == tab}
            for route, label in (*TABS[:2], *origin_of(trait).tabs, *TABS[2:])
            if (url := route_url(route, request.space, trait_id=trait.public_id))
        ],
        "sql": row,
        "schedule": schedule_of(row) if row else None,
        "run": run,
        "percent": progress_percent(run),
        "is_locked": run is not None,
    }


@space_view()
@require_GET
def trait_list(request: SpaceRequest) -> HttpResponse:
    query = request.GET.get("q", "").replace("\0", "").strip()
    rows = selectors.trait_list(request.space)
    total = rows.count()
    if query:
        rows = rows.filter(name__icontains=query) | rows.filter(key__icontains=query)
    page = Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "rows": [{"trait": trait, "kind_label": selectors.kind_label(trait)} for trait in page.object_list],
        "q": query,
        "total": total,
        "destinations": selectors.destination_counts(request.space),
    }
    template = "traits/trait_list.html"
    return render(request, f"{template}#table" if request.htmx and not request.htmx.boosted else template, context)


@space_view()
@require_GET
def overview(request: SpaceRequest, trait_id: str) -> HttpResponse:
    """Status, what it is made of, the most common values (W053), and the destinations table."""
    trait = get_trait(request, trait_id)
    context = trait_context(request, trait, "overview") | {
        "rows": connection_rows(trait),
        "sentence": selectors.describe(trait),
        "common": shown_common(common_values(trait), trait=trait, shows_pii=request.member.has_pii_access),
        "columns": common_by_column(trait, shows_pii=request.member.has_pii_access),
    }
    return render(request, "traits/trait_overview.html", context)


@space_view()
@require_GET
def live(request: SpaceRequest, trait_id: str) -> HttpResponse:
    """The part of the overview that moves: status, progress, size and the destinations table."""
    trait = get_trait(request, trait_id)
    context = trait_context(request, trait, "overview") | {"rows": connection_rows(trait)}
    if not request.htmx:
        return redirect("traits:overview", space=request.space.slug, trait_id=trait.public_id)
    return render(request, "traits/_live.html", context)


@space_view()
@require_GET
def values(request: SpaceRequest, trait_id: str) -> HttpResponse:
    """How values are distributed, and who has which, a page at a time in the order in which profiles were created."""
    trait = get_trait(request, trait_id)
    after = request.GET.get("after", "")
    position = int(after) if after.isascii() and after.isdigit() and len(after) < 19 else 0
    people, following = profiles_with(trait, after=position, limit=PAGE_SIZE)
    shows_pii = request.member.has_pii_access
    columns = columns_of(trait)
    column = next((one for one in columns if one == request.GET.get("column")), columns[0] if columns else "")
    context = trait_context(request, trait, "values") | {
        "column": column,
        "column_tabs": [{"label": one, "url": f"?column={one}", "active": one == column} for one in columns],
        "people": shown_values(people, trait=trait, shows_pii=shows_pii),
        "following": following,
        "is_first": position == 0,
        "distribution": shown_distribution(distribution(trait, column=column), trait=trait, shows_pii=shows_pii)
        if position == 0
        else None,
    }
    return render(request, "traits/trait_values.html", context)


@space_view()
@require_http_methods(["GET", "POST"])
def settings(request: SpaceRequest, trait_id: str) -> HttpResponse:
    """Name and description, enabled or not, consumers, deletion."""
    trait = get_trait(request, trait_id)
    form = DetailsForm(request.POST or None, initial={"name": trait.name, "description": trait.description})
    if request.method == "POST" and form.is_valid():
        try:
            services.update_trait(trait=trait, changed_by=request.user, **form.cleaned_data)
        except ConflictError:
            raise
        except ProductError as error:
            form.add_product_error(error)
        else:
            messages.success(request, "The trait was saved.")
            return redirect("traits:settings", space=request.space.slug, trait_id=trait.public_id)
    context = trait_context(request, trait, "settings") | {
        "form": form,
        "consumers": consumers(space=request.space, trait=trait),
    }
    return render(request, "traits/trait_settings.html", context, status=422 if form.errors else 200)


@space_view()
@require_POST
def toggle(request: SpaceRequest, trait_id: str) -> HttpResponse:
    trait = get_trait(request, trait_id)
    is_enabled = request.POST.get("enabled") == "1"
    services.set_enabled(trait=trait, is_enabled=is_enabled, changed_by=request.user)
    said = "enabled: everybody is computed again" if is_enabled else "disabled: nothing computes or sends"
    messages.success(request, f"{trait.name} is {said}.")
    return redirect("traits:settings", space=request.space.slug, trait_id=trait.public_id)


@space_view()
@require_POST
def refresh(request: SpaceRequest, trait_id: str) -> HttpResponse:
    """**Refresh Trait**: compute everybody again."""
    trait = get_trait(request, trait_id)
    try:
        services.refresh_trait(trait=trait, refreshed_by=request.user)
    except ConflictError as error:
        messages.error(request, error.detail)
    else:
        messages.success(request, "Everybody is being computed again. Only values that differ are sent.")
    return redirect("traits:overview", space=request.space.slug, trait_id=trait.public_id)


@space_view()
@require_POST
def cancel(request: SpaceRequest, trait_id: str) -> HttpResponse:
    """Stop a full computation."""
    trait = get_trait(request, trait_id)
    try:
        services.cancel_run(trait=trait, cancelled_by=request.user)
    except ConflictError as error:
        messages.error(request, error.detail)
    else:
        messages.success(request, "The computation was cancelled.")
    return redirect("traits:overview", space=request.space.slug, trait_id=trait.public_id)


@space_view()
@require_POST
def delete(request: SpaceRequest, trait_id: str) -> HttpResponse:
    trait = get_trait(request, trait_id)
    if request.POST.get("confirm_name", "").strip() != trait.name:
        messages.error(request, "Nothing was deleted: the name that you typed is not the trait's.")
        return redirect("traits:settings", space=request.space.slug, trait_id=trait.public_id)
    try:
        services.delete_trait(trait=trait, deleted_by=request.user)
    except ConflictError as error:
        messages.error(request, error.detail)
        return redirect("traits:settings", space=request.space.slug, trait_id=trait.public_id)
    messages.success(request, f"{trait.name} was deleted. Its key {trait.key} stays reserved.")
    return redirect("traits:list", space=request.space.slug)


@space_view()
@require_GET
def profile_traits(request: SpaceRequest, segment_id: str) -> HttpResponse:
    """For the profile's page: the computed traits with the value the person has."""
    alias = ProfileAlias.objects.filter(segment_id=segment_id, space_id=request.space.pk).first()
    profiles = Profile.objects.in_space(request.space)
    profile = profiles.filter(id=alias.profile_id).first() if alias else profiles.filter(segment_id=segment_id).first()
    if profile is None:
        raise Http404("This space has no such profile.")
    rows = selectors.traits_of_profile(space=request.space, profile=profile)
    if not request.member.has_pii_access:
        rows = [replace(row, value=masked_value(row.value, row.trait)) for row in rows]
    return render(request, "traits/profile_traits.html", {"rows": rows, "profile": profile})
