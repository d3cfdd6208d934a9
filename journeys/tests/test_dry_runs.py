from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from common.errors import ConflictError, InvalidError
from delivery.tests.builders import make_destination
from journeys.models import DryRun, JourneyVersion, Run
from journeys.services import dry_runs
from journeys.services.drafts import create_journey, save_draft
from journeys.services.dry_run_tally import StepTally, Tally
from journeys.services.histories import Traits
from journeys.services.simulating import Simulation
from journeys.tests.definitions import journey, on, step
from journeys.tests.test_testing import everything
from profiles.models import Profile
from spaces.models import Space, User
from tests.factories import make_event, make_profile

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
TO_AT = timezone.now().replace(microsecond=0) - HOUR
FROM_AT = TO_AT - 30 * DAY
PRO = {"version": 1, "collection": "users", "where": {"trait": "plan", "equals": "pro"}}


@pytest.fixture
def version(space: Space, owner: User) -> JourneyVersion:
    """Signed up, a day later: those on the pro plan are sent, the others wait for an order."""
    connections = [{"destination": make_destination(space=space).public_id, "send_identify": False, "send_track": True}]
    definition = journey(
        step("wait", "delay", "entry", duration={"days": 1}),
        step("pro", "true_false", "wait", name="Pro?", condition=PRO, true_name="Yes", false_name="No"),
        step("thanks", "send_to_destinations", on("pro", "true"), name="Thanks", connections=connections),
        step(
            "orders",
            "condition",
            on("pro", "false"),
            name="Orders",
            condition={"version": 1, "collection": "users", "where": {"event": "Order Completed"}},
        ),
    )
    return create_journey(space=space, name="Welcome", definition=definition, created_by=owner)


def signed_up(space: Space, at: datetime, **traits: Any) -> Profile:
    profile = make_profile(space=space, traits=traits, created_at=at)
    make_event(profile=profile, name="Signed Up", ts=at)
    return profile


def start(version: JourneyVersion, **changes: Any) -> DryRun:
    given: dict[str, Any] = {"from_at": FROM_AT, "to_at": TO_AT, "started_by": None, **changes}
    return dry_runs.start(version=version, **given)


def work_off() -> None:
    while run := dry_runs.claim():
        dry_runs.work(run, deadline=time.monotonic() + 60)


def result_of(run: DryRun) -> dict[str, Any]:
    work_off()
    run.refresh_from_db()
    assert run.state == DryRun.State.DONE, run.error
    assert run.result is not None
    return run.result


def test_a_dry_run_counts_every_step(version: JourneyVersion, space: Space) -> None:
    for hours in (0, 5):
        signed_up(space, FROM_AT + hours * HOUR, plan="pro")
    buyer = signed_up(space, FROM_AT + DAY)
    make_event(profile=buyer, ts=FROM_AT + 5 * DAY)
    signed_up(space, FROM_AT + 2 * DAY)
    signed_up(space, TO_AT - HOUR)
    signed_up(space, FROM_AT - HOUR)
    make_profile(space=space)

    result = result_of(start(version))

    assert {name: result[name] for name in ("entered", "completed", "exited", "in_progress")} == {
        "entered": 5, "completed": 3, "exited": 0, "in_progress": 2,
    }  # fmt: skip
    numbers = {
        name: (one["entered"], one["left"], one["waiting"], one["sent"]) for name, one in result["steps"].items()
    }
    assert numbers == {
        "entry": (5, 5, 0, 0),
        "wait": (5, 4, 1, 0),
        "pro": (4, 3, 0, 0),
        "thanks": (2, 0, 0, 2),
        "orders": (1, 0, 1, 0),
    }
    assert result["steps"]["pro"]["branches"] == {"true": 2, "false": 2}
    assert result["steps"]["wait"]["median_seconds"] == 86_400


