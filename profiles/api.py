"""REST: profiles by identifier, their traits, identities and events."""

from __future__ import annotations

from typing import Any

from django.http import Http404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from common.errors import InvalidError
from common.keyset import keyset_page
from profiles.masking import masked
from profiles.models import ACCOUNTS, USERS, Profile
from profiles.selectors import detail, search
from profiles.serializers import (
    EventPageSerializer,
    ProfileDetailSerializer,
    ProfilePageSerializer,
    profile_body,
)
from spaces.api_base import SpaceAPIView

COLLECTIONS = {"users": USERS, "accounts": ACCOUNTS}
DEFAULT_LIMIT = 50
MOST = 200
MOST_DAYS = 3_660


class ProfileView(SpaceAPIView):
    """What the views of profiles share."""

    def bodies(self, profiles: list[Profile]) -> list[dict[str, Any]]:
        identifiers = search.identifiers_of(self.space, (profile.id for profile in profiles))
        shows_pii = self.member.has_pii_access
        return [profile_body(row, identifiers.get(row.id, []), shows_pii=shows_pii) for row in profiles]

    def profile(self) -> Profile:
        found = search.profile_by_segment_id(self.space, self.kwargs["segment_id"])
        if found is None:
            raise Http404("This space has no profile with this Segment ID.")
        return found


class ProfileList(ProfileView):
    serializer_class = ProfilePageSerializer

    @extend_schema(
        operation_id="profiles_list",
        parameters=[
            OpenApiParameter(
                "identifier", str, description="A value, or `type:value`, of any identifier: exact match."
            ),
            OpenApiParameter("prefix", str, description="The beginning of such a value."),
            OpenApiParameter("collection", str, enum=list(COLLECTIONS), description="users (default) or accounts."),
            OpenApiParameter("limit", int, description="Rows a page, 50 by default, at most 200."),
            OpenApiParameter("after", str, description="The cursor in `next`."),
        ],
        responses=ProfilePageSerializer,
    )
    def get(self, request: Request, **kwargs: Any) -> Response:
        """Profiles that hold an identifier; without one all of them, newest first."""
        asked = request.query_params
        collection = asked.get("collection", "users")
        if collection not in COLLECTIONS:
            raise InvalidError.at("/collection", "collection must be users or accounts.", "unknown_collection")
        number, size, after = COLLECTIONS[collection], _limit(asked.get("limit")), asked.get("after", "")
        text = asked.get("identifier") or asked.get("prefix")
        if text is not None:
            found = search.search_profiles(
                self.space, text=text, collection=number, after=after, exact="identifier" in asked, size=size
            )
            profiles, more = [match.profile for match in found.matches], found.after
        elif "identifier" in asked or "prefix" in asked:
            raise InvalidError.at("/identifier", "Give a value, or leave the parameter out to list all.", "required")
        else:
            rows = Profile.objects.in_space(self.space).filter(collection=number).defer("trait_times")
            page = keyset_page(rows, after=after, size=size)
            profiles, more = page.rows, page.after
        return Response(_page(request, self.bodies(profiles), more))


class ProfileDetail(ProfileView):
    serializer_class = ProfileDetailSerializer

    @extend_schema(operation_id="profiles_retrieve", responses=ProfileDetailSerializer)
    def get(self, request: Request, **kwargs: Any) -> Response:
        """One profile. The Segment ID of a profile that was merged away answers its survivor."""
        profile = self.profile()
        merged = [alias.segment_id for alias in detail.merged_ids(self.space, profile)]
        return Response({**self.bodies([profile])[0], "merged_ids": merged})


class ProfileEvents(ProfileView):
    serializer_class = EventPageSerializer

    @extend_schema(
        operation_id="profiles_events",
        parameters=[
            OpenApiParameter("event", str, description="Only events of this name."),
            OpenApiParameter("days", int, description="How far back, 14 by default; 0 = all that are kept."),
            OpenApiParameter("limit", int, description="Rows a page, 50 by default, at most 200."),
            OpenApiParameter("after", str, description="The cursor in `next`."),
        ],
        responses=EventPageSerializer,
    )
    def get(self, request: Request, **kwargs: Any) -> Response:
        """Events of one profile, newest first."""
        asked = request.query_params
        profile = self.profile()
        days = _number("days", asked.get("days"), default=detail.EVENT_DAYS, lowest=0, highest=MOST_DAYS)
        name = asked.get("event")
        page = detail.events_of(
            self.space,
            profile,
            days=days or None,
            name=search.clean_query(name) if name is not None else None,
            after=asked.get("after", ""),
            size=_limit(asked.get("limit")),
        )
        identifiers = search.identifiers_of(self.space, [profile.id]).get(profile.id, [])
        bodies: list[Any] = [detail.raw_event(event, identifiers) for event in page.rows]
        if not self.member.has_pii_access:
            bodies = [masked(body) for body in bodies]
        return Response(_page(request, bodies, page.after))


def _page(request: Request, results: list[Any], after: str | None) -> dict[str, Any]:
    url = request.build_absolute_uri()
    return {
        "next": replace_query_param(url, "after", after) if after else None,
        "previous": None,
        "results": results,
    }


def _limit(text: str | None) -> int:
    return _number("limit", text, default=DEFAULT_LIMIT, lowest=1, highest=MOST)


def _number(name: str, text: str | None, *, default: int, lowest: int, highest: int) -> int:
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 9 and lowest <= int(text) <= highest):
        raise InvalidError.at(f"/{name}", f"{name} must be a whole number from {lowest} to {highest}.", "out_of_range")
    return int(text)
