"""AWS Signature Version 4: proving to S3 and STS who asks.

https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import parse_qsl, quote, urlsplit

import msgspec

from destinations.kit.http import Request

_UNRESERVED = "-_.~"


class Keys(msgspec.Struct, frozen=True, kw_only=True):
    """An access key; `session` is that of temporary ones."""

    access_key_id: str
    secret_access_key: str
    session: str = ""


def signed(request: Request, keys: Keys, *, region: str, service: str, now: datetime) -> Request:
    """The request with the headers that sign it. Its path has to be quoted already."""
    moment = now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    body_hash = hashlib.sha256(request.body or b"").hexdigest()
    headers = {**request.headers, "x-amz-content-sha256": body_hash, "x-amz-date": moment}
    if keys.session:
        headers["x-amz-security-token"] = keys.session
    parts = urlsplit(request.url)
    names, canonical_headers = _canonical_headers({**headers, "host": parts.netloc})
    canonical = "\n".join(
        [request.method, parts.path or "/", _canonical_query(parts.query), canonical_headers, names, body_hash]
    )
    scope = f"{moment[:8]}/{region}/{service}/aws4_request"
    to_sign = "\n".join(["AWS4-HMAC-SHA256", moment, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = f"AWS4{keys.secret_access_key}".encode()
    for step in (moment[:8], region, service, "aws4_request"):
        key = _hmac(key, step)
    credential = f"{keys.access_key_id}/{scope}"
    signature = _hmac(key, to_sign).hex()
    headers["Authorization"] = f"AWS4-HMAC-SHA256 Credential={credential},SignedHeaders={names},Signature={signature}"
    return msgspec.structs.replace(request, headers=headers)


def quoted_path(path: str) -> str:
    """A path with everything quoted that AWS quotes; slashes stay."""
    return quote(path, safe=f"/{_UNRESERVED}")


def _canonical_headers(headers: Mapping[str, str]) -> tuple[str, str]:
    known = sorted((name.lower(), " ".join(value.split())) for name, value in headers.items())
    return ";".join(name for name, _value in known), "".join(f"{name}:{value}\n" for name, value in known)


def _canonical_query(query: str) -> str:
    pairs = sorted(parse_qsl(query, keep_blank_values=True))
    return "&".join(f"{quote(name, safe=_UNRESERVED)}={quote(value, safe=_UNRESERVED)}" for name, value in pairs)


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()
