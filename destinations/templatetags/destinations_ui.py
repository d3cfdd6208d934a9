"""Template tags of destinations, for the apps above too. Load with `{% load destinations_ui %}`."""

from __future__ import annotations

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from destinations.catalog import definition as find_definition

register = template.Library()


@register.simple_tag
def connector_icon(slug: str, css: str = "") -> SafeString:
    """The drawing of a connector in a tile; decorative. A connector that is not installed gets an empty tile."""
    definition = find_definition(str(slug))
    drawing = mark_safe(definition.icon) if definition else ""  # noqa: S308 - a file of the connector's own folder
    return format_html('<span class="logo-tile {}" aria-hidden="true">{}</span>', css, drawing)


@register.filter
def connector_name(slug: str) -> str:
    definition = find_definition(str(slug))
    return definition.name if definition else str(slug)
