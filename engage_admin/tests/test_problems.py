"""The home page names what needs somebody, and every problem leads to where it is mended."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from delivery.models import Connection, DeliveryLog, DestinationHealth
from delivery.tests.builders import make_connection
from delivery.tests.emitting import emit
from destinations.services.destinations import set_destination_enabled
from engage_admin.problems import problems
from profiles.models import Profile
from spaces.models import Space, User
from tests import factories
from traits.selectors.sql import HIDDEN
from traits.tests.warehouses import make_postgresql
from warehouse_output.models import OutputRun, WarehouseOutput

ClientFor = Callable[[User], Client]


@pytest.fixture
def connection(space: Space) -> Connection:
    return make_connection(space=space)


def titles(space: Space) -> list[str]:
    return [problem["title"] for problem in problems(space, now=timezone.now())]


def test_a_space_without_problems_has_none(space: Space, connection: Connection) -> None:
    assert titles(space) == []


def test_a_destination_that_waits_for_credentials_is_a_problem(space: Space, connection: Connection) -> None:
    destination = connection.destination
    destination.paused_at, destination.pause_reason = (
        timezone.now(),
        "The token was revoked. Connect the account again.",
    )
    destination.save()

    [problem] = problems(space, now=timezone.now())

    assert problem["title"] == f"{destination.name} is paused, so calls to it wait"
    assert problem["text"] == "The token was revoked. Connect the account again."
    assert problem["url"].endswith(f"/destinations/{destination.public_id}/")


def test_a_destination_that_is_spared_is_a_problem_until_it_is_asked_again(
    space: Space, connection: Connection
) -> None:
    now = timezone.now()
    DestinationHealth.objects.create(
        destination=connection.destination, last_error="503", open_until=now + timedelta(minutes=1)
    )

    assert titles(space) == [f"{connection.destination.name} keeps failing, so calls to it wait"]
    assert problems(space, now=now + timedelta(minutes=2)) == []


def test_calls_that_were_skipped_are_offered_once_the_destination_is_on(
    client_for: ClientFor, space: Space, owner: User, connection: Connection
) -> None:
    destination = connection.destination
    set_destination_enabled(destination=destination, actor=owner, is_enabled=False)
    for _ in range(2):
        emit(space, profile_with_id(space), value=True, now=timezone.now())
    skipped = DeliveryLog.objects.in_space(space).filter(reason="DESTINATION_DISABLED").count()
    while_off = titles(space)
    set_destination_enabled(destination=destination, actor=owner, is_enabled=True)

    [problem] = problems(space, now=timezone.now())
    page = client_for(owner).get(problem["url"]).content.decode()

    assert skipped >= 2
    assert while_off == []
    assert problem["title"] == f"{skipped} calls were not sent while {destination.name} was off"
    assert page.count('data-test="dead.replay-reason"') == 1
    assert problem["title"] in client_for(owner).get(f"/s/{space.slug}/").content.decode()


def test_a_warehouse_that_does_not_take_the_calls_is_a_problem_until_it_does(space: Space) -> None:
    output = WarehouseOutput.objects.create(
        space=space, source=make_postgresql(space=space), schema="engage_acme_dev", schedule={}
    )
    run = OutputRun.objects.create(space=space, output=output, trigger="person", state="failed", error="It is full.")

    [problem] = problems(space, now=timezone.now(), shows_pii=True)
    [hidden] = problems(space, now=timezone.now())
    OutputRun.objects.create(space=space, output=output, trigger="person", state="running")
    assert len(titles(space)) == 1
    OutputRun.objects.update(state="done")

    assert (problem["title"], problem["text"]) == (f"Engage's calls do not get into {output.name}", run.error)
    assert hidden["text"] == HIDDEN
    assert problem["url"].endswith(f"/settings/warehouses/{output.public_id}/output/")
    assert titles(space) == []


def profile_with_id(space: Space) -> Profile:
    profile = factories.make_profile(space=space)
    factories.make_identifier(profile=profile, id_type="user_id", value=f"u{profile.id}")
    return profile