def test_a_dry_run_shows_what_would_be_sent(version: JourneyVersion, space: Space) -> None:
    for number in range(5):
        signed_up(space, FROM_AT + number * HOUR, plan="pro")

    [send] = result_of(start(version))["sends"]

    assert (send["step"], send["people"], send["calls"], send["built"]) == ("thanks", 5, 5, 5)
    assert [sample["payload"]["event"] for sample in send["samples"]] == ["Audience Entered"] * 3
    assert json.loads(send["samples"][0]["requests"][0]["body"])["event"] == "Audience Entered"


def test_calls_that_would_be_filtered_are_told_with_their_reason(version: JourneyVersion, space: Space) -> None:
    version.journey.space.destinations.get().mappings.update(is_enabled=False)
    version.journey.space.destinations.get().save()
    signed_up(space, FROM_AT, plan="pro")

    [send] = result_of(start(version))["sends"]

    assert (send["calls"], send["built"], send["filtered"]) == (1, 0, 1)
    assert [reason["code"] for reason in send["reasons"]] == ["NO_MATCHING_MAPPING"]


def test_a_dry_run_stores_nothing_but_itself(version: JourneyVersion, space: Space) -> None:
    signed_up(space, FROM_AT, plan="pro")
    run = start(version)
    before = everything()

    result_of(run)

    after = everything()
    assert [table for table in before if before[table] != after[table]] == [DryRun._meta.db_table]
    assert not Run.objects.exists()


def test_sample_paths_tell_every_decision(version: JourneyVersion, space: Space) -> None:
    people = [signed_up(space, FROM_AT + number * HOUR, plan="pro") for number in range(25)]

    samples = result_of(start(version))["samples"]

    assert [sample["profile"] for sample in samples] == [person.segment_id for person in people[:20]]
    kinds = [entry["kind"] for entry in samples[0]["trace"] if entry["kind"] != "left"]
    assert kinds == ["entered", "waiting", "branch", "joined", "sent", "completed"]


def test_traits_are_taken_as_they_are_today_or_as_they_were_written(version: JourneyVersion, space: Space) -> None:
    profile = signed_up(space, FROM_AT, plan="pro")
    written = int((FROM_AT + 3 * DAY).timestamp() * 1000)
    Profile.objects.filter(id=profile.id).update(trait_times={"plan": written})

    today = result_of(start(version))["steps"]["pro"]["branches"]
    then = result_of(start(version, traits=Traits.AS_WRITTEN))["steps"]["pro"]["branches"]

    assert today == {"true": 1}
    assert then == {"false": 1}


def test_imported_events_count_from_when_they_happened(version: JourneyVersion, space: Space) -> None:
    profile = make_profile(space=space)
    make_event(profile=profile, name="Signed Up", ts=FROM_AT + DAY, received_at=timezone.now())

    assert result_of(start(version))["entered"] == 1


def test_the_definition_is_that_of_the_start(version: JourneyVersion, space: Space, owner: User) -> None:
    signed_up(space, FROM_AT)
    run = start(version)
    save_draft(version=version, definition=journey(), revision=version.revision, author=owner)

    assert set(result_of(run)["steps"]) == {"entry", "wait", "pro", "thanks", "orders"}


