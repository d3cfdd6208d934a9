"""How many people the entry condition matches now: counted once a condition, kept for a few minutes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec
from django.core.cache import cache
from django.urls import reverse

from audiences.selectors.preview import PreviewError, PreviewReport, preview_report
from audiences.services.definitions import DefinitionError
from engine import conditions
from journeys.models import JourneyVersion
from spaces.access import SpaceRequest
from spaces.models import Space

KEPT_SECONDS = 300
COUNTING = "Counting who would enter…"


def kept_estimate(request: SpaceRequest, version: JourneyVersion) -> tuple[str, str]:
    """The note on the entry card, and the address that counts when it is not known: one of them may be ""."""
    condition = (version.definition.get("entry") or {}).get("condition")
    if not condition or not _is_complete(condition):
        return "", ""
    known = cache.get(_key(request.space, condition))
    if known is not None:
        return sentence(known), ""
    where = {"space": request.space.slug, "journey_id": version.journey.public_id}
    return COUNTING, reverse("journeys:builder_estimate", kwargs=where)


def estimate(request: SpaceRequest, version: JourneyVersion) -> str:
    """Count now, and keep the number."""
    condition = (version.definition.get("entry") or {}).get("condition")
    if not condition or not _is_complete(condition):
        return ""
    try:
        report = matching(request.space, condition, include_anonymous=False)
    except PreviewError:
        return "Too many to count quickly"
    except DefinitionError:
        return ""
    return sentence(report.total)


def matching(space: Space, condition: Mapping[str, Any], *, include_anonymous: bool) -> PreviewReport:
    """Who matches a condition now. Raises DefinitionError, PreviewError."""
    report = preview_report(space=space, definition=condition, include_anonymous=include_anonymous)
    if not include_anonymous:
        cache.set(_key(space, condition), report.total, KEPT_SECONDS)
    return report


def sentence(count: int) -> str:
    return "1 profile matches now" if count == 1 else f"{count:,} profiles match now"


def _is_complete(condition: Any) -> bool:
    try:
        conditions.parse(condition)
    except conditions.ConditionError:
        return False
    return True


def _key(space: Space, condition: Any) -> str:
    digest = hashlib.sha256(msgspec.json.encode(condition, order="deterministic")).hexdigest()
    return f"journey-estimate:{space.pk}:{digest[:32]}"
