"""What the pages of a source show of the pipeline: counts, and the messages that were rejected and why."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_GET

from common.keyset import keyset_page
from ingest import selectors
from ingest.readable import readable
from spaces.access import SpaceRequest, allows, space_view
from spaces.models import Role, Source
from spaces.selectors import sources_of


@space_view()
@require_GET
def source_counts(request: SpaceRequest) -> HttpResponse:
    """The table of sources with its counts; a whole page without htmx."""
    shown = {
        "sources": sources_of(request.space),
        "counts": _Zeros(selectors.counts_by_source(request.space, now=timezone.now())),
        "unknown": selectors.unknown_write_keys(now=timezone.now()) if allows(request.member, Role.ADMIN) else [],
    }
    return render(request, "spaces/_source_rows.html" if request.htmx else "spaces/source_list.html", shown)


@space_view()
@require_GET
def source_activity(request: SpaceRequest, source_id: str) -> HttpResponse:
    """Counts and rejected messages of one source: a live fragment, and a page of its own."""
    source = get_object_or_404(Source.objects.in_space(request.space), public_id=source_id)
    now = timezone.now()
    hours = selectors.counts_by_hour(source, now=now)
    page = keyset_page(
        selectors.rejected_of(source),
        after=request.GET.get("after", ""),
        before=request.GET.get("before", ""),
        size=5 if request.htmx else 50,
    )
    shows_pii = request.member.has_pii_access
    shown = {
        "source": source,
        "counts": selectors.counts_by_source(request.space, now=now).get(source.pk, selectors.Counts()),
        "values": [count for _, count in hours],
        "titles": [f"{hour:%d %b %H:00} UTC: {count:,}" for hour, count in hours],
        "page": page,
        "rejected": [{"row": row, "message": readable(row.message, shows_pii=shows_pii)} for row in page.rows],
    }
    template = "ingest/_source_activity.html" if request.htmx else "ingest/source_activity.html"
    return render(request, template, shown)


class _Zeros(dict[int, selectors.Counts]):
    """A source that received nothing has counted zero, which is known."""

    def get(self, key: int, default: object = None) -> selectors.Counts:
        return super().get(key) or selectors.Counts()
