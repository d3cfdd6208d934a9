"""People at the steps of a running version: the numbers, the lists behind them, the overview's page and CSV."""

from __future__ import annotations

import csv
import html
import io
import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client

from delivery.tests.builders import make_destination
from journeys.models import JourneyStep, JourneyVersion, VersionState
from journeys.selectors import people
from journeys.selectors.analytics import Basis, DateRange, named_range
from journeys.selectors.live import StepNumbers, step_counts
from journeys.tests.factories import row_of
from journeys.tests.live_rows import Past, Stop, person, shop_version, walked
from spaces.models import Member, Space, User
from tests.factories import NOW

ClientFor = Callable[[User], Client]
TODAY = named_range("today", NOW)


@pytest.fixture
def version(space: Space) -> JourneyVersion:
    """Ada waits for an order, Ben rests, Cleo got the thanks, Dan went the other way and stays."""
    version = shop_version(space)
    walked(version, person(space, "Ada"), Stop(step="order", arrived=0))
    walked(
        version,
        person(space, "Ben"),
        Stop(step="order", arrived=0, joined=1),
        Stop(step="rest", arrived=1, joined=1, wake=2),
    )
    through = (
        Stop(step="order", arrived=0, joined=1, left=2),
        Stop(step="rest", arrived=1, joined=1, left=2),
    )
    walked(
        version,
        person(space, "Cleo", plan="pro"),
        *through,
        Stop(step="pro", arrived=2, joined=2, left=2, branch="true"),
        Stop(step="thanks", arrived=2, joined=2),
        past=Past(completed=2),
    )
    walked(
        version,
        person(space, "Dan"),
        *through,
        Stop(step="pro", arrived=2, joined=2, branch="false"),
        past=Past(completed=2),
    )
    return version


def numbers(version: JourneyVersion, basis: Basis | None = None) -> dict[str, StepNumbers]:
    return {row.facts.step_id: row for row in step_counts(version, basis)}


def text_of(response: Any) -> str:
    return html.unescape(response.content.decode())


def page_url(version: JourneyVersion, rest: str = "") -> str:
    return f"/s/{version.journey.space.slug}/journeys/{version.journey.public_id}/{rest}"


def test_steps_come_in_order_with_who_is_here_waits_and_passed(version: JourneyVersion) -> None:
    found = step_counts(version)

    assert [(row.facts.step_id, row.facts.title, row.here, row.waiting, row.joined, row.passed) for row in found] == [
        ("entry", "Entry", 1, 0, 4, 3),
        ("order", "Ordered", 1, 1, 3, 2),
        ("rest", "Wait 1 hour", 1, 0, 3, 2),
        ("pro", "On the pro plan?", 1, 0, 2, 1),
        ("thanks", "Thanks", 1, 0, 1, 0),
    ]


def test_shares_are_of_the_previous_step_and_of_the_entry(version: JourneyVersion) -> None:
    found = numbers(version)

    assert {key: row.previous_share for key, row in found.items()} == {
        "entry": None,
        "order": 0.75,
        "rest": 1.0,
        "pro": pytest.approx(2 / 3),
        "thanks": 0.5,
    }
    assert {key: row.entry_share for key, row in found.items()} == {
        "entry": 1.0,
        "order": 0.75,
        "rest": 0.75,
        "pro": 0.5,
        "thanks": 0.25,
    }


def test_a_split_counts_its_branches(version: JourneyVersion) -> None:
    found = numbers(version)["pro"]

    assert found.branches == {"true": 1, "false": 1}


def test_a_range_counts_what_happened_in_it_and_leaves_now_alone(version: JourneyVersion) -> None:
    yesterday = named_range("yesterday", NOW)

    found = numbers(version, Basis(span=yesterday))

    assert [(row.here, row.waiting, row.joined, row.passed) for row in found.values()] == [
        (1, 0, 0, 0),
        (1, 1, 0, 0),
        (1, 0, 0, 0),
        (1, 0, 0, 0),
        (1, 0, 0, 0),
    ]
    assert {row.previous_share for row in found.values()} == {None}


