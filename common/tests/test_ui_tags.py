from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.template import Context, Template
from django.test import RequestFactory
from lucide import IconDoesNotExist

from common.templatetags import _formats, _json, _status, ui

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def render(source: str, query: str = "", **context: object) -> str:
    request = RequestFactory().get(f"/{query}")
    return Template("{% load ui charts %}" + source).render(Context({"request": request, **context})).strip()


@pytest.mark.parametrize(
    ("status", "tone"),
    [
        ("live", "green"),
        ("IN_FLIGHT", "blue"),
        ("Draining", "amber"),
        ("dead_letter", "red"),
        ("never heard of", "grey"),
    ],
)
def test_badge_tone_follows_the_status(status: str, tone: str) -> None:
    assert _status.tone_of(status) == tone


def test_badge_escapes_its_reason_and_shows_progress() -> None:
    html = ui.badge("computing", reason="<b>slow</b>", percent=42)

    assert "Computing (42 %)" in html
    assert "<b>" not in html
    assert 'data-tip="&lt;b&gt;slow&lt;/b&gt;"' in html


@pytest.mark.parametrize(
    ("value", "shown"),
    [(1284, "1,284"), (0, "0"), (None, "\N{EN DASH}"), ("x", "\N{EN DASH}"), (10**20, f"{10**20:,}")],
)
def test_number_shows_unknown_as_a_dash_and_zero_as_zero(value: object, shown: str) -> None:
    assert _formats.format_number(value) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (2, "just now"),
        (42, "42 s ago"),
        (190, "3 min ago"),
        (7300, "2 h ago"),
        (86_400 * 3, "3 d ago"),
        (-600, "in 10 min"),
    ],
)
def test_age_is_short(seconds: int, shown: str) -> None:
    assert _formats.format_age(NOW - timedelta(seconds=seconds), NOW) == shown


def test_old_age_is_a_date() -> None:
    assert _formats.format_age(NOW - timedelta(days=100), NOW) == "14 Aug 2026"


def test_percent_never_rounds_up_to_all() -> None:
    assert _formats.format_percent(0.99999) == "99.9 %"
    assert _formats.format_percent(1.0) == "100 %"


@pytest.mark.parametrize(("seconds", "shown"), [(0.18, "180 ms"), (3.2, "3.2 s"), (250, "4 min 10 s"), (7200, "2 h")])
def test_duration(seconds: float, shown: str) -> None:
    assert _formats.format_duration(seconds) == shown


@pytest.mark.parametrize(
    ("name", "shown"), [("Ada Lovelace", "AL"), ("grace.hopper@x.io", "GH"), ("x", "X"), ("", "?")]
)
def test_initials(name: str, shown: str) -> None:
    assert _formats.initials(name) == shown


def test_unknown_icon_raises() -> None:
    with pytest.raises(IconDoesNotExist):
        ui.icon("no-such-icon")


def test_json_is_escaped_and_split_into_lines() -> None:
    lines = _json.highlighted_lines(_json.pretty_json({"a": "<script>", "b": [1, None]}))

    assert len(lines) == 7
    assert "&lt;script&gt;" in lines[1]
    assert "<script>" not in "".join(lines)


def test_broken_json_text_is_shown_as_it_came() -> None:
    assert _json.pretty_json('{"a": ') == '{"a": '
    assert _json.pretty_json('{"a":1}') == '{\n  "a": 1\n}'


def test_sort_header_toggles_and_keeps_filters() -> None:
    html = render('{% sort_header "name" "Name" %}', "?status=live&sort=name&after=9")

    assert 'aria-sort="ascending"' in html
    assert 'href="?status=live&amp;sort=-name"' in html


def test_pager_keeps_the_query_and_drops_the_old_cursor() -> None:
    html = render('{% pager after="n2" before=None shown=50 total=1284 noun="rows" %}', "?q=a&after=n1")

    assert 'href="?q=a&amp;after=n2"' in html
    assert "Previous" not in html
    assert "50 of 1,284 rows" in html


def test_theme_accepts_only_known_values() -> None:
    request = RequestFactory().get("/")
    request.COOKIES["engage_theme"] = '"><script>'

    assert ui.theme(Context({"request": request})) == "auto"

    request.COOKIES["engage_theme"] = "dark"

    assert ui.theme(Context({"request": request})) == "dark"


def test_charts_carry_no_inline_style() -> None:
    html = render('{% sparkline v "Up" %}{% bar 1 4 "A quarter" %}{% bars v "Days" %}', v=[1, 2, 3])

    assert "style=" not in html
    assert 'width="25.00"' in html
    assert html.count("<rect") == 5


def test_sparkline_of_one_point_is_empty() -> None:
    assert render('{% sparkline v "Up" %}', v=[1]) == ""
