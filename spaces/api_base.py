"""The base of every REST view of a space: who may, and where it is."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import Http404
from rest_framework.exceptions import NotAuthenticated, PermissionDenied
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from common.api import KeysetPagination
from spaces.access import allows, membership, missing_right, required_role
from spaces.entitlements import refuse_missing
from spaces.models import ApiToken, Member, Role, Space, User


class SpaceAPIView(GenericAPIView):  # type: ignore[type-arg]
    """For everything under `/api/v1/spaces/<slug:space>/`.

    Sets `self.space`, `self.member` and `self.actor` before the handler runs. Outsiders, and tokens of another space,
    get 404; a role below `read_role` (safe methods) or `write_role` gets 403. Lists are keyset pages:
    `self.paginated(rows, Serializer)`. The handler still receives the `space` URL parameter, hence
    `def get(self, request, **kwargs)`.
    """

    read_role: ClassVar[Role] = Role.READ_ONLY
    write_role: ClassVar[Role] = Role.USER
    pagination_class = KeysetPagination
    space: Space
    member: Member
    actor: User

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        self.space, self.member = membership(caller(request), kwargs["space"])
        self.actor = self.member.user
        refuse_other_space(request, self.space)
        refuse_missing(self.member.workspace, type(self).__module__)
        needed = required_role(request.method, self.read_role, self.write_role)
        if not allows(self.member, needed):
            raise PermissionDenied(missing_right(self.member, needed))

    def paginated(
        self, rows: QuerySet[Any], serializer: type[BaseSerializer[Any]], *, order: str = "-id", **context: Any
    ) -> Response:
        """One keyset page of `rows` in this order, as `{"next", "previous", "results"}`.

        `order` names a unique column. The serializer's context holds
        `space`, `member` and what is given.
        """
        pager = KeysetPagination()
        pager.ordering = order
        page = pager.paginate_queryset(rows, self.request, view=self)
        shown = serializer(page, many=True, context={"space": self.space, "member": self.member, **context})
        return pager.get_paginated_response(shown.data)


def caller(request: Request) -> User:
    """Who is behind the token or the session; the permission classes let nobody else in."""
    user = request.user
    if not isinstance(user, User):
        raise NotAuthenticated
    return user


def refuse_other_space(request: Request, space: Space) -> None:
    """A token may be bound to one member and one space; elsewhere it sees nothing."""
    token = request.auth
    if not isinstance(token, ApiToken):
        return
    outside = token.member.workspace_id != space.workspace_id
    if outside or (token.space_id is not None and token.space_id != space.pk):
        raise Http404("There is no such space, or this token does not reach it.")