def test_unique_counts_a_person_who_entered_twice_once(space: Space) -> None:
    version = shop_version(space, exit_after={"days": 1}, reentry_after={"days": 1})
    ada = person(space, "Ada")
    walked(version, ada, Stop(step="order", arrived=-72, joined=-71, left=-48), past=Past(entered=-72, ended=-48))
    walked(version, ada, Stop(step="order", arrived=0, joined=1))

    total, unique = numbers(version)["order"], numbers(version, Basis(unique=True))["order"]

    assert (total.joined, total.unique) == (2, 1)
    assert (total.total(Basis()), unique.total(Basis(unique=True))) == (2, 1)
    wanted = people.Wanted(version=version, step=row_of(version, "order"), show="joined", unique=True)
    rows, _following = people.people_at(wanted, shows_pii=True)
    assert [row.joined_at for row in rows] == [NOW - timedelta(hours=71)]


@pytest.mark.parametrize(
    ("step", "show", "names"),
    [
        ("entry", "here", ["Ada"]),
        ("order", "waiting", ["Ada"]),
        ("order", "here", ["Ben"]),
        ("order", "passed", ["Dan", "Cleo"]),
        ("order", "joined", ["Dan", "Cleo", "Ben"]),
        ("thanks", "here", ["Cleo"]),
        ("thanks", "passed", []),
    ],
)
def test_a_list_holds_exactly_whom_its_number_counts(
    version: JourneyVersion, step: str, show: str, names: list[str]
) -> None:
    wanted = people.Wanted(version=version, step=row_of(version, step), show=show, span=TODAY)

    rows, following = people.people_at(wanted, shows_pii=True)

    row = numbers(version, Basis(span=TODAY))[step]
    counted = {"here": row.here, "waiting": row.waiting, "joined": row.joined, "passed": row.passed}[show]
    assert [at.person.name for at in rows if at.person] == names
    assert counted == len(names)
    assert following == ""


def test_a_list_of_a_branch_holds_whom_the_split_sent_that_way(version: JourneyVersion) -> None:
    wanted = people.Wanted(version=version, step=row_of(version, "pro"), show="joined", branch="true")

    rows, _following = people.people_at(wanted, shows_pii=True)

    assert [at.person.name for at in rows if at.person] == ["Cleo"]


def test_people_come_a_page_at_a_time(version: JourneyVersion) -> None:
    wanted = people.Wanted(version=version, step=row_of(version, "entry"), show="joined")

    first, following = people.people_at(wanted, shows_pii=True, size=3)
    second, end = people.people_at(wanted, shows_pii=True, after=following, size=3)

    assert [at.person.name for at in first + second if at.person] == ["Dan", "Cleo", "Ben", "Ada"]
    assert (len(second), end) == (1, "")


def test_a_range_of_the_list_is_that_of_the_number(version: JourneyVersion) -> None:
    before = DateRange(code="custom", first=NOW.date() - timedelta(days=9), last=NOW.date() - timedelta(days=1))
    wanted = people.Wanted(version=version, step=row_of(version, "entry"), show="joined", span=before)

    rows, _following = people.people_at(wanted, shows_pii=True)

    assert rows == []


def test_the_overview_shows_tiles_whose_links_lead_to_lists_of_that_length(
    version: JourneyVersion, owner: User, client_for: ClientFor
) -> None:
    client = client_for(owner)

    with time_machine.travel(NOW + timedelta(hours=3), tick=False):
        response = client.get(page_url(version))
        lists = {
            tile["name"]: client.get(tile["url"]) for tile in response.context["tiles"] if tile["name"] != "failed"
        }

    assert {tile["name"]: tile["value"] for tile in response.context["tiles"]} == {
        "entered": 4,
        "in_progress": 2,
        "completed": 2,
        "exited": 0,
        "failed": 0,
    }
    assert {name: len(answer.context["page"].rows) for name, answer in lists.items()} == {
        "entered": 4,
        "in_progress": 2,
        "completed": 2,
        "exited": 0,
    }
    assert {name: answer.context["total"] for name, answer in lists.items()} == {
        "entered": 4,
        "in_progress": 2,
        "completed": 2,
        "exited": 0,
    }


