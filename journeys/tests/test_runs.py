"""Runs of a journey: lists, the search for a person, and the timeline with its reasons."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client

from audiences.models import Audience, Membership
from journeys.models import EndReason, JourneyVersion, Run
from journeys.selectors import runs
from journeys.selectors.explaining import value_words
from journeys.selectors.timeline import Entry, timeline
from journeys.tests.factories import make_definition, make_live_journey, where
from journeys.tests.live_rows import ORDERED, Past, Stop, moment, person, shop_version, walked
from profiles.models import Profile
from spaces.models import Member, Space, User
from tests.factories import NOW, make_event

ClientFor = Callable[[User], Client]
TO_PRO = (
    Stop(step="order", arrived=0, joined=1, left=2),
    Stop(step="rest", arrived=1, joined=1, left=2),
    Stop(step="pro", arrived=2, joined=2, left=2, branch="true"),
    Stop(step="thanks", arrived=2, joined=2),
)


@pytest.fixture
def version(space: Space) -> JourneyVersion:
    return shop_version(space, exit_after={"days": 7})


def text_of(response: Any) -> str:
    return html.unescape(response.content.decode())


def page_url(version: JourneyVersion, rest: str = "runs/") -> str:
    return f"/s/{version.journey.space.slug}/journeys/{version.journey.public_id}/{rest}"


def lines_of(version: JourneyVersion, run: Run, profile: Profile, *, shows_pii: bool = True) -> list[Entry]:
    return timeline(run=run, version=version, profile=profile, shows_pii=shows_pii)


def names(page: runs.RunPage) -> list[str]:
    return [row.person.name for row in page.rows if row.person]


@pytest.fixture
def four(version: JourneyVersion, space: Space) -> JourneyVersion:
    """Ada waits, Ben completed, Cleo exited after completing, Dan exited before."""
    walked(version, person(space, "Ada"), Stop(step="order", arrived=0, wake=5))
    walked(version, person(space, "Ben", plan="pro"), *TO_PRO, past=Past(completed=2))
    walked(version, person(space, "Cleo", plan="pro"), *TO_PRO, past=Past(completed=2, ended=168))
    walked(version, person(space, "Dan"), Stop(step="order", arrived=0, left=168), past=Past(ended=168))
    return version


@pytest.mark.parametrize(
    ("show", "found"),
    [
        ("open", ["Ben", "Ada"]),
        ("entered", ["Dan", "Cleo", "Ben", "Ada"]),
        ("in_progress", ["Ada"]),
        ("completed", ["Cleo", "Ben"]),
        ("exited", ["Dan"]),
    ],
)
def test_runs_are_listed_by_state(four: JourneyVersion, show: str, found: list[str]) -> None:
    page = runs.run_page(runs.Wanted(version=four, show=show), shows_pii=True)

    assert names(page) == found


@pytest.mark.parametrize("query", ["ada", "ADA@example.com", "email:ada@example.com", "user_id:ada"])
def test_a_person_is_found_by_any_identifier(four: JourneyVersion, query: str) -> None:
    page = runs.run_page(runs.Wanted(version=four, query=query), shows_pii=True)

    assert names(page) == ["Ada"]


def test_the_search_leaves_out_who_exited(four: JourneyVersion) -> None:
    here = runs.run_page(runs.Wanted(version=four, query="dan"), shows_pii=True)
    ever = runs.run_page(runs.Wanted(version=four, query="dan", show="entered"), shows_pii=True)

    assert (names(here), names(ever)) == ([], ["Dan"])


def test_a_run_says_where_it_is_and_waits(four: JourneyVersion) -> None:
    rows = runs.run_page(runs.Wanted(version=four), shows_pii=True).rows

    found = {
        row.person.name: [(place.facts.title, place.is_waiting, place.since) for place in row.here]
        for row in rows
        if row.person
    }
    assert found == {
        "Ada": [("Entry", False, NOW), ("Ordered", True, NOW)],
        "Ben": [("Thanks", False, moment(2))],
    }


def test_runs_of_a_profile_span_versions_latest_first(version: JourneyVersion, space: Space) -> None:
    ada = person(space, "Ada")
    first = walked(version, ada, past=Past(ended=1))
    newer = make_live_journey(
        space=space, definition=version.definition, journey=version.journey, number=2, state="draining", computes=False
    )
    second = walked(newer, ada)

    found = runs.runs_of(space=space, journey=version.journey, profile=ada)

    assert [(row.run.id, row.version.number, row.status) for row in found] == [
        (second.id, 2, "in_progress"),
        (first.id, 1, "exited"),
    ]


def test_the_timeline_tells_entry_waits_decisions_sends_and_the_end_in_order(
    version: JourneyVersion, space: Space
) -> None:
    ada = person(space, "Ada", plan="pro")
    run = walked(version, ada, *TO_PRO, past=Past(completed=2, ended=168))

    lines = lines_of(version, run, ada)

    assert [(line.at, line.kind, line.title) for line in lines] == [
        (NOW, "entered", "Entered the journey"),
        (NOW, "waited", "Waited for “Ordered”"),
        (moment(1), "decision", "“Ordered” holds"),
        (moment(1), "waited", "Waited 1 hour"),
        (moment(2), "decision", "“On the pro plan?”: Pros"),
        (moment(2), "send", "Sent to the destinations of “Thanks”"),
        (moment(2), "completed", "Completed: reached a final step"),
        (moment(168), "exited", "Left the journey: the exit time had passed."),
    ]


def test_a_running_delay_says_until_when(version: JourneyVersion, space: Space) -> None:
    ada = person(space, "Ada")
    run = walked(
        version,
        ada,
        Stop(step="order", arrived=0, joined=1),
        Stop(step="rest", arrived=1, joined=1, wake=2),
    )

    line = lines_of(version, run, ada)[-1]

    assert (line.kind, line.title, line.until, line.is_open) == ("waiting", "Wait 1 hour", moment(2), True)


def test_a_decision_is_explained_by_the_events_that_had_come_by_then(version: JourneyVersion, space: Space) -> None:
    ada = person(space, "Ada")
    make_event(profile=ada, name="Signed Up", ts=NOW)
    order = make_event(profile=ada, name="Order Completed", ts=moment(1))
    make_event(profile=ada, name="Order Completed", ts=moment(9))
    run = walked(version, ada, Stop(step="order", arrived=0, joined=1))

    lines = [line for line in lines_of(version, run, ada) if line.explanation]

    entered, held = [line.explanation for line in lines]
    assert entered is not None
    assert held is not None
    assert [(fact.holds, fact.found) for fact in entered.facts] == [(True, "1 found, at least 1 wanted")]
    assert [(fact.holds, fact.found, fact.events) for fact in held.facts] == [
        (True, "1 found, at least 1 wanted", ((order.id, moment(1)),))
    ]
    assert (held.held, held.caveat) == (True, "")


def test_history_from_before_publishing_explains_no_later_step(version: JourneyVersion, space: Space) -> None:
    ada = person(space, "Ada")
    make_event(profile=ada, name="Order Completed", ts=NOW - timedelta(days=31))
    run = walked(version, ada, Stop(step="order", arrived=0))

    explanation = lines_of(version, run, ada)[-1].explanation

    assert explanation is not None
    assert [(fact.holds, fact.found) for fact in explanation.facts] == [(False, "0 found, at least 1 wanted")]
    assert explanation.held is False


def test_a_trait_written_since_is_said_to_be_unknown_not_guessed(version: JourneyVersion, space: Space) -> None:
    ada = person(space, "Ada", plan="free")
    Profile.objects.filter(id=ada.id).update(trait_times={"plan": moment(30).timestamp() * 1000})
    ada = Profile.objects.get(space_id=space.pk, id=ada.id)
    run = walked(version, ada, *TO_PRO, past=Past(completed=2))

    line = next(line for line in lines_of(version, run, ada) if line.title.startswith("“On the pro plan?”"))

    assert line.explanation is not None
    assert [fact.holds for fact in line.explanation.facts] == [None]
    assert line.explanation.held is True
    assert line.explanation.caveat == (
        "A value that decided this was written over since. The decision stands as it was made."
    )


def test_a_decision_that_the_data_no_longer_shows_says_so(version: JourneyVersion, space: Space) -> None:
    ada = person(space, "Ada")
    run = walked(version, ada, Stop(step="order", arrived=0, joined=1))

    explanation = lines_of(version, run, ada)[-1].explanation

    assert explanation is not None
    assert explanation.held is True
    assert explanation.caveat.startswith("What is stored now does not show why")


def test_a_membership_that_changed_since_is_unknown(space: Space) -> None:
    audience = Audience.objects.create(space=space, key="vips", name="VIPs", definition=ORDERED)
    definition = make_definition(
        {"id": "vip", "type": "condition", "after": "entry", "condition": where({"audience": "vips", "member": True})}
    )
    version = make_live_journey(
        space=space, definition=definition, published_at=NOW - timedelta(days=1), computes=False
    )
    ada, ben = person(space, "Ada"), person(space, "Ben")
    for profile, changed in ((ada, -1), (ben, 5)):
        Membership.objects.create(
            space_id=space.pk,
            audience_id=audience.pk,
            profile_id=profile.id,
            is_member=True,
            changed_at=moment(changed),
        )

    found = []
    for profile in (ada, ben):
        run = walked(version, profile, Stop(step="vip", arrived=0, joined=0))
        explanation = lines_of(version, run, profile)[-1].explanation
        found.append([fact.holds for fact in explanation.facts] if explanation else None)

    assert found == [[True], [None]]


@pytest.mark.parametrize(
    ("value", "words"), [(True, "true"), (12, "12"), ("pro", "“pro”"), (None, "null"), (["a", 1], '["a", 1]')]
)
def test_values_of_traits_are_shown_as_conditions_write_them(value: Any, words: str) -> None:
    assert value_words(value) == words


def test_values_are_masked_in_explanations_without_the_right(space: Space) -> None:
    definition = make_definition(
        {
            "id": "mail",
            "type": "condition",
            "after": "entry",
            "condition": where({"trait": "email", "contains": "@"}),
        }
    )
    version = make_live_journey(
        space=space, definition=definition, published_at=NOW - timedelta(days=1), computes=False
    )
    ada = person(space, "Ada", email="ada@example.com")
    run = walked(version, ada, Stop(step="mail", arrived=0, joined=0))

    explanation = lines_of(version, run, ada, shows_pii=False)[-1].explanation

    assert explanation is not None
    assert explanation.facts[0].found == "is “a••••@example.com”"


@pytest.mark.parametrize(
    ("reason", "title"),
    [
        (EndReason.ARCHIVED, "Stopped: the version was archived. Nothing more is sent."),
        (EndReason.REPLACED, "Left: a newer version took this one's place."),
        (EndReason.MOVED, "Moved to another version."),
        (EndReason.MERGED, "Goes on with the profile into which this one was merged."),
    ],
)
def test_the_end_says_why(version: JourneyVersion, space: Space, reason: str, title: str) -> None:
    ada = person(space, "Ada")
    run = walked(version, ada, past=Past(ended=1, reason=reason))

    assert lines_of(version, run, ada)[-1].title == title


def test_the_run_page_shows_waits_with_the_time_left(
    version: JourneyVersion, space: Space, owner: User, client_for: ClientFor
) -> None:
    run = walked(
        version,
        person(space, "Ada"),
        Stop(step="order", arrived=0, joined=1),
        Stop(step="rest", arrived=1, joined=1, wake=2),
        past=Past(more={"exit_at": moment(168)}),
    )

    with time_machine.travel(moment(1.5), tick=False):
        page = text_of(client_for(owner).get(page_url(version, f"runs/{run.id}/")))

    assert "until 14:00, 30 min left" in page
    assert "22 Mar 2026, 12:00" in page


def test_the_pages_of_runs_answer_and_mask(four: JourneyVersion, owner: User, client_for: ClientFor) -> None:
    client = client_for(owner)
    run = Run.objects.get(version_id=four.pk, completed_at=None, ended_at=None)

    listed = text_of(client.get(page_url(four, "runs/?q=ada")))
    fragment = text_of(client.get(page_url(four, "runs/?q=ada"), headers={"HX-Request": "true"}))
    Member.objects.filter(user=owner).update(has_pii_access=False)
    masked = text_of(client.get(page_url(four, f"runs/{run.id}/")))

    assert "Ada" in listed
    assert "Ada" in fragment
    assert "<html" not in fragment
    assert not re.search(r"\bAda\b", masked.split("<main", 1)[1])


def test_a_run_of_another_journey_is_404(
    four: JourneyVersion, space: Space, owner: User, client_for: ClientFor
) -> None:
    other = shop_version(space, name="Other")
    run = walked(other, person(space, "Eve"))

    assert client_for(owner).get(page_url(four, f"runs/{run.id}/")).status_code == 404
