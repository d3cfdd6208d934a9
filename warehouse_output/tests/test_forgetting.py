"""Rows with an identifier of a person are deleted from every warehouse."""

from __future__ import annotations

import pytest

from delivery.tests.builders import make_connection
from tests import factories
from warehouse_output.services.forgetting import forget_person
from warehouse_output.tests.writing import emit, run_all, switch_on

pytestmark = pytest.mark.django_db
S = "engage_acme_dev"


@pytest.fixture
def people(space):
    ann = factories.make_profile(space=space, ids=[("user_id", "u1"), ("email", "Ann@example.com")])
    mail = factories.make_profile(space=space, ids=[("email", "bob@example.com")])
    other = factories.make_profile(space=space, ids=[("user_id", "u2"), ("anonymous_id", "u1")])
    connection = make_connection(space=space, send_identify=True)
    for one in (ann, mail, other):
        emit(connection, one)
    return ann, mail, other


def users(ask, table):
    return sorted(ask(f"SELECT coalesce(user_id, email) FROM {S}.{table}"))


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
