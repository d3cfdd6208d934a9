"""How a trained model is stored: as plain numbers, never as a pickle.

Reading one back runs no code, whoever wrote it. It stays in our own database beside a digest of its bytes, and one
whose digest differs is not used.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from typing import Any


class DamagedModelError(ValueError):
    """The bytes are not those that were stored."""


def packed(numbers: dict[str, Any]) -> tuple[bytes, str]:
    """The model as it is stored: its bytes, and their SHA-256."""
    body = zlib.compress(json.dumps(numbers, separators=(",", ":"), allow_nan=False).encode())
    return body, hashlib.sha256(body).hexdigest()


def unpacked(body: bytes, digest: str) -> dict[str, Any]:
    """The numbers of a stored model. Raises DamagedModelError when the digest is not that of the bytes."""
    if hashlib.sha256(body).hexdigest() != digest:
        raise DamagedModelError("The stored model is damaged: its digest differs. Press Retrain to make a new one.")
    found: dict[str, Any] = json.loads(zlib.decompress(body))
    return found
