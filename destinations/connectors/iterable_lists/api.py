"""Iterable's API: addresses. https://api.iterable.com/api/docs"""

from __future__ import annotations

from destinations.kit.definition import Context

HOSTS = {"united_states": "https://api.iterable.com", "europe": "https://api.eu.iterable.com"}


def url(context: Context, path: str) -> str:
    return HOSTS[context.settings.get("dataCenterLocation") or "united_states"] + f"/api/{path}"
