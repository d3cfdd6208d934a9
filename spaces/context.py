"""What the shell around every page shows: the space switcher, the sections, the health chip and who is signed in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.functional import SimpleLazyObject

from spaces.access import rights
from spaces.entitlements import missing_feature
from spaces.models import Member, Space, User
from spaces.selectors import spaces_of


@dataclass(frozen=True, kw_only=True)
class Section:
    """An entry of the rail. It is left out while its page does not exist; active where a view of its apps is shown."""

    label: str
    icon: str
    route: str
    # Namespaces, or single routes, whose pages belong to the section.
    owns: tuple[str, ...]


SECTIONS = (
    Section(label="Home", icon="house", route="home", owns=("home",)),
    Section(label="Audiences", icon="users", route="audiences:list", owns=("audiences", "alerts:audience")),
    Section(label="Computed traits", icon="calculator", route="traits:list", owns=("traits",)),
    Section(label="Journeys", icon="route", route="journeys:list", owns=("journeys",)),
    Section(
        label="Profiles",
        icon="contact",
        route="profiles:list",
        owns=("profiles:list", "profiles:detail", "profiles:event"),
    ),
    Section(
        label="Destinations",
        icon="send",
        route="destinations:list",
        owns=(
            *("destinations", "alerts:destination", "delivery:destination", "delivery:event_delivery"),
            "delivery:destination_traits",
        ),
    ),
    Section(label="Delivery", icon="activity", route="delivery:overview", owns=("delivery",)),
    Section(label="Alerts", icon="bell", route="alerts:list", owns=("alerts",)),
    Section(
        label="Settings",
        icon="settings",
        route="spaces:settings",
        owns=(
            *("spaces", "profiles", "ingest", "delivery:debugger", "delivery:debugger_call"),
            "delivery:source_destinations",
            *("traits:warehouses", "traits:warehouse_new", "traits:warehouse", "warehouse_output", "alerts:warehouse"),
        ),
    ),
)


def shell(request: HttpRequest) -> dict[str, Any]:
    """`nav_spaces` for who is signed in; on pages of a space also `space`, `member`, `can`, `nav_sections`."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {}
    space: Space | None = getattr(request, "space", None)
    member: Member | None = getattr(request, "member", None)
    found: dict[str, Any] = {"nav_spaces": SimpleLazyObject(lambda: nav_spaces(user, space))}
    if space is None or member is None:
        return found
    return found | {
        "space": space,
        "member": member,
        "can": rights(member),
        "nav_sections": sections(request, space),
    }


def nav_spaces(user: User, current: Space | None) -> list[dict[str, Any]]:
    """Every space of the user: `{"name", "url", "kind", "workspace", "active"}`."""
    return [
        {
            "name": space.name,
            "url": reverse("home", kwargs={"space": space.slug}),
            "kind": space.kind,
            "workspace": space.workspace.name,
            "active": current is not None and space.pk == current.pk,
        }
        for space in spaces_of(user)
    ]


def route_url(route: str, space: Space, **parameters: object) -> str:
    """The address of a page of the space, "" when the page does not exist."""
    try:
        return reverse(route, kwargs={"space": space.slug, **parameters})
    except NoReverseMatch:
        return ""


def sections(request: HttpRequest, space: Space) -> list[dict[str, Any]]:
    """The rail: `{"label", "icon", "url", "active"}` for every section that has a page."""
    match = request.resolver_match
    here = match.view_name if match else ""
    active = _active(here)
    return [
        {"label": section.label, "icon": section.icon, "url": url, "active": section is active}
        for section in SECTIONS
        if (url := route_url(section.route, space))
        and not missing_feature(space.workspace, section.route.partition(":")[0])
    ]


def _active(here: str) -> Section | None:
    """The section that names the route itself, else the one that names its namespace."""
    namespace = here.partition(":")[0]
    for name in (here, namespace):
        for section in SECTIONS:
            if name in section.owns:
                return section
    return None