def test_a_killed_worker_loses_one_slice(
    version: JourneyVersion, space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(7):
        signed_up(space, FROM_AT + number * HOUR, plan="pro")
    monkeypatch.setattr(dry_runs, "SLICE_SECONDS", 0.0)
    monkeypatch.setattr("journeys.services.histories.BLOCK_PROFILES", 2)
    blocks = Simulation.add_block
    looked_at: list[int] = []

    def add_block(self: Simulation, tally: Tally, *, after: int) -> int | None:
        found = blocks(self, tally, after=after)
        looked_at.append(tally.people)
        if len(looked_at) == 2:
            raise SystemExit
        return found

    monkeypatch.setattr(Simulation, "add_block", add_block)
    run = start(version)
    claimed = dry_runs.claim()
    assert claimed is not None
    with pytest.raises(SystemExit):
        dry_runs.work(claimed, deadline=time.monotonic() + 60)
    nobody = dry_runs.claim()
    DryRun.objects.update(lease_until=timezone.now() - DAY)

    result = result_of(run)

    assert nobody is None
    assert looked_at == [2, 4, 4, 6, 7, 7]
    assert (result["entered"], result["sends"][0]["calls"]) == (7, 7)
    run.refresh_from_db()
    assert (run.attempts, run.profiles_done, run.profiles_total) == (2, 7, 7)


def test_a_task_whose_time_is_over_hands_on(
    version: JourneyVersion, space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    signed_up(space, FROM_AT)
    monkeypatch.setattr(dry_runs, "SLICE_SECONDS", 0.0)
    run = start(version)
    claimed = dry_runs.claim()
    assert claimed is not None

    dry_runs.work(claimed, deadline=0.0)

    run.refresh_from_db()
    assert (run.state, run.profiles_done, run.lease_until) == (DryRun.State.RUNNING, 1, None)
    assert result_of(run)["entered"] == 1


def test_cancelling_stops_between_slices(
    version: JourneyVersion, space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    signed_up(space, FROM_AT)
    run = start(version)
    claimed = dry_runs.claim()
    assert claimed is not None

    dry_runs.cancel(run=run)
    dry_runs.work(claimed, deadline=time.monotonic() + 60)

    run.refresh_from_db()
    assert (run.state, run.result) == (DryRun.State.CANCELLED, None)
    with pytest.raises(ConflictError):
        dry_runs.cancel(run=run)


def test_a_new_dry_run_replaces_an_open_one(version: JourneyVersion) -> None:
    first = start(version)

    second = start(version)

    first.refresh_from_db()
    assert (first.state, second.state) == (DryRun.State.CANCELLED, DryRun.State.WAITING)


def test_an_error_of_the_product_fails_the_run(version: JourneyVersion, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: object, **options: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(Simulation, "add_block", broken)
    run = start(version)

    work_off()

    run.refresh_from_db()
    assert run.state == DryRun.State.FAILED
    assert "error in the product" in run.error


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"from_at": TO_AT, "to_at": TO_AT}, "/to"),
        ({"to_at": TO_AT + 2 * DAY}, "/to"),
        ({"from_at": TO_AT - 4_000 * DAY}, "/from"),
    ],
)
def test_impossible_periods_are_refused(version: JourneyVersion, changes: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidError) as caught:
        start(version, **changes)

    assert [error.path for error in caught.value.errors] == [path]
    assert not DryRun.objects.exists()


def test_a_journey_that_cannot_run_is_refused_with_all_problems(version: JourneyVersion, owner: User) -> None:
    broken = journey(
        step("wait", "delay", "entry"),
        step("split", "true_false", "wait", name="Split", condition=None),
        condition=None,
    )
    saved = save_draft(version=version, definition=broken, revision=version.revision, author=owner)

    with pytest.raises(InvalidError) as caught:
        start(saved)

    assert {error.code for error in caught.value.errors} >= {"condition_required", "duration_required"}


def test_missing_names_and_destinations_do_not_matter(version: JourneyVersion, owner: User) -> None:
    unfinished = journey(step("send", "send_to_destinations", "entry", name="", connections=[]))
    saved = save_draft(version=version, definition=unfinished, revision=version.revision, author=owner)

    assert start(saved).state == DryRun.State.WAITING


def test_medians_stay_right_with_many_different_spans() -> None:
    tally = StepTally()
    for seconds in range(1, 10_002):
        tally.add_span(FROM_AT, FROM_AT + timedelta(seconds=seconds))

    median = tally.median()

    assert median is not None
    assert abs(median - 5_001) <= 50
    assert len(tally.spans) <= 2_001


def test_the_state_of_a_tally_survives_storage() -> None:
    tally = Tally.for_steps(["entry"])
    tally.steps["entry"].add_span(FROM_AT, FROM_AT + HOUR)
    tally.steps["entry"].branches["true"] += 2
    tally.people = 3

    again = Tally.from_state(json.loads(json.dumps(tally.as_state())))

    assert again.as_result() == tally.as_result()


def url(version: JourneyVersion) -> str:
    return f"/s/{version.journey.space.slug}/journeys/{version.journey.public_id}/dry-run/"


