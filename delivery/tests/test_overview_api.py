from __future__ import annotations

from collections.abc import Callable

from django.utils import timezone
from rest_framework.test import APIClient

from delivery.services.emit import Change, emit_changes
from delivery.tests.builders import make_connection, make_destination
from delivery.tests.sinks import Sink
from spaces.models import Space, User
from tests.factories import make_profile

ApiFor = Callable[..., APIClient]
RunWorker = Callable[..., bool]


def enter(space: Space, count: int) -> None:
    changes = [Change(profile_id=make_profile(space=space).id, value=True) for _ in range(count)]
    emit_changes(space=space, computation_id="aud_test", changes=changes, now=timezone.now())


def test_the_figures_and_their_messages_over_rest(
    space: Space, owner: User, api_for: ApiFor, sink: Sink, run_worker: RunWorker
) -> None:
    """W085: the same service as the page."""
    destination = make_destination(space=space, url=sink.url)
    make_connection(space=space, destination=destination)
    sink.answer = lambda _received: (403, {}, b"{}")
    enter(space, 3)
    run_worker()
    api = api_for(owner, space)
    where = f"/api/v1/spaces/{space.slug}/"

    found = api.get(f"{where}delivery-overview/", {"destination": destination.public_id}).json()
    listed = api.get(f"{where}delivery-overview/messages/", {"step": "failed", "reason": "403", "limit": 2}).json()
    rest = api.get(listed["next"]).json()
    events = api.get(f"{where}destinations/{destination.public_id}/event-delivery/").json()

    steps = {step["step"]: step for step in found["steps"]}
    assert (found["unaccounted"], steps["received"]["count"], steps["failed"]["count"]) == (0, 3, 3)
    assert [(line["code"], line["count"]) for line in steps["failed"]["reasons"]] == [("403", 3)]
    assert steps["received"]["events"][0]["event"] == "Audience Entered"
    assert (len(listed["results"]), len(rest["results"]), rest["next"]) == (2, 1, None)
    assert (events["not_delivered"], events["errors"][0]["code"]) == (3, "errors.discarded.403")


def test_wrong_parameters_are_named(space: Space, owner: User, api_for: ApiFor) -> None:
    api = api_for(owner, space)
    where = f"/api/v1/spaces/{space.slug}/"

    answers = {
        path: api.get(where + path)
        for path in (
            "delivery-overview/?range=2y",
            "delivery-overview/?from=x&to=y",
            "delivery-overview/?destination=none",
            "delivery-overview/?mapping=none",
            "delivery-overview/messages/?step=none",
            "debugger/outgoing/?type=none",
            "debugger/outgoing/?source=none",
            "debugger/incoming/?status=none",
        )
    }

    assert {path: answer.status_code for path, answer in answers.items()} == dict.fromkeys(answers, 400)
    assert [error["path"] for error in answers["delivery-overview/?from=x&to=y"].json()["errors"]] == ["/from", "/to"]


def test_odd_texts_find_nothing(space: Space, owner: User, api_for: ApiFor) -> None:
    make_connection(space=space)
    api = api_for(owner, space)
    where = f"/api/v1/spaces/{space.slug}/"

    for query in ("user=%22%27", "q=%25s", "after=x", "before=999999999999999999999"):
        assert api.get(f"{where}debugger/outgoing/?{query}").status_code == 200
        assert api.get(f"{where}debugger/incoming/?{query}").status_code == 200
    assert api.get(f"{where}delivery-overview/messages/?step=failed&reason=%25&kind=x&after=x").status_code == 200


def test_the_debugger_over_rest(space: Space, owner: User, api_for: ApiFor) -> None:
    """F028, F031: Engage sources with their destinations, and their calls."""
    destination = make_destination(space=space)
    make_connection(space=space, destination=destination)
    enter(space, 2)
    api = api_for(owner, space)
    where = f"/api/v1/spaces/{space.slug}/debugger/"

    [source] = api.get(f"{where}sources/").json()
    calls = api.get(f"{where}outgoing/", {"source": source["id"], "type": "track"}).json()

    assert (source["name"], source["destinations"]) == (
        "Engage (Acme Dev)",
        [{"id": destination.public_id, "name": destination.name}],
    )
    assert [row["status"] for row in calls["results"]] == ["waiting", "waiting"]
    assert calls["results"][0]["payload"]["integrations"]["All"] is False
