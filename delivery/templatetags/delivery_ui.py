"""`{% load delivery_ui %}`: changes of shares."""

from __future__ import annotations

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()

# Smaller changes round to none.
LEAST = 0.05


@register.simple_tag
def share_change(value: float | None, good: str = "none", unit: str = "pp") -> SafeString:
    """`+1.2 pp`: percent points (or percent) against the period before; `good` is up, down or none. None is nothing."""
    if value is None:
        return SafeString("")
    if abs(value) < LEAST:
        return format_html('<span class="change" title="Change against the period before">±0 {}</span>', unit)
    is_up = value > 0
    css = "" if good == "none" else ("positive" if is_up == (good == "up") else "negative")
    return format_html(
        '<span class="change {}" title="Change against the period before">{}{} {}</span>',
        css,
        "+" if is_up else "−",  # noqa: RUF001 - a minus sign, as elsewhere on the page
        f"{abs(value):,.1f}",
        unit,
    )