def test_every_number_of_a_step_links_to_a_list_with_that_total(
    version: JourneyVersion, owner: User, client_for: ClientFor
) -> None:
    client = client_for(owner)

    with time_machine.travel(NOW + timedelta(hours=3), tick=False):
        rows = client.get(page_url(version)).context["rows"]
        found = {
            (row["facts"].step_id, show): client.get(url).context["total"]
            for row in rows
            for show, url in row["urls"].items()
        }

    wanted = {}
    for row in rows:
        step = row["numbers"]
        values = {"here": step.here, "waiting": step.waiting, "joined": step.joined, "passed": step.passed}
        wanted |= {(step.facts.step_id, show): value for show, value in values.items()}
    assert found == wanted
    assert len(found) == 20


def test_the_canvas_carries_the_numbers(version: JourneyVersion, owner: User, client_for: ClientFor) -> None:
    with time_machine.travel(NOW + timedelta(hours=3), tick=False):
        canvas = client_for(owner).get(page_url(version)).context["canvas"]

    cards = {(card.step, card.branch): card for card in canvas.cards if card.kind in {"step", "branch"}}
    strips = {key: [(one.value, one.label) for one in card.added.figures] for key, card in cards.items()}
    assert strips == {
        ("entry", ""): [("1", "here"), ("4", "entered"), ("3", "passed")],
        ("order", ""): [("1", "here"), ("1", "waiting"), ("2", "passed")],
        ("rest", ""): [("1", "here"), ("3", "entered"), ("2", "passed")],
        ("pro", ""): [("1", "here"), ("2", "entered"), ("1", "passed")],
        ("pro", "true"): [("1", "50 %")],
        ("pro", "false"): [("1", "50 %")],
        ("thanks", ""): [("1", "here"), ("1", "entered"), ("0", "passed")],
    }
    assert cards["order", ""].added.note == "75 % of the previous step"


def test_the_live_part_answers_tiles_and_the_canvas_out_of_band(
    version: JourneyVersion, owner: User, client_for: ClientFor
) -> None:
    client = client_for(owner)

    fragment = text_of(client.get(page_url(version, "live/"), headers={"HX-Request": "true"}))
    page = client.get(page_url(version, "live/?range=7d"))

    assert fragment.count('hx-swap-oob="true"') == 2
    assert "<html" not in fragment
    assert page["Location"] == page_url(version) + "?range=7d"


def test_a_range_that_cannot_be_used_says_why_and_shows_the_usual_one(
    version: JourneyVersion, owner: User, client_for: ClientFor
) -> None:
    response = client_for(owner).get(page_url(version, "?range=custom&from=2026-03-20&to=2026-03-01"))

    assert response.status_code == 200
    assert "The last day is before the first one." in text_of(response)
    assert response.context["span"].code == "30d"


def test_total_and_unique_are_offered_with_reentry_only(space: Space, owner: User, client_for: ClientFor) -> None:
    client = client_for(owner)
    once = shop_version(space)
    again = shop_version(space, name="Again", exit_after={"days": 1}, reentry_after={"days": 1})

    assert client.get(page_url(once)).context["counts"] == []
    assert [item["label"] for item in client.get(page_url(again)).context["counts"]] == ["Total", "Unique"]


def test_a_draft_has_a_canvas_and_no_numbers(space: Space, owner: User, client_for: ClientFor) -> None:
    version = shop_version(space)
    JourneyVersion.objects.filter(pk=version.pk).update(state=VersionState.DRAFT, published_at=None)

    response = client_for(owner).get(page_url(version))

    assert "This version is a draft" in text_of(response)
    assert {card.added.figures for card in response.context["canvas"].cards} == {()}


def test_people_of_a_step_are_a_page_and_a_sheet(version: JourneyVersion, owner: User, client_for: ClientFor) -> None:
    client = client_for(owner)
    url = page_url(version, "steps/order/people/?show=waiting")

    page = text_of(client.get(url))
    sheet = text_of(client.get(url, headers={"HX-Request": "true"}))

    assert "ada@example.com" in page
    assert "ada@example.com" in sheet
    assert "<html" in page
    assert "<html" not in sheet
    assert 'hx-target="#sheet"' in sheet


