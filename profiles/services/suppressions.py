"""Suppressed identifiers: kept as keyed hashes, so that the list names nobody (ingestion-and-profiles.md §9).

Calls that carry one are refused (`ingest.suppressing`), and its profile enters no audience while it exists.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Collection, Iterable
from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple

from django.db import connection

from common.secrets import decrypt, encrypt
from profiles.models import Regulation, Suppression, SuppressionKey

_KEY_BYTES = 32


class Key(NamedTuple):
    """An identifier of a user as it is looked up: `value` is lower case."""

    id_type: str
    value: str


@lru_cache(maxsize=256)
def _opened(secret: bytes) -> bytes:
    return bytes.fromhex(decrypt(secret)["key"])


def _digest(key: bytes, one: Key) -> str:
    return hmac.new(key, f"{one.id_type}\0{one.value}".encode("utf-8", "surrogatepass"), sha256).hexdigest()


class Suppressed:
    """What a space refuses. Asks the database for the hashes of the identifiers it is shown, and nothing else."""

    def __init__(self, space_id: int, key: bytes, types: frozenset[str]) -> None:
        self.space_id = space_id
        self.types = types
        self._key = key

    def among(self, keys: Collection[Key]) -> set[Key]:
        """Which of these identifiers are suppressed."""
        by_digest = {(one.id_type, _digest(self._key, one)): one for one in keys if one.id_type in self.types}
        if not by_digest:
            return set()
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT id_type, digest FROM profiles_suppression WHERE space_id = %s AND digest = ANY(%s)",
                [self.space_id, [digest for _, digest in by_digest]],
            )
            return {by_digest[found] for found in cursor.fetchall() if found in by_digest}


def suppressed_in(space_id: int) -> Suppressed | None:
    """None, for the price of one look into an index, when the space suppresses nobody."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT id_type FROM profiles_suppression WHERE space_id = %s LIMIT 1", [space_id])
        if cursor.fetchone() is None:
            return None
        cursor.execute("SELECT DISTINCT id_type FROM profiles_suppression WHERE space_id = %s", [space_id])
        types = frozenset(row[0] for row in cursor.fetchall())
    return Suppressed(space_id, _key(space_id), types)


def suppressed_profiles(space_id: int) -> list[int]:
    """Profiles that enter no audience."""
    rows = Suppression.objects.filter(space_id=space_id, profile_id__isnull=False)
    return sorted(set(rows.values_list("profile_id", flat=True)))


def find(*, space_id: int, key: Key) -> Regulation | None:
    """The request by which an identifier is suppressed."""
    digest = _digest(_key(space_id), key)
    rows = Suppression.objects.select_related("regulation").filter(space_id=space_id, digest=digest)
    row = rows.filter(id_type=key.id_type).first()
    return row.regulation if row is not None else None


def suppress(*, regulation: Regulation, keys: Iterable[Key], profile_id: int | None, is_temporary: bool) -> int:
    """Refuse calls with these identifiers from the commit on; returns how many were not suppressed yet.

    Those that a deletion suppressed for its time stay for good when they are asked to.
    """
    key = _key(regulation.space_id)
    wanted = {(one.id_type, _digest(key, one)) for one in keys}
    held = Suppression.objects.filter(space_id=regulation.space_id, digest__in=[digest for _, digest in wanted])
    if not is_temporary:
        held.filter(is_temporary=True).update(is_temporary=False, regulation=regulation)
    known = set(held.values_list("id_type", "digest"))
    Suppression.objects.bulk_create(
        [
            Suppression(
                space_id=regulation.space_id,
                id_type=id_type,
                digest=digest,
                regulation=regulation,
                profile_id=profile_id,
                is_temporary=is_temporary,
            )
            for id_type, digest in sorted(wanted - known)
        ],
        ignore_conflicts=True,
    )
    return len(wanted - known)


def lift(*, space_id: int, keys: Iterable[Key]) -> int:
    """Take calls with these identifiers in again; returns how many were suppressed. Open deletions keep theirs."""
    key = _key(space_id)
    digests = [_digest(key, one) for one in keys]
    rows = Suppression.objects.filter(space_id=space_id, digest__in=digests, is_temporary=False)
    return rows.delete()[0]


def _key(space_id: int) -> bytes:
    """The key of the space, made at its first use."""
    secret = SuppressionKey.objects.filter(space_id=space_id).values_list("secret", flat=True).first()
    if secret is None:
        fresh = SuppressionKey(space_id=space_id, secret=encrypt({"key": secrets.token_hex(_KEY_BYTES)}))
        SuppressionKey.objects.bulk_create([fresh], ignore_conflicts=True)
        secret = SuppressionKey.objects.filter(space_id=space_id).values_list("secret", flat=True).get()
    return _opened(bytes(secret))
