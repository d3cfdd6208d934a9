"""The rail marks the section that a page is about, also when another app draws the page."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from audiences.services.audiences import create_audience
from delivery.tests.builders import make_destination
from spaces.models import Space, User
from tests import factories
from traits.tests.warehouses import make_postgresql

CURRENT = re.compile(r'class="rail__link" href="[^"]*" aria-current="page">.*?</svg>([^<]+)<', re.DOTALL)
ANYBODY = {"version": 1, "collection": "users", "where": {"event": "Signed Up"}}


@pytest.mark.parametrize(
    ("route", "about", "section"),
    [
        ("delivery:overview", "", "Delivery"),
        ("delivery:destination", "destination_id", "Destinations"),
        ("delivery:event_delivery", "destination_id", "Destinations"),
        ("delivery:destination_traits", "destination_id", "Destinations"),
        ("delivery:source_destinations", "source_id", "Settings"),
        ("alerts:list", "", "Alerts"),
        ("alerts:destination", "destination_id", "Destinations"),
        ("alerts:audience", "audience_id", "Audiences"),
        ("alerts:warehouse", "warehouse_id", "Settings"),
    ],
)
def test_the_rail_marks_what_the_page_is_about(
    space: Space, owner: User, client_for: Callable[[User], Client], route: str, about: str, section: str
) -> None:
    make: dict[str, Callable[[], str]] = {
        "destination_id": lambda: make_destination(space=space).public_id,
        "source_id": lambda: factories.make_source(space=space).public_id,
        "warehouse_id": lambda: make_postgresql(space=space).public_id,
        "audience_id": lambda: (
            create_audience(space=space, name="Anybody", definition=ANYBODY, created_by=owner).public_id
        ),
    }
    parts = {about: make[about]()} if about else {}

    answer = client_for(owner).get(reverse(route, kwargs={"space": space.slug, **parts}))

    assert [name.strip() for name in CURRENT.findall(answer.content.decode())] == [section]