def test_personal_data_is_masked_without_the_right(version: JourneyVersion, owner: User, client_for: ClientFor) -> None:
    Member.objects.filter(user=owner).update(has_pii_access=False)
    client = client_for(owner)

    page = text_of(client.get(page_url(version, "steps/order/people/?show=waiting")))
    lines = b"".join(client.get(page_url(version, "steps/order/people.csv?show=waiting")).streaming_content).decode()

    assert "ada@example.com" not in page + lines
    assert not re.search(r"\bAda\b", page.split("<main", 1)[1])
    assert "a••••@example.com" in page
    assert "a••••@example.com" in lines


def csv_rows(response: Any) -> list[list[str]]:
    text = b"".join(response.streaming_content).decode()
    return list(csv.reader(io.StringIO(text)))


def test_csv_unformatted_has_the_key_and_json_of_identifiers_and_traits(
    version: JourneyVersion, owner: User, client_for: ClientFor
) -> None:
    response = client_for(owner).get(page_url(version, "steps/thanks/people.csv?show=here"))

    rows = csv_rows(response)
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert response["Content-Disposition"] == 'attachment; filename="first_purchase-thanks-here.csv"'
    assert rows[0] == ["user_key", "external_ids", "traits"]
    assert len(rows) == 2
    assert rows[1][0].startswith("use_")
    assert json.loads(rows[1][1]) == [
        {"type": "user_id", "id": "cleo"},
        {"type": "email", "id": "cleo@example.com"},
    ]
    assert json.loads(rows[1][2]) == {"name": "Cleo", "plan": "pro"}


def test_csv_formatted_has_a_column_for_each_identifier_type(
    version: JourneyVersion, owner: User, client_for: ClientFor
) -> None:
    rows = csv_rows(client_for(owner).get(page_url(version, "steps/order/people.csv?show=joined&format=formatted")))

    assert rows[0] == ["user_key", "email", "user_id"]
    assert [row[2] for row in rows[1:]] == ["dan", "cleo", "ben"]


def test_csv_neutralizes_what_a_spreadsheet_takes_for_a_formula(
    space: Space, owner: User, client_for: ClientFor
) -> None:
    version = shop_version(space)
    walked(version, person(space, "=HYPERLINK(1)"))

    rows = csv_rows(client_for(owner).get(page_url(version, "steps/entry/people.csv?format=formatted")))

    assert rows[1][2] == "'=hyperlink(1)"


def test_csv_refuses_an_unknown_format(version: JourneyVersion, owner: User, client_for: ClientFor) -> None:
    assert client_for(owner).get(page_url(version, "steps/order/people.csv?format=xlsx")).status_code == 404


@pytest.mark.parametrize("rest", ["?version=9", "steps/nothing/people/", "steps/order/people/?version=x"])
def test_what_does_not_exist_is_404(rest: str, version: JourneyVersion, owner: User, client_for: ClientFor) -> None:
    assert client_for(owner).get(page_url(version, rest)).status_code == 404


def test_a_live_step_is_renamed_in_its_sheet_and_keeps_its_key(
    version: JourneyVersion, owner: User, client_for: ClientFor
) -> None:
    hook = make_destination(space=version.journey.space)
    version.definition["steps"][-1]["connections"] = [{"destination": hook.public_id}]
    version.save()
    key = JourneyStep.objects.get(journey=version.journey, step_id="thanks").key
    client = client_for(owner)
    sheet = text_of(client.get(page_url(version, "steps/thanks/people/")))

    response = client.post(page_url(version, "steps/thanks/name/"), {"name": "  Many   thanks "})

    row = JourneyStep.objects.get(journey=version.journey, step_id="thanks")
    assert 'data-test="people.rename-save"' in sheet
    assert response.status_code == 302
    assert (row.name, row.key) == ("Many thanks", key)


def test_a_live_step_keeps_its_name_when_the_new_one_is_refused(
    version: JourneyVersion, owner: User, client_for: ClientFor
) -> None:
    client = client_for(owner)

    answer = client.post(page_url(version, "steps/thanks/name/"), {"name": "x" * 171})
    other = client.post(page_url(version, "steps/order/name/"), {"name": "Bought"})

    assert "use at most 170" in text_of(answer)
    assert 400 <= answer.status_code < 500
    assert other.status_code == 409
    assert JourneyStep.objects.get(journey=version.journey, step_id="thanks").name == "Thanks"
    assert 'data-test="people.rename-save"' not in text_of(client.get(page_url(version, "steps/order/people/")))
