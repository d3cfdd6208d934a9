"""Small template tags of the design system; docs/design-system.md shows each. Load with `{% load ui %}`."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from datetime import date, datetime
from datetime import time as time_of_day
from functools import lru_cache
from typing import Any

from django import template
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from lucide.templatetags.lucide import lucide

from common.templatetags import _formats, _json, _status

register = template.Library()

THEME_COOKIE = "engage_theme"
THEMES = ("light", "dark")


@lru_cache(maxsize=512)
def _icon(name: str, size: int, css: str) -> SafeString:
    svg = lucide(name, size=size, **{"class": f"icon {css}".strip(), "aria-hidden": "true", "focusable": "false"})
    return mark_safe(svg)  # noqa: S308 - the package's own drawing with our attributes


@register.simple_tag
def icon(name: str, size: int = 16, css: str = "") -> SafeString:
    """`{% icon "users" %}`: a decorative Lucide icon. An unknown name raises, so a typo never ships."""
    return _icon(str(name), int(size), str(css))


@register.simple_tag
def badge(
    status: object, label: str = "", reason: str = "", since: datetime | None = None, percent: object = None
) -> SafeString:
    """Dot + word (ux.md §3). `reason` and `since` show on hover and focus; `percent` adds "(42 %)"."""
    words = _status.status_words(status)
    text = label or words.capitalize()
    if percent is not None and percent != "":
        text = f"{text} ({_formats.format_number(percent)} %)"
    parts = [reason] if reason else []
    if since:
        parts.append(f"Since {_formats.format_utc(since)} ({_formats.format_age(since, timezone.now())})")
    tone = _status.tone_of(status)
    if not parts:
        return format_html('<span class="badge badge--{}" data-status="{}">{}</span>', tone, words, text)
    return format_html(
        '<span class="badge badge--{}" data-status="{}" tabindex="0" data-tip="{}">{}'
        '<span class="visually-hidden">: {}</span></span>',
        tone,
        words,
        "\n".join(parts),
        text,
        ". ".join(parts),
    )


@register.simple_tag
def number(value: object, decimals: int = 0) -> str:
    """`1284` as "1,284"; unknown as a dash."""
    return _formats.format_number(value, decimals)


@register.filter
def compact(value: int | float | None) -> str:
    return _formats.format_compact(value)


@register.filter
def percentage(share: float | None, decimals: int = 1) -> str:
    """A share of 1: `0.984|percentage` is "98.4 %"."""
    return _formats.format_percent(share, decimals)


@register.filter
def duration(seconds: float | None) -> str:
    return _formats.format_duration(seconds)


@register.filter
def initials(name: object) -> str:
    return _formats.initials(str(name))


@register.simple_tag
def change(value: int | None, good: str = "up") -> SafeString:
    """A signed count, toned: `good` is up, down or none."""
    css = ""
    if value and good in {"up", "down"}:
        css = "positive" if (value > 0) == (good == "up") else "negative"
    return format_html('<span class="change {}">{}</span>', css, _formats.format_change(value))


@register.simple_tag
def timesince_abbr(moment: datetime | date | None) -> SafeString:
    """ "3 min ago" with the exact UTC in `title`; js/times.js adds the viewer's local time. None is a dash."""
    if not moment:
        return format_html('<span class="muted">{}</span>', _formats.UNKNOWN)
    if not isinstance(moment, datetime):
        moment = datetime.combine(moment, time_of_day())
    if timezone.is_naive(moment):
        moment = timezone.make_aware(moment)
    return format_html(
        '<time datetime="{}" title="{}" data-relative>{}</time>',
        moment.isoformat(),
        _formats.format_utc(moment),
        _formats.format_age(moment, timezone.now()),
    )


