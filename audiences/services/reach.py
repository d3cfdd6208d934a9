"""Whom a change reaches over the links of users and accounts.

An account audience depends on the account's users, and a user audience may depend on the audiences that the user's
accounts are in (audiences-and-traits.md §3.3, §8).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING

from django.db import connection

from audiences.compiler import Scope, TheseProfiles
from audiences.services.definitions import Compiled
from delivery.services.copying import bigint_array
from engine.conditions.mentioning import walk
from engine.conditions.nodes import UsersNode
from profiles.models import ACCOUNTS, USERS
from spaces.models import Space

if TYPE_CHECKING:
    from audiences.services.compute import Entered


class Reach:
    """The profiles to be looked at, grown from `scope` while one evaluation goes from audience to audience.

    `follows_links` false: only who is in the scope.
    """

    def __init__(
        self, *, space: Space, audiences: Sequence[Compiled], scope: Scope, follows_links: bool = True
    ) -> None:
        self.space = space
        self.given = scope
        self.by_id = {item.audience.pk: item.audience for item in audiences}
        self.asks_users = follows_links and any(
            isinstance(node, UsersNode)
            for item in audiences
            if item.audience.collection == ACCOUNTS
            for node in walk(item.condition.where)
        )
        self.more_users: set[int] = set()
        self._accounts: set[int] | None = None

    def scope(self, collection: int) -> Scope:
        """Over whom to evaluate audiences of the collection now."""
        if not isinstance(self.given, TheseProfiles):
            return self.given
        if collection == USERS or not self.asks_users:
            more = self.more_users if collection == USERS else set()
            return self.given if not more else TheseProfiles(ids=sorted(more.union(self.given.ids)))
        if self._accounts is None:
            users = self.more_users.union(self.given.ids)
            self._accounts = users_accounts(space=self.space, profile_ids=users).union(self.given.ids)
        return TheseProfiles(ids=sorted(self._accounts))

    def note(self, changes: Iterable[Entered], *, is_named: bool) -> None:
        """Memberships changed. `is_named`: something evaluated later asks for these audiences."""
        if not is_named:
            return
        accounts = {one.profile_id for one in changes if self._is_of_accounts(one.audience_id)}
        users = accounts_users(space=self.space, account_ids=accounts) - self.more_users
        if users:
            self.more_users |= users
            self._accounts = None

    def _is_of_accounts(self, audience_id: int) -> bool:
        audience = self.by_id.get(audience_id)
        return audience is not None and audience.collection == ACCOUNTS


def users_accounts(*, space: Space, profile_ids: Collection[int]) -> set[int]:
    """The accounts to which these users belong."""
    return _linked("account_id", "profile_id", space, profile_ids)


def accounts_users(*, space: Space, account_ids: Collection[int]) -> set[int]:
    """The users of these accounts."""
    return _linked("profile_id", "account_id", space, account_ids)


def _linked(wanted: str, given: str, space: Space, ids: Collection[int]) -> set[int]:
    if not ids:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT DISTINCT {wanted} FROM account_link WHERE space_id = %s AND {given} = ANY(%s::bigint[])",  # noqa: S608 - our own columns
            [space.pk, bigint_array(ids)],
        )
        return {row[0] for row in cursor.fetchall()}
