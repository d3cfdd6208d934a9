"""The READMEs of connectors as HTML: headings, paragraphs, lists, code, bold, italics. Everything is escaped first."""

from __future__ import annotations

import re

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

_CODE = re.compile(r"`([^`]+)`")
_BOLD = re.compile(r"\*\*([^*]+)\*\*")
_ITALIC = re.compile(r"\*([^*]+)\*")


def as_html(text: str) -> SafeString:
    """The README without its title, which the page shows itself. `##` becomes h3, as the card has an h2."""
    html: list[str] = []
    for block in _blocks(text):
        first = block[0]
        if first.startswith("```"):
            html.append(f'<pre tabindex="0"><code>{escape(chr(10).join(block[1:]))}</code></pre>')
        elif first.startswith("# "):
            continue
        elif first.startswith("## "):
            html.append(f"<h3>{_inline(first[3:])}</h3>")
        elif first.startswith("- "):
            items = re.split(r"\n- ", "\n".join(block)[2:])
            html.append("<ul>" + "".join(f"<li>{_inline(item)}</li>" for item in items) + "</ul>")
        elif first.startswith("1. "):
            items = re.split(r"\n\d+\. ", "\n".join(block)[3:])
            html.append("<ol>" + "".join(f"<li>{_inline(item)}</li>" for item in items) + "</ol>")
        else:
            html.append(f"<p>{_inline(' '.join(block))}</p>")
    return mark_safe("".join(html))  # noqa: S308 - escaped above


def _blocks(text: str) -> list[list[str]]:
    blocks: list[list[str]] = []
    block: list[str] = []
    in_code = False
    for line in text.splitlines():
        if line.startswith("```"):
            if in_code:
                blocks.append(block)
                block = []
            else:
                if block:
                    blocks.append(block)
                block = [line]
            in_code = not in_code
        elif in_code or line.strip():
            block.append(line)
        elif block:
            blocks.append(block)
            block = []
    if block:
        blocks.append(block)
    return blocks


def _inline(text: str) -> str:
    html = escape(" ".join(text.split("\n")))
    parts = _CODE.split(html)
    for index, part in enumerate(parts):
        if index % 2:
            parts[index] = f"<code>{part}</code>"
        else:
            parts[index] = _ITALIC.sub(r"<em>\1</em>", _BOLD.sub(r"<strong>\1</strong>", part))
    return "".join(parts)
