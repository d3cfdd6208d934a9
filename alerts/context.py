"""The bell in the header of every page of a space."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import SimpleLazyObject

from alerts.selectors.alerts import bell as read_bell
from spaces.models import Member, Space


def bell(request: HttpRequest) -> dict[str, Any]:
    """`nav_alerts`: `{"bell", "url", "seen_url", "count_url"}`, read when a page shows it."""
    space: Space | None = getattr(request, "space", None)
    member: Member | None = getattr(request, "member", None)
    if space is None or member is None:
        return {}
    where = {"space": space.slug}
    return {
        "nav_alerts": SimpleLazyObject(
            lambda: {
                "bell": read_bell(space, member.user),
                "url": reverse("alerts:history", kwargs=where),
                "rules_url": reverse("alerts:list", kwargs=where),
                "seen_url": reverse("alerts:seen", kwargs=where),
                "count_url": reverse("alerts:bell", kwargs=where),
            }
        )
    }
