"""Every template compiles, and none carries inline code or loads anything from elsewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.template.loader import get_template

from tests.source_tree import PROJECT, TEMPLATES, files

INLINE = re.compile(
    r"<script(?![^>]*\bsrc=)(?![^>]*type=[\"'](?:application/json|importmap|speculationrules)[\"'])[^>]*>"
    r"|<style\b|\sstyle\s*=|\son[a-z]+\s*=\s*[\"']|javascript:",
    re.IGNORECASE,
)
ELSEWHERE = re.compile(
    r"<(?:script|link|img|iframe|source|video|audio|form|use|object|embed)\b[^>]*?"
    r"\b(?:src|href|action|srcset|data)\s*=\s*[\"']?\s*(?:https?:)?//",
    re.IGNORECASE,
)
ELSEWHERE_IN_STYLES = re.compile(r"(?:@import\s+|url\(\s*)[\"']?(?:https?:)?//", re.IGNORECASE)
ELSEWHERE_IN_SCRIPTS = re.compile(
    r"(?:\bfrom\s+|\bimport\s*\(?\s*|\bfetch\(\s*|\bsrc\s*=\s*)[\"'`](?:https?:)?//", re.IGNORECASE
)
COMMENT = re.compile(r"{#.*?#}|{% comment.*?{% endcomment %}|<!--.*?-->", re.DOTALL)


def markup(path: Path) -> str:
    return COMMENT.sub("", (PROJECT / path).read_text())


def test_the_walk_finds_templates() -> None:
    assert len(TEMPLATES) > 10


@pytest.mark.parametrize("path", TEMPLATES, ids=str)
def test_a_template_compiles(path: Path) -> None:
    assert get_template(path.relative_to("templates").as_posix()) is not None


@pytest.mark.parametrize("path", TEMPLATES, ids=str)
def test_a_template_has_no_inline_script_or_style(path: Path) -> None:
    assert INLINE.findall(markup(path)) == []


@pytest.mark.parametrize("path", TEMPLATES, ids=str)
def test_a_template_loads_nothing_from_elsewhere(path: Path) -> None:
    assert ELSEWHERE.findall(markup(path)) == []


@pytest.mark.parametrize("path", files(".css", below="static"), ids=str)
def test_a_style_sheet_loads_nothing_from_elsewhere(path: Path) -> None:
    assert ELSEWHERE_IN_STYLES.findall((PROJECT / path).read_text()) == []


@pytest.mark.parametrize("path", files(".js", below="static"), ids=str)
def test_a_script_loads_nothing_from_elsewhere(path: Path) -> None:
    assert ELSEWHERE_IN_SCRIPTS.findall((PROJECT / path).read_text()) == []


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        '<p style="color:red">',
        '<button onclick="go()">',
        "<style>p{}</style>",
        '<a href="javascript:go()">',
    ],
)
def test_the_scan_sees_inline_code(text: str) -> None:
    assert INLINE.search(text) is not None


@pytest.mark.parametrize(
    "text",
    [
        '<script src="/static/a.js" type="module"></script>',
        '<script type="application/json">{}</script>',
        "<p data-on>",
    ],
)
def test_the_scan_lets_the_rest_pass(text: str) -> None:
    assert INLINE.search(text) is None


@pytest.mark.parametrize(
    "text",
    ['<script src="https://cdn.example/a.js">', "<img src='//cdn.example/a.png'>", '<link href="http://a.example/b">'],
)
def test_the_scan_sees_what_is_elsewhere(text: str) -> None:
    assert ELSEWHERE.search(text) is not None
