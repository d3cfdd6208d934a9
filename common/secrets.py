"""Encryption at rest: a JSON object becomes one Fernet token. The keys come from the environment."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured


class SecretsError(Exception):
    """What was encrypted cannot be read with the keys there are."""


def encrypt(values: Mapping[str, Any]) -> bytes:
    """One token for all values, under the first key. Nothing to hide is no token at all."""
    if not values:
        return b""
    return _fernet(tuple(settings.ENGAGE_ENCRYPTION_KEYS)).encrypt(json.dumps(dict(values)).encode())


def decrypt(token: bytes | memoryview) -> dict[str, Any]:
    """The values of a token made under any of the keys; SecretsError when none fits."""
    if not token:
        return {}
    try:
        values = json.loads(_fernet(tuple(settings.ENGAGE_ENCRYPTION_KEYS)).decrypt(bytes(token)))
    except InvalidToken:
        raise SecretsError(
            "The secrets cannot be decrypted: ENGAGE_ENCRYPTION_KEY does not hold the key they were stored under."
        ) from None
    return dict(values)


@lru_cache(maxsize=4)
def _fernet(keys: tuple[str, ...]) -> MultiFernet:
    if not keys:
        raise ImproperlyConfigured(
            "ENGAGE_ENCRYPTION_KEY is not set. `make run` makes one; for your own server run "
            "`python -c 'from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())'`."
        )
    try:
        return MultiFernet([Fernet(key) for key in keys])
    except ValueError:
        raise ImproperlyConfigured(
            "ENGAGE_ENCRYPTION_KEY must hold Fernet keys: 32 bytes in URL-safe base64."
        ) from None