@register.simple_tag
def avatar(name: object, size: str = "", shape: str = "") -> SafeString:
    """Initials on a colour that stays the same for a name."""
    text = str(name)
    css = " ".join(
        ["avatar", f"avatar--hue-{sum(map(ord, text)) % 6}"] + [f"avatar--{word}" for word in (size, shape) if word]
    )
    return format_html('<span class="{}" aria-hidden="true">{}</span>', css, _formats.initials(text))


@register.inclusion_tag("components/code.html")
def json_block(value: object, title: str = "JSON", error_line: int = 0) -> dict[str, object]:
    """JSON with line numbers, folding, search, Copy and Copy path. `error_line` (from 1) is marked."""
    text = _json.pretty_json(value)
    return _code_context(text, "json", title, error_line)


@register.inclusion_tag("components/code.html")
def code_block(text: str, language: str = "text", title: str = "", error_line: int = 0) -> dict[str, object]:
    """Other text (`bash`, `http`, `sql`, `python`) in the same frame."""
    return _code_context(str(text), language, title or language, error_line)


def _code_context(text: str, language: str, title: str, error_line: int) -> dict[str, object]:
    lines = _json.highlighted_lines(text, language)
    return {
        "lines": lines,
        "title": title,
        "is_json": language == "json",
        "error_line": error_line,
        "searchable": language == "json" and len(lines) > 12,
    }


@register.simple_tag(takes_context=True)
def theme(context: template.Context) -> str:
    """light, dark or auto, from the cookie that js/theme.js sets. For `<html data-theme>`."""
    request: HttpRequest | None = context.get("request")
    chosen = request.COOKIES.get(THEME_COOKIE, "") if request is not None else ""
    return chosen if chosen in THEMES else "auto"


@register.simple_tag
def form_key() -> SafeString:
    """The one-time key of a mutating form (ux.md §1 rule 4), as the hidden field `form_key`."""
    return format_html('<input type="hidden" name="form_key" value="{}">', uuid.uuid4().hex)


@register.inclusion_tag("components/sort_header.html", takes_context=True)
def sort_header(context: template.Context, key: str, label: str, css: str = "", default: str = "") -> dict[str, Any]:
    """A sortable `<th>`. State is `?sort=key` or `?sort=-key`; `default` is the sort without the parameter."""
    request: HttpRequest = context["request"]
    current = request.GET.get("sort") or default
    direction = {key: "ascending", f"-{key}": "descending"}.get(current, "")
    query = request.GET.copy()
    for name in ("after", "before", "page"):
        query.pop(name, None)
    query["sort"] = f"-{key}" if direction == "ascending" else key
    return {"label": label, "css": css, "direction": direction, "href": f"?{query.urlencode()}"}


@register.inclusion_tag("components/pager.html", takes_context=True)
def pager(
    context: template.Context,
    *,
    after: str | None = None,
    before: str | None = None,
    shown: int | None = None,
    total: int | None = None,
    noun: str = "rows",
) -> dict[str, Any]:
    """Keyset links: `after`/`before` are the cursors of the next and previous page, None when there is none."""
    request: HttpRequest = context["request"]

    def link(name: str, cursor: str | None) -> str:
        if not cursor:
            return ""
        query = request.GET.copy()
        query.pop("after", None)
        query.pop("before", None)
        query[name] = str(cursor)
        return f"?{query.urlencode()}"

    return {
        "next_href": link("after", after),
        "previous_href": link("before", before),
        "shown": shown,
        "total": total,
        "noun": _singular(noun) if (shown if total is None else total) == 1 else noun,
    }


def _singular(noun: str) -> str:
    return f"{noun[:-3]}y" if noun.endswith("ies") else noun.removesuffix("s")


@register.filter
def get_item(mapping: Mapping[Any, Any] | None, key: Any) -> Any:
    """`mapping[key]`, None when absent."""
    return mapping.get(key) if mapping else None


@register.filter
def dom_id(value: object) -> str:
    """Any text as a fragment of an id: letters, digits, `-` and `_`."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", str(value)).strip("-") or "x"
