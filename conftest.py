"""The cast of every test: a space, who owns it, who may only look, and who has no business there."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from django.apps import apps
from django.db import connection
from django.test import Client
from hypothesis import HealthCheck, settings
from pytest_django import DjangoDbBlocker
from rest_framework.test import APIClient

from spaces.models import Role, Space, User
from tests import factories

# A busy machine is no counterexample: how long a case takes is not what a test finds out.
settings.register_profile("project", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("project")


@pytest.fixture(autouse=True)
def _empty_tables_that_django_does_not_flush(
    request: pytest.FixtureRequest, django_db_blocker: DjangoDbBlocker
) -> Iterator[None]:
    """A test with real transactions leaves rows in the tables whose SQL is our own."""
    yield
    marker = request.node.get_closest_marker("django_db")
    if (marker and marker.kwargs.get("transaction")) or "transactional_db" in request.fixturenames:
        own = [model._meta.db_table for model in apps.get_models() if not model._meta.managed]
        with django_db_blocker.unblock(), connection.cursor() as cursor:
            cursor.execute(f"TRUNCATE {', '.join(own)}")


@pytest.fixture
def owner(db: None) -> User:
    return factories.make_user(email="owner@example.com", name="Olga Owner")


@pytest.fixture
def space(owner: User) -> Space:
    """A Dev space `acme-dev` in the workspace Acme, of which `owner` is the owner."""
    workspace = factories.make_workspace(name="Acme")
    factories.make_member(workspace=workspace, user=owner, role=Role.OWNER)
    return factories.make_space(workspace=workspace, name="Acme Dev")


@pytest.fixture
def admin(space: Space) -> User:
    return factories.make_member(workspace=space.workspace, role=Role.ADMIN).user


@pytest.fixture
def editor(space: Space) -> User:
    """An Engage User: audiences, traits and journeys, no settings."""
    return factories.make_member(workspace=space.workspace, role=Role.USER).user


@pytest.fixture
def viewer(space: Space) -> User:
    """Read-only."""
    return factories.make_member(workspace=space.workspace, role=Role.READ_ONLY).user


@pytest.fixture
def outsider(db: None) -> User:
    """Owns a space of another workspace."""
    member = factories.make_member(role=Role.OWNER)
    factories.make_space(workspace=member.workspace)
    return member.user


@pytest.fixture
def client_for() -> Callable[[User], Client]:
    """`client_for(owner).get(…)`: a browser in which this user is signed in."""

    def make(user: User) -> Client:
        client = Client()
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        return client

    return make


@pytest.fixture
def api_for() -> Callable[..., APIClient]:
    """`api_for(owner, space).get(…)`: a REST client with a token of this user; space None = the whole workspace."""

    def make(user: User, space: Space | None = None) -> APIClient:
        secret = factories.make_token(user=user, space=space)
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Token {secret}")
        return client

    return make
