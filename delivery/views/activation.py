"""What the connection form asks for while somebody types."""

from __future__ import annotations

from django.http import JsonResponse
from django.views.decorators.http import require_GET

from delivery.services.trait_sources import trait_options
from spaces.access import SpaceRequest, space_view


@space_view()
@require_GET
def traits(request: SpaceRequest) -> JsonResponse:
    """`?q=` answers `[{"value", "label", "hint", "kind", "group"}]`."""
    shows_pii = request.member.has_pii_access
    return JsonResponse(trait_options(request.space, text=request.GET.get("q", ""), shows_pii=shows_pii), safe=False)
