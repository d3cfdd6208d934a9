"""Inline SVG charts without a style attribute, so they pass the strict content policy. `{% load charts %}`."""

from __future__ import annotations

from collections.abc import Sequence

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

register = template.Library()

WIDTH = 104.0
HEIGHT = 32.0


@register.simple_tag
def sparkline(values: Sequence[float], label: str, tone: str = "") -> SafeString:
    """A line over equally spaced values from 0 up. `label` says in words what is drawn (for screen readers)."""
    points = [float(value or 0) for value in values]
    if len(points) < 2:
        return SafeString("")
    top = max(*points, 1.0)
    step = WIDTH / (len(points) - 1)
    coordinates = [(index * step, HEIGHT - 2 - value / top * (HEIGHT - 4)) for index, value in enumerate(points)]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in coordinates)
    return format_html(
        '<svg class="sparkline {}" viewBox="0 0 104 32" preserveAspectRatio="none" role="img" aria-label="{}">'
        '<polygon class="sparkline__area" points="0,32 {} 104,32"></polygon>'
        '<polyline class="sparkline__line" points="{}"></polyline></svg>',
        f"sparkline--{tone}" if tone else "",
        label,
        line,
        line,
    )


@register.simple_tag
def bar(value: float | None, maximum: float, label: str, tone: str = "") -> SafeString:
    """One horizontal bar: `value` of `maximum`."""
    share = 0.0 if not value or maximum <= 0 else max(0.0, min(1.0, value / maximum))
    return format_html(
        '<svg class="bar {}" viewBox="0 0 100 6" preserveAspectRatio="none" role="img" aria-label="{}">'
        '<rect class="bar__track" width="100" height="6"></rect>'
        '<rect class="bar__value" width="{}" height="6"></rect></svg>',
        f"bar--{tone}" if tone else "",
        label,
        f"{share * 100:.2f}",
    )


@register.simple_tag
def bars(values: Sequence[float], label: str, titles: Sequence[str] = (), tone: str = "") -> SafeString:
    """Columns over equally spaced values; `titles` are their hover texts."""
    points = [float(value or 0) for value in values]
    if not points:
        return SafeString("")
    top = max(*points, 1.0)
    slot = 100 / len(points)
    rects = format_html_join(
        "",
        '<rect x="{}" y="{}" width="{}" height="{}"><title>{}</title></rect>',
        (
            (
                f"{index * slot + slot * 0.12:.2f}",
                f"{40 - max(value / top * 40, 0.6 if value else 0.2):.2f}",
                f"{slot * 0.76:.2f}",
                f"{max(value / top * 40, 0.6 if value else 0.2):.2f}",
                titles[index] if index < len(titles) else f"{value:,.0f}",
            )
            for index, value in enumerate(points)
        ),
    )
    return format_html(
        '<svg class="bars {}" viewBox="0 0 100 40" preserveAspectRatio="none" role="img" aria-label="{}">{}</svg>',
        f"bars--{tone}" if tone else "",
        label,
        rects,
    )
