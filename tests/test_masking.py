"""Members without the right to personal data see it nowhere: every page and operation of a space is read (§5)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from delivery.models import Delivery, DeliveryLog
from delivery.tests.builders import rows
from destinations.models import Mapping
from ingest.models import InboundLog
from ingest.tests.leaving import EMAIL, NAME, World
from profiles.models import Event
from spaces.models import Role, Space, User
from tests import factories
from tests.test_access import ROUTES

pytestmark = pytest.mark.django_db
SECRETS = (EMAIL.lower(), NAME.lower())
# Query strings under which a page shows people.
QUERIES = {
    "s/<slug:space>/profiles/<str:segment_id>/": ["tab=identities", "tab=events", "tab=linked", "tab=audiences"],
    "s/<slug:space>/profiles/": [f"q={EMAIL}"],
    "s/<slug:space>/delivery/trace/": [f"q={EMAIL}"],
    "s/<slug:space>/delivery/overview/messages/": ["stage=failed"],
    "api/v1/spaces/<slug:space>/trace/": [f"q={EMAIL}"],
    "api/v1/spaces/<slug:space>/profiles/": [f"identifier={EMAIL}"],
    "s/<slug:space>/audiences/<str:audience_id>/explain/": ["profile={segment_id}"],
    "s/<slug:space>/traits/<str:trait_id>/explain/": ["profile={segment_id}"],
}


@pytest.fixture
def world(space: Space, tmp_path: Path, settings: Any) -> World:
    settings.ENGAGE_DATA = tmp_path
    return World(space)


@pytest.fixture
def clerk(space: Space) -> User:
    """May change everything, and see no personal data."""
    return factories.make_member(workspace=space.workspace, role=Role.OWNER, has_pii_access=False).user


def values_of(world: World) -> dict[str, list[str]]:
    """For each parameter of an address what the world has to show for it."""
    ann = world.ann
    request = InboundLog.objects.filter(space_id=world.space.pk).order_by("id")[0]
    calls = [
        *DeliveryLog.objects.filter(profile_id=ann.id).values_list("id", flat=True)[:1],
        *Delivery.objects.filter(profile_id=ann.id).values_list("id", flat=True)[:1],
    ]
    audience, journey = world.audience.public_id, world.version.journey.public_id
    hook = world.hook.destination
    mapping = Mapping.objects.filter(destination=hook)[0]
    scenario, dry_run = world.version.journey.scenarios.get(), world.version.dry_runs.get()
    return {
        "space": [world.space.slug],
        "segment_id": [ann.segment_id],
        "event_id": [str(Event.objects.filter(profile_id=ann.id)[0].id)],
        "message_id": [f"{request.id}.{place}" for place in (0, 2, 5)],
        "call_id": [str(one) for one in calls],
        "audience": [audience],
        "audience_id": [audience],
        "computation_id": [audience],
        "destination": [hook.public_id],
        "destination_id": [hook.public_id],
        "connection": [world.hook.public_id],
        "connection_id": [world.crowd.public_id, world.hook.public_id],
        "mapping_id": [mapping.public_id],
        "source_id": [world.source.public_id],
        "journey": [journey],
        "journey_id": [journey],
        "step": ["s1"],
        "step_id": ["s1"],
        "run": [dry_run.public_id],
        "run_id": [dry_run.public_id, str(ann.id)],
        "scenario": [scenario.public_id],
        "trait": [world.trait.public_id],
        "trait_id": [world.trait.public_id],
        "export": [rows("SELECT public_id FROM audiences_audienceexport")[0][0]],
        "space_id": [world.space.public_id],
        "collection": ["users"],
        "lookup": [f"email:{EMAIL}"],
        "connector": ["webhook"],
        "number": ["1"],
    }


def addresses(route: str, values: dict[str, list[str]]) -> list[str]:
    """The address with every value of its parameters; none when the world has nothing for one."""
    found = ["/"]
    for number, part in enumerate(route.split("<")):
        inside, _, rest = part.partition(">") if number else ("", "", part)
        name = inside.rpartition(":")[2]
        choices = values.get(name, []) if number else [""]
        found = [address + choice + rest for address in found for choice in choices]
    return found


def leaks(send: Callable[[str], Any], world: World, wanted: Callable[[str], bool]) -> tuple[dict[str, str], int]:
    """(addresses whose answer names the person, how many answered 200)."""
    values = values_of(world)
    found: dict[str, str] = {}
    read = 0
    for route in filter(wanted, ROUTES):
        for address in addresses(route, values):
            queries = [query.format(segment_id=world.ann.segment_id) for query in QUERIES.get(route, [])]
            for url in [address, *(f"{address}?{query}" for query in queries)]:
                answer = send(url)
                body = b"".join(answer.streaming_content) if answer.streaming else answer.content
                read += answer.status_code == 200
                # A search box gives back what was typed into it.
                text = body.decode("utf-8", "replace").replace(EMAIL, "" if "=" + EMAIL in url else EMAIL).lower()
                if any(secret in text for secret in SECRETS):
                    place = min(text.find(secret) for secret in SECRETS if secret in text)
                    found[url] = text[max(0, place - 120) : place + 60]
    return found, read


def _is_page(route: str) -> bool:
    return route.startswith("s/<slug:space>/")


def _is_operation(route: str) -> bool:
    return route.startswith("api/v1/spaces/<slug:space>/")


def test_no_page_shows_personal_data_to_a_member_without_the_right(
    world: World, clerk: User, client_for: Callable[[User], Client]
) -> None:
    found, read = leaks(client_for(clerk).get, world, _is_page)

    assert sorted(found) == [], "\n".join(f"{url}\n    {text!r}" for url, text in found.items())
    assert read > 90


def test_no_operation_tells_personal_data_to_a_member_without_the_right(
    world: World, clerk: User, api_for: Callable[..., APIClient]
) -> None:
    found, read = leaks(api_for(clerk).get, world, _is_operation)

    assert sorted(found) == [], "\n".join(f"{url}\n    {text!r}" for url, text in found.items())
    assert read > 40


def test_with_the_right_it_is_shown(world: World, owner: User, client_for: Callable[[User], Client]) -> None:
    found, _ = leaks(client_for(owner).get, world, lambda route: "<str:segment_id>" in route)

    assert len(found) >= 4
