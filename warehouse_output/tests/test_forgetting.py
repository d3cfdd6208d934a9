"""Rows with an identifier of a person are deleted from every warehouse."""

from __future__ import annotations

import pytest

from warehouse_output.services.forgetting import forget_person
from warehouse_output.tests.writing import run_all, switch_on, users

pytestmark = pytest.mark.django_db
S = "engage_acme_dev"


def test_rows_with_an_identifier_of_the_person_are_deleted(place, space, people):
    switch_on(place.source)
    run_all()
    assert users(place.ask, "identifies") == [("bob@example.com",), ("u1",), ("u2",)]

    found = forget_person(space_id=space.pk, identifiers=[("user_id", "u1"), ("email", "BOB@example.com")])

    assert (found.rows, found.unreached, found.is_busy) == (5, [], False)
    assert users(place.ask, "identifies") == [("u2",)]
    assert place.ask(f"SELECT id FROM {S}.users") == [("u2",)]
    assert place.ask(f"SELECT user_id FROM {S}.audience_entered") == [("u2",)]
    again = forget_person(space_id=space.pk, identifiers=[("user_id", "u1")])
    assert again.rows == 0
