"""How a trait's value is shown: text as it is, the rest as JSON, told apart by its look."""

from __future__ import annotations

import json
from typing import Any

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()

LONGEST = 2_000


@register.simple_tag
def json_value(value: Any) -> SafeString:
    if isinstance(value, str):
        return format_html('<span class="value value--text">{}</span>', _cut(value)) if value else _empty()
    text = json.dumps(value, ensure_ascii=False, indent=2 if isinstance(value, dict | list) else None)
    css = "block" if isinstance(value, dict | list) else "literal"
    return format_html('<code class="value value--{}">{}</code>', css, _cut(text))


def _empty() -> SafeString:
    return format_html('<span class="muted">{}</span>', "empty text")


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else text[:LONGEST] + "…"
