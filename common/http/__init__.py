"""Guarded outbound HTTP over libcurl: every request that leaves the product goes through `CurlPool`."""

from __future__ import annotations

from common.http.errors import TransportError
from common.http.pool import CurlPool, Response, send

__all__ = ["CurlPool", "Response", "TransportError", "send"]
