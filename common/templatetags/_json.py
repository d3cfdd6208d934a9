"""JSON and code as lines of Pygments-highlighted HTML (ux.md §3, JSON)."""

from __future__ import annotations

import json

from django.core.serializers.json import DjangoJSONEncoder
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name
from pygments.token import STANDARD_TYPES
from pygments.util import ClassNotFound

# Highlighting costs about 1 ms per 10 kB; beyond this, plain lines keep the page quick.
HIGHLIGHT_LIMIT = 300_000


def pretty_json(value: object) -> str:
    """JSON with two spaces of indent. Text that already is JSON is parsed first; other text is shown as it came."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return str(value)
    return json.dumps(value, indent=2, ensure_ascii=False, cls=DjangoJSONEncoder)


def highlighted_lines(text: str, language: str = "json") -> list[SafeString]:
    """One safe HTML string a line; every piece of `text` is escaped."""
    if len(text) > HIGHLIGHT_LIMIT:
        return [mark_safe(escape(line)) for line in text.split("\n")]  # noqa: S308 - escaped just now
    try:
        lexer: Lexer = get_lexer_by_name(language, ensurenl=False, stripnl=False)
    except ClassNotFound:
        lexer = get_lexer_by_name("text", ensurenl=False, stripnl=False)
    lines: list[list[str]] = [[]]
    for kind, value in lexer.get_tokens(text):
        css = STANDARD_TYPES.get(kind, "")
        for index, part in enumerate(value.split("\n")):
            if index:
                lines.append([])
            if part:
                piece = escape(part)
                lines[-1].append(f'<span class="{css}">{piece}</span>' if css not in {"", "w"} else piece)
    return [mark_safe("".join(parts)) for parts in lines]  # noqa: S308 - every part was escaped
