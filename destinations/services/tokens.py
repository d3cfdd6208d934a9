"""Tokens of destinations: renewed by one process at a time, stored encrypted; a destination that refuses is paused."""

from __future__ import annotations

import msgspec
from django.db import connection as database
from django.db import transaction
from django.utils import timezone

from common.locks import LockClass
from common.secrets import SecretsError, decrypt, encrypt
from destinations.config import DestinationConfig, secret_texts
from destinations.kit.conversation import UNAUTHORIZED, Tokens
from destinations.kit.definition import Token
from destinations.kit.verdicts import Verdict
from destinations.models import Destination
from spaces import audit


class StoredTokens(Tokens):
    """The token of a destination, shared by all processes."""

    def __init__(self, config: DestinationConfig) -> None:
        super().__init__(config.token)
        self._destination_id = config.id
        # Texts to redact: the destination's secrets, and every token that came meanwhile.
        self.secret_values = config.secret_values

    def acquire(self) -> bool:
        if not super().acquire():
            return False
        with database.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", [LockClass.TOKEN_REFRESH, self._destination_id])
            is_mine = bool(cursor.fetchone()[0])
        if not is_mine:
            super().release()
        return is_mine

    def release(self) -> None:
        super().release()
        with database.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [LockClass.TOKEN_REFRESH, self._destination_id])

    def reload(self) -> None:
        row = Destination.objects.filter(pk=self._destination_id).values_list("token", flat=True).first()
        try:
            stored = decrypt(row) if row else {}
        except SecretsError:
            stored = {}
        if stored:
            self.current = msgspec.convert(stored, Token)
            self._note()

    def renew(self, token: Token) -> None:
        super().renew(token)
        self._note()
        Destination.objects.filter(pk=self._destination_id).update(
            token=encrypt(msgspec.to_builtins(token)), updated_at=timezone.now()
        )

    def _note(self) -> None:
        texts = secret_texts([self.current.access_token, self.current.refresh_token])
        self.secret_values = tuple(sorted({*self.secret_values, *texts}, key=len, reverse=True))


def needs_sign_in(config: DestinationConfig, verdict: Verdict) -> bool:
    """Whether the destination refuses to let us in, and no new token helped: it is to be paused."""
    auth = config.definition.auth if config.definition else None
    return verdict.status == UNAUTHORIZED and auth is not None and auth.refresh is not None


@transaction.atomic
def pause_destination(*, destination_id: int, reason: str) -> None:
    """Keep all calls of a destination waiting until its settings are changed or somebody resumes it."""
    destination = (
        Destination.objects.select_for_update(no_key=True, of=("self",))
        .select_related("space__workspace")
        .filter(pk=destination_id, deleted_at=None, paused_at=None)
        .first()
    )
    if destination is None:
        return
    destination.paused_at = timezone.now()
    destination.pause_reason = reason
    destination.save(update_fields=["paused_at", "pause_reason", "updated_at"])
    audit.record(
        space=destination.space,
        actor=None,
        action="destination.paused",
        target=destination,
        before={"paused": False},
        after={"paused": True, "reason": reason},
    )


def end_pause(destination: Destination) -> None:
    """Let the calls of a locked destination go again: with new credentials, or because somebody says so."""
    destination.paused_at = None
    destination.pause_reason = ""
