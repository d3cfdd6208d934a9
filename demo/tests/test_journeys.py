"""The journeys of the demo can be published as they are."""

from __future__ import annotations

from demo.services.journeys import load_journeys
from destinations.services.destinations import create_destination
from journeys.models import JourneyVersion
from spaces.models import Space, User
from tests.factories import NOW, make_source

CONNECTORS = {"crm": "webhook", "erp": "webhook_classic", "ads": "webhook_list"}


def test_three_journeys_are_live_and_one_is_a_draft(space: Space, owner: User) -> None:
    make_source(space=space)
    destinations = {
        name: create_destination(
            space=space,
            actor=owner,
            name=name,
            connector=connector,
            settings={"url": f"https://{name}.example/hook"},
            is_enabled=True,
        )
        for name, connector in CONNECTORS.items()
    }

    load_journeys(space=space, owner=owner, destinations=destinations, now=NOW)

    found = JourneyVersion.objects.order_by("journey_id").values_list("journey__name", "state")
    assert list(found) == [
        ("First purchase", "published"),
        ("Win back quiet customers", "published"),
        ("Newsletter readers who shop", "published"),
        ("Invite to the loyalty club", "draft"),
    ]
