"""Journeys and journey keys of a profile (F012): the selectors, the profile's page and the API."""

from __future__ import annotations

import html
from collections.abc import Callable

import pytest
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from journeys.models import EndReason, Journey, JourneyVersion
from journeys.selectors.profile import JourneyValue, journey_values, journeys_of_profile
from journeys.tests.factories import row_of
from journeys.tests.live_rows import Past, Stop, moment, person, shop_version, walked
from profiles.models import ACCOUNTS, Profile
from spaces.models import Space, User
from tests.factories import NOW, make_profile

SENT = (
    Stop(step="order", arrived=0, joined=1, left=2),
    Stop(step="rest", arrived=1, joined=1, left=2),
    Stop(step="pro", arrived=2, joined=2, left=2, branch="true"),
    Stop(step="thanks", arrived=2, joined=2),
)


@pytest.fixture
def version(space: Space) -> JourneyVersion:
    return shop_version(space, exit_after={"days": 7}, reentry_after={"days": 1})


@pytest.fixture
def ada(space: Space) -> Profile:
    return person(space, "Ada")


def values(space: Space, profile: Profile) -> list[tuple[bool, object]]:
    return [(one.value, one.changed_at) for one in journey_values(space=space, profile=profile)]


def test_a_key_is_true_once_sent(space: Space, version: JourneyVersion, ada: Profile) -> None:
    """F012."""
    walked(version, ada, *SENT, past=Past(completed=2))

    found = journey_values(space=space, profile=ada)

    assert found == [
        JourneyValue(
            key=row_of(version, "thanks").key,
            value=True,
            changed_at=moment(2),
            step=row_of(version, "thanks"),
            journey=version.journey,
        )
    ]


def test_a_key_is_absent_before_anything_was_sent(space: Space, version: JourneyVersion, ada: Profile) -> None:
    walked(version, ada, Stop(step="order", arrived=0))

    assert values(space, ada) == []


def test_a_key_is_false_after_an_exit(space: Space, version: JourneyVersion, ada: Profile) -> None:
    walked(version, ada, *SENT, past=Past(completed=2, ended=168))

    assert values(space, ada) == [(False, moment(168))]


def test_a_key_is_true_again_after_reentry(space: Space, version: JourneyVersion, ada: Profile) -> None:
    walked(version, ada, *SENT, past=Past(completed=2, ended=168))
    walked(version, ada, Stop(step="thanks", arrived=200, joined=200), past=Past(entered=199, completed=200))

    assert values(space, ada) == [(True, moment(200))]


def test_a_key_is_false_once_the_ad_was_removed(space: Space, version: JourneyVersion, ada: Profile) -> None:
    walked(version, ada, Stop(step="thanks", arrived=2, joined=2, removed=50), past=Past(completed=2))

    assert values(space, ada) == [(False, moment(50))]


def test_a_key_stays_as_it_was_when_archived_or_deleted(space: Space, version: JourneyVersion, ada: Profile) -> None:
    walked(version, ada, *SENT, past=Past(completed=2, ended=90, reason=EndReason.ARCHIVED))
    Journey.objects.filter(pk=version.journey_id).update(deleted_at=timezone.now())

    assert values(space, ada) == [(True, moment(2))]
    assert journeys_of_profile(space=space, profile=ada) == []


def test_journeys_say_the_current_step_since_when_and_how_often(
    space: Space, version: JourneyVersion, ada: Profile
) -> None:
    walked(version, ada, past=Past(entered=-300, ended=-100))
    run = walked(version, ada, Stop(step="order", arrived=0))

    found = journeys_of_profile(space=space, profile=ada)

    assert [(one.journey.name, one.run.id, one.entries, one.status) for one in found] == [
        ("First purchase", run.id, 2, "in_progress")
    ]
    assert [(place.facts.title, place.is_waiting, place.since) for place in found[0].here] == [
        ("Entry", False, NOW),
        ("Ordered", True, NOW),
    ]


def test_journeys_in_which_the_person_is_come_first(space: Space, version: JourneyVersion, ada: Profile) -> None:
    other = shop_version(space, name="Other")
    walked(other, ada, past=Past(entered=-50))
    walked(version, ada, past=Past(entered=0, ended=1))

    assert [one.journey.name for one in journeys_of_profile(space=space, profile=ada)] == ["Other", "First purchase"]


def test_the_profile_page_has_a_tab_that_loads_the_journeys(
    space: Space, version: JourneyVersion, ada: Profile, owner: User, client_for: Callable[[User], Client]
) -> None:
    walked(version, ada, *SENT, past=Past(completed=2))
    client = client_for(owner)
    fragment_url = f"/s/{space.slug}/journeys/of-profile/{ada.segment_id}/"

    page = client.get(f"/s/{space.slug}/profiles/{ada.segment_id}/?tab=journeys").content.decode()
    fragment = html.unescape(client.get(fragment_url).content.decode())

    assert f'hx-get="{fragment_url}"' in page
    assert "First purchase" in fragment
    assert row_of(version, "thanks").key in fragment
    assert "<code>true</code>" in fragment


def test_an_account_has_no_journeys_tab(space: Space, owner: User, client_for: Callable[[User], Client]) -> None:
    account = make_profile(space=space, collection=ACCOUNTS)

    page = client_for(owner).get(f"/s/{space.slug}/profiles/{account.segment_id}/").content.decode()

    assert "?tab=journeys" not in page


def test_the_api_answers_journeys_and_keys_of_a_profile(
    space: Space, version: JourneyVersion, ada: Profile, owner: User, api_for: Callable[..., APIClient]
) -> None:
    run = walked(version, ada, *SENT, past=Past(completed=2))

    answer = api_for(owner, space).get(f"/api/v1/spaces/{space.slug}/profiles/{ada.segment_id}/journeys/")

    assert answer.json() == {
        "results": [
            {
                "id": version.journey.public_id,
                "name": "First purchase",
                "version": 1,
                "status": "completed",
                "entries": 1,
                "entered_at": "2026-03-15T12:00:00Z",
                "ended_at": None,
                "run": run.id,
                "steps": [
                    {
                        "step": "thanks",
                        "name": "Thanks",
                        "since": "2026-03-15T14:00:00Z",
                        "waiting": False,
                        "until": None,
                    }
                ],
            }
        ],
        "keys": [
            {
                "key": row_of(version, "thanks").key,
                "value": True,
                "changed_at": "2026-03-15T14:00:00Z",
                "step": "Thanks",
                "journey": version.journey.public_id,
            }
        ],
    }


def test_the_api_knows_no_profile_of_another_space(
    space: Space, owner: User, api_for: Callable[..., APIClient]
) -> None:
    answer = api_for(owner, space).get(f"/api/v1/spaces/{space.slug}/profiles/use_nobody/journeys/")

    assert answer.status_code == 404
