from __future__ import annotations

from typing import Any

import pytest

from engine import mapping


def render(template: str, event: dict[str, Any] | None = None) -> str:
    rendered: str = mapping.resolve({"out": {"@liquid": template}}, event or {})["out"]
    return rendered


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{ 5 | divided_by: 2 }}", "2.5"),
        ("{{ list }}", "xy"),
        ("{{ object }}", "[object Object]"),
        ("{{ list | join: '-' }}", "x-y"),
        ("{{ missing.deep | default: 'none' }}", "none"),
        ("{{ 'a' | no_such_filter }}", "a"),
        ("{{ 'abc' | sha256 }}", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        ("{% if 0 %}yes{% endif %}", "yes"),
        ("{% assign a = 'b' | upcase %}{{ a }}", "B"),
        ("{% capture c %}x{{ 1 }}{% endcapture %}{{ c }}{{ c }}", "x1x1"),
        ("{% increment n %}{% increment n %}", "01"),
        ("{% cycle 'a', 'b' %}{% cycle 'a', 'b' %}", "ab"),
        ("{% raw %}{{ x }}{% endraw %}", "{{ x }}"),
        ("{{ '2024-05-06T07:08:09Z' | date: '%Y/%m/%d %H:%M' }}", "2024/05/06 07:08"),
        ("{{ now }}{{ today }}", ""),
        ("{{ partial }}", "mine"),
        ("{% if list > 5 %}yes{% else %}no{% endif %}", "no"),
        ("{% if '10' > 9 %}yes{% else %}no{% endif %}", "yes"),
        ("{% if 5 contains 'x' %}yes{% else %}no{% endif %}", "no"),
        ("{% if missing == blank %}yes{% else %}no{% endif %}", "yes"),
        ("{% if object.empty == 'e' %}yes{% endif %}{{ object.nil }}", "yesn"),
        ("{{ 'x' | plus: 2 }}{{ -1.5 | round }}", "2-2"),
        ("", ""),
    ],
)
def test_template_is_rendered_as_the_reference_does(template: str, expected: str) -> None:
    event = {"list": ["x", "y"], "object": {"a": 1, "empty": "e", "nil": "n"}, "partial": "mine"}

    assert render(template, event) == expected


@pytest.mark.parametrize(
    "template",
    [
        "{% for i in (1..3) %}{% endfor %}",
        "{% include '/etc/passwd' %}",
        "{% render 'x' %}",
        "{{ list | sort }}",
        "{{ 'now' | date: '%Y' }}",
        "{{ list | sample }}",
        "{{ unclosed",
        "x" * 1001,
    ],
)
def test_what_is_disabled_or_broken_fails_when_used(template: str) -> None:
    compiled = mapping.compile({"out": {"@liquid": template}})

    with pytest.raises(mapping.MappingError) as failure:
        compiled.resolve({"list": [1]})

    assert (failure.value.phase, failure.value.path) == ("liquid", "/out/@liquid")


def test_disabled_filter_in_a_branch_not_taken_is_harmless() -> None:
    assert render("{% if false %}{{ x | sort }}{% endif %}ok") == "ok"


def test_output_cannot_be_blown_up() -> None:
    doubling = "{% assign a = 'xxxxxxxxxx' %}" + "{% assign a = a | append: a %}" * 30

    with pytest.raises(mapping.MappingError, match=r"1,000,000 characters"):
        render(doubling)
