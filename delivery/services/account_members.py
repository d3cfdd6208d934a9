"""Who is sent for an account: the account itself by Group, its users by Identify, Track or as the people of a list.

Of every account a connection keeps, in `sent_value`, whether it was emitted as inside (MARK). A user of two accounts is
inside while one of them is.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from django.db import connection as database

from delivery.models import Connection
from delivery.services.copying import bigint_array
from delivery.services.sent_values import Noted, note
from delivery.services.targets import GROUP_ID
from spaces.models import Space

if TYPE_CHECKING:
    from delivery.services.emit import Change

__all__ = ["GROUP_ID", "INSIDE", "MARK", "OUTSIDE", "mark", "of_users", "users_inside"]

MARK = ("account", "")
INSIDE, OUTSIDE = '"inside"', '"outside"'

ENTERING = "SELECT l.profile_id, max(l.account_id) FROM account_link l WHERE {own} GROUP BY l.profile_id ORDER BY 1"
LEAVING = """
SELECT l.profile_id, max(l.account_id) FROM account_link l WHERE {own} AND NOT EXISTS (
    SELECT FROM account_link o JOIN sent_value s ON s.space_id = o.space_id AND s.connection_id = %(connection)s
        AND s.profile_id = o.account_id AND s.id_type = 'account' AND s.value = '"inside"'
    WHERE o.space_id = l.space_id AND o.profile_id = l.profile_id)
GROUP BY l.profile_id ORDER BY 1
"""
# Users of accounts that are inside; with `is_new_only`, those of whom nothing was sent yet.
USERS_INSIDE = """
SELECT DISTINCT c.id, l.profile_id, l.account_id FROM account_link l
JOIN delivery_connection c ON c.space_id = l.space_id AND c.collection = 1 AND c.removed_at IS NULL AND c.is_enabled
JOIN sent_value s ON s.space_id = c.space_id AND s.connection_id = c.id AND s.profile_id = l.account_id
    AND s.id_type = 'account' AND s.value = '"inside"'
WHERE l.space_id = %(space)s AND l.profile_id = ANY(%(profiles)s::bigint[])
AND (NOT %(is_new_only)s OR NOT EXISTS (SELECT FROM sent_value o WHERE o.space_id = c.space_id
    AND o.connection_id = c.id AND o.profile_id = l.profile_id))
ORDER BY 1, 2, 3
"""


def mark(*, space: Space, connection: Connection, changes: Sequence[Change], now: datetime) -> None:
    """Note which accounts are inside from now on."""
    noted = Noted()
    for change in changes:
        noted.add(change.profile_id, MARK, INSIDE if change.value else OUTSIDE)
    note(space=space, connection=connection, noted=noted, now=now)


def of_users(*, space: Space, connection: Connection, changes: Sequence[Change]) -> list[Change]:
    """The changes of accounts as changes of their users, after `mark`; also of users who never did anything (F143)."""
    by_account = {change.profile_id: change for change in changes}
    entering = _linked(ENTERING, space, connection, [one.profile_id for one in changes if one.value])
    leaving = _linked(LEAVING, space, connection, [one.profile_id for one in changes if not one.value])
    found = {**leaving, **entering}
    return [by_account[account_id].for_profile(user_id) for user_id, account_id in sorted(found.items())]


def users_inside(*, space: Space, profile_ids: Sequence[int], is_new_only: bool) -> dict[int, list[tuple[int, int]]]:
    """(user, account) by connection, of those of these users that belong to an account inside."""
    found: dict[int, list[tuple[int, int]]] = {}
    with database.cursor() as cursor:
        cursor.execute(
            USERS_INSIDE, {"space": space.pk, "profiles": bigint_array(profile_ids), "is_new_only": is_new_only}
        )
        for connection_id, user_id, account_id in cursor.fetchall():
            found.setdefault(connection_id, []).append((user_id, account_id))
    return found


def _linked(statement: str, space: Space, connection: Connection, account_ids: Sequence[int]) -> dict[int, int]:
    if not account_ids:
        return {}
    own = "l.space_id = %(space)s AND l.account_id = ANY(%(accounts)s::bigint[])"
    with database.cursor() as cursor:
        cursor.execute(
            statement.format(own=own),
            {"space": space.pk, "connection": connection.pk, "accounts": bigint_array(account_ids)},
        )
        return dict(cursor.fetchall())