def test_the_page_goes_from_period_to_numbers(
    version: JourneyVersion, space: Space, owner: User, client_for: Callable[[User], Client]
) -> None:
    signed_up(space, FROM_AT + HOUR, plan="pro")
    client = client_for(owner)
    period = {"from": f"{FROM_AT:%Y-%m-%dT%H:%M}", "to": f"{TO_AT:%Y-%m-%dT%H:%M}"}

    started = client.post(url(version), period)
    waiting = client.get(started["Location"]).content.decode()
    work_off()
    done = client.get(started["Location"]).content.decode()
    fragment = client.get(started["Location"], headers={"HX-Request": "true"}).content.decode()

    assert started.status_code == 302
    assert 'hx-trigger="every 2s"' in waiting
    assert "Simulation" in done
    assert "dry_run.send" in done
    assert "hx-trigger" not in fragment
    assert "<html" not in fragment


def test_sample_paths_name_people_and_unconnected_steps_send_nothing(
    version: JourneyVersion, space: Space, owner: User, client_for: Callable[[User], Client]
) -> None:
    definition = {**version.definition}
    definition["steps"] = [
        step | {"connections": []} if step["id"] == "thanks" else step for step in definition["steps"]
    ]
    silent = create_journey(space=space, name="Silent", definition=definition, created_by=owner)
    ada = signed_up(space, FROM_AT + HOUR, plan="pro", name="Ada Abel")
    run = start(silent)
    work_off()

    page = client_for(owner).get(f"{url(silent)}{run.public_id}/")

    assert [sample["person"].name for sample in page.context["samples"]] == ["Ada Abel"]
    assert f"<summary>{ada.segment_id}" not in page.content.decode()
    assert "No step of this journey is connected to a destination." in page.content.decode()
    [card] = [card for card in page.context["canvas"].cards if card.id == "card-thanks"]
    assert [(figure.value, figure.label) for figure in card.added.figures] == [("1", "entered")]


def test_the_page_says_what_is_wrong(
    version: JourneyVersion, owner: User, client_for: Callable[[User], Client]
) -> None:
    answer = client_for(owner).post(url(version), {"from": "", "to": "2020-01-01T00:00"})

    assert answer.status_code == 422
    assert "Give a date and a time (UTC)." in answer.content.decode()


def test_a_dry_run_of_another_journey_is_not_found(
    version: JourneyVersion, space: Space, owner: User, client_for: Callable[[User], Client]
) -> None:
    other = create_journey(space=space, name="Other", definition=version.definition, created_by=owner)
    run = start(other)

    assert client_for(owner).get(f"{url(version)}{run.public_id}/").status_code == 404


def test_the_api_answers_a_job_and_its_result(
    version: JourneyVersion, space: Space, owner: User, api_for: Callable[..., APIClient]
) -> None:
    signed_up(space, FROM_AT, plan="pro")
    api = api_for(owner, space)
    address = f"/api/v1/spaces/{space.slug}/journeys/{version.journey.public_id}/dry-run/"

    started = api.post(address, {"from": FROM_AT.isoformat(), "to": TO_AT.isoformat()}, format="json")
    work_off()
    done = api.get(f"{address}{started.json()['id']}/").json()

    assert (started.status_code, started.json()["result"]) == (202, None)
    assert done["state"] == "done"
    assert done["result"]["entered"] == 1
    assert done["result"]["steps"]["thanks"]["sent"] == 1


def test_the_api_tests_a_person(
    version: JourneyVersion, space: Space, owner: User, api_for: Callable[..., APIClient]
) -> None:
    address = f"/api/v1/spaces/{space.slug}/journeys/{version.journey.public_id}/test/"
    body = {"traits": {"plan": "pro"}, "events": [{"offset": {"hours": 2}, "event": "Signed Up"}]}

    answer = api_for(owner, space).post(address, body, format="json").json()

    assert answer["entered"] is True
    assert [entry["offset"] for entry in answer["trace"] if entry["kind"] == "sent"] == [26 * 3600]
    assert answer["trace"][-1]["at"] > answer["from"]
