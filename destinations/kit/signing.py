"""Signatures that let a receiver check who sent a request."""

from __future__ import annotations

import hmac
from typing import Literal


def hmac_hex(secret: str, message: bytes, algorithm: Literal["sha1", "sha256", "sha512"] = "sha256") -> str:
    """Hexadecimal HMAC of `message` under `secret` (UTF-8)."""
    return hmac.digest(secret.encode(), message, algorithm).hex()


def signature_headers(secret: str, body: bytes, *, signed: bytes | None = None) -> dict[str, str]:
    """`X-Signature` (HMAC-SHA1 of `signed`, by default the body) and `X-Signature-256` (`sha256=…` of the whole body).

    No secret, no headers.
    """
    if not secret:
        return {}
    return {
        "X-Signature": hmac_hex(secret, body if signed is None else signed, "sha1"),
        "X-Signature-256": f"sha256={hmac_hex(secret, body)}",
    }
