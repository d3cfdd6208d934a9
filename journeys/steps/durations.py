"""A duration of a definition, in words and as two form fields."""

from __future__ import annotations

from typing import Any

from django.http import QueryDict

UNITS = ("minutes", "hours", "days", "weeks")


def duration_words(raw: Any) -> str:
    """`{"hours": 1}` as "1 hour"; "" when it is not complete."""
    if not isinstance(raw, dict) or len(raw) != 1:
        return ""
    unit, amount = next(iter(raw.items()))
    if unit not in UNITS or not isinstance(amount, int) or isinstance(amount, bool):
        return ""
    return f"{amount:,} {unit[:-1] if amount == 1 else unit}"


def duration_fields(raw: Any, default: str = "days") -> dict[str, str]:
    """`{"amount", "unit"}` for the form."""
    if isinstance(raw, dict) and len(raw) == 1:
        unit, amount = next(iter(raw.items()))
        if unit in UNITS:
            return {"amount": "" if amount is None else str(amount), "unit": unit}
    return {"amount": "", "unit": default}


def posted_duration(posted: QueryDict, name: str) -> dict[str, int] | None:
    """`<name>_amount` and `<name>_unit` as a duration; None while it is no whole number from 1."""
    amount, unit = posted.get(f"{name}_amount", "").strip(), posted.get(f"{name}_unit", "")
    if unit not in UNITS or not amount.isascii() or not amount.isdecimal() or len(amount) > 9 or int(amount) < 1:
        return None
    return {unit: int(amount)}
