"""Keyset pages of a queryset by its numeric id: constant cost however deep, and stable while rows are added."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from django.db.models import Model, QuerySet

M = TypeVar("M", bound=Model)
MAX_ID = 2**63 - 1


@dataclass(frozen=True, kw_only=True)
class KeysetPage(Generic[M]):
    """`after` and `before` are the cursors of the next and previous page for `{% pager %}`, None at either end."""

    rows: list[M]
    after: str | None
    before: str | None


def keyset_page(
    rows: QuerySet[M], *, after: str = "", before: str = "", size: int = 50, field: str = "id"
) -> KeysetPage[M]:
    """A page of `rows`, newest first. A cursor that is not a number is the first page."""
    older_than, newer_than = _cursor(after), _cursor(before)
    if newer_than is not None and older_than is None:
        found = list(rows.filter(**{f"{field}__gt": newer_than}).order_by(field)[: size + 1])
        has_newer, found = len(found) > size, found[:size][::-1]
        has_older = bool(found)
        if not found:
            return keyset_page(rows, size=size, field=field)
    else:
        if older_than is not None:
            rows = rows.filter(**{f"{field}__lt": older_than})
        found = list(rows.order_by(f"-{field}")[: size + 1])
        has_older, found = len(found) > size, found[:size]
        has_newer = older_than is not None and bool(found)
    return KeysetPage(
        rows=found,
        after=str(getattr(found[-1], field)) if has_older and found else None,
        before=str(getattr(found[0], field)) if has_newer and found else None,
    )


def _cursor(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 and int(text) <= MAX_ID else None
