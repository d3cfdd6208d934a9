"""A new identifier of a member: what was sent for the others is sent with it too (destinations-and-sync.md §2)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from django.db import connection as database

from delivery.models import Connection
from delivery.services import account_members
from delivery.services.copying import bigint_array
from delivery.services.emit import Change, emit_changes
from profiles.models import ACCOUNTS
from spaces.models import Space


def resend_to_new_identifiers(*, space: Space, profile_ids: Sequence[int], now: datetime) -> int:
    """Send entries for identifiers that these profiles gained since they were sent as entered; returns how many calls.

    Values did not change, so only identifiers without a call of their own get one. Members who could not be sent for
    want of an identifier are sent now. Off by the space's setting (F100).
    """
    emitted = _resend_to_users(space=space, profile_ids=profile_ids, now=now)
    if not space.resend_on_new_identifier:
        return emitted
    with database.cursor() as cursor:
        cursor.execute(
            """
            SELECT DISTINCT c.id, s.profile_id FROM delivery_connection c
            JOIN sent_value s ON s.space_id = c.space_id AND s.connection_id = c.id
            AND s.profile_id = ANY(%s::bigint[])
            WHERE c.space_id = %s AND c.removed_at IS NULL AND c.is_enabled
            AND (s.value IN ('true'::jsonb, '"unsent"'::jsonb)
                OR jsonb_typeof(s.value) = 'array' AND s.value <> '[null]'::jsonb)
            AND s.sent_at < %s AND (c.collection = 0 OR s.id_type = 'group_id')
            """,
            [bigint_array(profile_ids), space.pk, now],
        )
        members: dict[int, list[int]] = defaultdict(list)
        for connection_id, profile_id in cursor.fetchall():
            members[connection_id].append(profile_id)
    return emitted + sum(
        emit_changes(
            space=space,
            computation_id=connection.computation_id,
            changes=_changes(connection, sorted(members[connection.pk])),
            now=now,
            connections=[connection],
            part="accounts" if connection.collection == ACCOUNTS else "all",
        )
        for connection in Connection.objects.filter(pk__in=members).order_by("pk")
    )


def _resend_to_users(*, space: Space, profile_ids: Sequence[int], now: datetime) -> int:
    """The same for users of accounts that are inside, and users who came to such an account since."""
    inside = account_members.users_inside(
        space=space, profile_ids=profile_ids, is_new_only=not space.resend_on_new_identifier
    )
    emitted = 0
    for connection in Connection.objects.filter(pk__in=inside).order_by("pk"):
        pairs = inside[connection.pk]
        of_account = {one.profile_id: one for one in _changes(connection, sorted({account for _, account in pairs}))}
        changes = {user: of_account[account].for_profile(user) for user, account in pairs if account in of_account}
        emitted += emit_changes(
            space=space,
            computation_id=connection.computation_id,
            changes=list(changes.values()),
            now=now,
            connections=[connection],
            part="users",
        )
    return emitted


def _changes(connection: Connection, profile_ids: Sequence[int]) -> list[Change]:
    """What is true of these profiles: that they are members, or the value of the trait they have now."""
    if connection.computation_class != "trait":
        return [Change(profile_id=profile_id, value=True) for profile_id in profile_ids]
    if connection.computation_columns:
        return _rows(connection, profile_ids)
    with database.cursor() as cursor:
        cursor.execute(
            "SELECT id, (traits -> %s)::text FROM profile WHERE space_id = %s AND id = ANY(%s::bigint[]) "
            "AND jsonb_typeof(traits -> %s) <> 'null' ORDER BY id",
            [connection.computation_key, connection.space_id, bigint_array(profile_ids), connection.computation_key],
        )
        return [Change(profile_id=profile_id, value=True, json=text) for profile_id, text in cursor.fetchall()]


def _rows(connection: Connection, profile_ids: Sequence[int]) -> list[Change]:
    """The same of a SQL trait: its columns as one object; who shows none of them has no row."""
    columns = connection.computation_columns
    with database.cursor() as cursor:
        cursor.execute(
            "SELECT p.id, "
            "(SELECT jsonb_object_agg(c.name, p.traits -> c.name) FROM unnest(%s::text[]) AS c(name))::text "
            "FROM profile p WHERE p.space_id = %s AND p.id = ANY(%s::bigint[]) AND p.traits ?| %s::text[] "
            "ORDER BY p.id",
            [columns, connection.space_id, bigint_array(profile_ids), columns],
        )
        return [Change(profile_id=profile_id, value=True, json=text) for profile_id, text in cursor.fetchall()]
