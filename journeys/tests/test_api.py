"""The REST API of journeys: create, draft, publish and the rest of their life, and journeys as code."""

from __future__ import annotations

import json

import pytest

from delivery.tests.builders import make_destination
from journeys.models import Journey, JourneyVersion, VersionState
from journeys.services.drafts import create_journey
from journeys.services.publishing import publish
from journeys.tests.factories import make_definition, run_backfills, where
from journeys.tests.stage import send_step
from spaces.models import Role
from tests.factories import make_member, make_source, make_space

pytestmark = pytest.mark.django_db

WAIT = {"id": "wait", "type": "delay", "after": "entry", "duration": {"hours": 1}}
UNTIL = {"id": "until", "type": "condition", "after": "entry", "condition": where({"event": "Order Completed"})}
EXAMPLE = {
    "version": 1,
    "name": "First purchase",
    "settings": {"exit_after": {"days": 7}, "reentry_after": None},
    "entry": {"name": "New users", "condition": where({"event": "Signed Up"}), "use_historical": True},
    "steps": [
        {"id": "wait", "type": "delay", "after": "entry", "duration": {"hours": 1}},
        {
            "id": "split",
            "type": "true_false",
            "after": "wait",
            "name": "Bought?",
            "condition": where({"event": "Order Completed", "count": {"gte": 2}, "window": {"within": {"days": 3}}}),
            "true_name": "Buyers",
            "false_name": "Others",
        },
        {
            "id": "thanks",
            "type": "send_to_destinations",
            "after": {"step": "split", "branch": "true"},
            "name": "Opened email",
            "connections": [{"destination": "abcdefghij", "send_identify": True, "send_track": True}],
        },
    ],
}


@pytest.fixture
def client(owner, space, api_for):
    make_source(space=space)
    return api_for(owner, space)


@pytest.fixture
def url(space):
    def make(*parts):
        return "/api/v1/spaces/" + "/".join([space.slug, "journeys", *map(str, parts)]) + "/"

    return make


def create(client, url, *steps, name="Welcome", **settings):
    body = {"definition": make_definition(*steps, name=name, **settings)}
    response = client.post(url(), body, format="json")
    assert response.status_code == 201, response.json()
    return response.json()


def published(client, url, *steps, **settings):
    made = create(client, url, *steps, **settings)
    response = client.post(url(made["id"], "publish"), {}, format="json")
    assert response.status_code == 200, response.json()
    run_backfills()
    return response.json()


def errors_of(response):
    return {(error["path"], error["code"]) for error in response.json()["errors"]}


def test_a_journey_is_created_from_its_definition(client, url, space):
    hook = make_destination(space=space)

    made = create(client, url, send_step("hi", "entry", hook, name="Opened email"), name="First purchase")

    assert (made["name"], made["key"], made["state"]) == ("First purchase", "first_purchase", "draft")
    assert (made["version"], made["revision"], made["problems"]) == (1, 1, [])
    assert made["definition"]["steps"][0]["key"].startswith("j_o_first_purchase__opened_email_")
    assert Journey.objects.get().public_id == made["id"]


def test_an_incomplete_journey_is_created_and_says_what_is_missing(client, url):
    response = client.post(url(), {"name": "Empty"}, format="json")

    assert response.status_code == 201
    found = {(one["severity"], one["step"], one["code"]) for one in response.json()["problems"]}
    assert ("error", "entry", "condition_required") in found


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, {("/name", "required")}),
        ({"definition": {"version": 1}}, {("/name", "required")}),
        ({"name": "x", "definition": None}, {("/definition", "null")}),
        ({"name": "x", "definition": []}, {("", "wrong_type")}),
        ({"name": "x", "definition": {"version": 1, "stepz": 1}}, {("/stepz", "unknown_key")}),
        (
            {"name": "x", "definition": {"version": 1, "steps": [{"id": "a", "type": "fly"}, 3]}},
            {("/steps/0/type", "unknown_step_type"), ("/steps/1", "wrong_type")},
        ),
        ({"name": "x" * 80}, {("/name", "too_long")}),
    ],
)
def test_bad_bodies_are_refused_with_all_problems(client, url, body, expected):
    response = client.post(url(), body, format="json")

    assert response.status_code == 400
    assert errors_of(response) == expected
    assert not Journey.objects.exists()


def test_the_list_shows_state_and_versions(client, url):
    published(client, url, WAIT, name="One")
    create(client, url, WAIT, name="Two")

    rows = client.get(url()).json()["results"]
    found = client.get(url() + "?search=on").json()["results"]

    assert [(row["name"], row["state"], len(row["versions"])) for row in rows] == [
        ("Two", "draft", 1),
        ("One", "published", 1),
    ]
    assert [row["name"] for row in found] == ["One"]


def test_a_draft_is_saved_on_its_revision_and_else_answers_what_is_stored(client, url, owner):
    made = create(client, url)
    definition = make_definition(WAIT, name="Welcome")

    saved = client.put(url(made["id"], "draft"), {"definition": definition, "revision": 1}, format="json")
    stale = client.put(
        url(made["id"], "draft"), {"definition": make_definition(name="Welcome"), "revision": 1}, format="json"
    )

    assert (saved.status_code, saved.json()["revision"]) == (200, 2)
    assert stale.status_code == 409
    assert (stale.json()["code"], stale.json()["revision"]) == ("stale_revision", 2)
    assert stale.json()["changed_by"] == str(owner)
    assert [step["id"] for step in client.get(url(made["id"], "draft")).json()["definition"]["steps"]] == ["wait"]


def test_what_is_refused_as_stale_can_be_saved_as_a_copy(client, url):
    made = create(client, url, WAIT)

    response = client.post(
        url(made["id"], "draft/copy"), {"definition": make_definition(UNTIL, name="Welcome")}, format="json"
    )

    assert (response.status_code, response.json()["name"]) == (201, "Copy of Welcome")


def test_undo_and_redo(client, url):
    made = create(client, url)
    body = {"definition": make_definition(WAIT, name="Welcome"), "revision": 1, "label": "Add Delay"}
    saved = client.put(url(made["id"], "draft"), body, format="json").json()

    undone = client.post(url(made["id"], "undo"), {"revision": 2}, format="json").json()
    redone = client.post(url(made["id"], "redo"), {"revision": 3}, format="json").json()
    again = client.post(url(made["id"], "redo"), {"revision": 4}, format="json")

    assert (saved["undo"], saved["redo"]) == ("Add Delay", None)
    assert (undone["definition"]["steps"], undone["redo"]) == ([], "Add Delay")
    assert [step["id"] for step in redone["definition"]["steps"]] == ["wait"]
    assert (again.status_code, again.json()["code"]) == (409, "conflict")


def test_publishing_refuses_problems_and_a_stale_token(client, url):
    made = create(client, url, {"id": "a", "type": "delay", "after": "gone"})

    broken = client.post(url(made["id"], "publish"), {}, format="json")
    stale = client.post(url(made["id"], "publish"), {"token": "old"}, format="json")

    assert (broken.status_code, broken.json()["code"]) == (400, "not_publishable")
    assert ("/steps/0/after", "orphan") in errors_of(broken)
    assert (stale.status_code, stale.json()["code"]) == (409, "stale_review")
    assert stale.json()["review"]["publishable"] is False


def test_the_life_of_a_journey(client, url):
    made = published(client, url, WAIT)
    journey = made["id"]

    paused = client.post(url(journey, "pause")).json()
    resumed = client.post(url(journey, "resume")).json()
    draft = client.post(url(journey, "versions"), {}, format="json").json()
    body = {"definition": make_definition(UNTIL, name="Welcome"), "revision": draft["revision"]}
    client.put(url(journey, "draft"), body, format="json")
    review = client.get(url(journey, "publish")).json()
    second = client.post(
        url(journey, "publish"), {"token": review["token"], "previous_action": "archive"}, format="json"
    ).json()
    archived = client.post(url(journey, "archive")).json()
    clone = client.post(url(journey, "clone"), {"name": "Twin"}, format="json").json()
    deleted = client.delete(url(journey))

    assert [made["state"], paused["state"], resumed["state"]] == ["published", "paused", "published"]
    assert (draft["version"], draft["state"]) == (2, "draft")
    assert review["previous"] == 1
    assert [sentence[:5] for sentence in review["changes"]] == ["Added", "Remov"]
    assert [(one["number"], one["state"]) for one in second["versions"]] == [(2, "published"), (1, "archived")]
    assert archived["state"] == "archived"
    assert (clone["name"], clone["state"], clone["version"]) == ("Twin", "draft", 1)
    assert deleted.status_code == 204
    assert client.get(url(journey)).status_code == 404


def test_what_the_state_forbids_is_a_conflict(client, url):
    draft = create(client, url, WAIT, name="Draft")["id"]
    live = published(client, url, WAIT, name="Live")["id"]

    answers = [
        client.post(url(draft, "pause")),
        client.post(url(draft, "archive")),
        client.post(url(live, "resume")),
        client.put(url(live, "draft"), {"definition": {}, "revision": 1}, format="json"),
        client.post(url(live, "publish"), {}, format="json"),
        client.post(url(live, "undo"), {"revision": 1}, format="json"),
        client.delete(url(live)),
        client.delete(url(draft, "draft")),
    ]

    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(409, "conflict")] * 8


def test_renaming_and_describing(client, url):
    made = published(client, url, WAIT)

    changed = client.patch(url(made["id"]), {"name": "Hello", "description": "Says hello."}, format="json").json()
    refused = client.patch(url(made["id"]), {"name": ""}, format="json")

    assert (changed["name"], changed["description"]) == ("Hello", "Says hello.")
    assert changed["definition"]["name"] == "Hello"
    assert (refused.status_code, errors_of(refused)) == (400, {("/name", "required")})


def test_in_a_prod_space_deleting_is_confirmed_with_the_name(owner, space, api_for):
    prod = make_space(workspace=space.workspace, kind="prod")
    client = api_for(owner, prod)
    version = create_journey(space=prod, name="Welcome", created_by=owner)
    address = f"/api/v1/spaces/{prod.slug}/journeys/{version.journey.public_id}/"

    refused = client.delete(address)
    deleted = client.delete(address + "?confirm=Welcome")

    assert (refused.status_code, errors_of(refused)) == (400, {("/confirm", "required")})
    assert deleted.status_code == 204


def test_a_destination_step_is_edited_in_place(client, url, space):
    first, second = make_destination(space=space), make_destination(space=space)
    made = published(client, url, send_step("hi", "entry", first), WAIT | {"after": "hi"})
    connections = [{"destination": second.public_id, "send_identify": True, "send_track": True}]

    changed = client.patch(
        url(made["id"], "steps/hi"), {"name": "Read it", "connections": connections}, format="json"
    ).json()
    other = client.patch(url(made["id"], "steps/wait"), {"name": "Longer"}, format="json")
    empty = client.patch(url(made["id"], "steps/hi"), {"connections": []}, format="json")
    unknown = client.patch(url(made["id"], "steps/hi"), {"connections": [{"destination": "nowhere"}]}, format="json")

    step = changed["definition"]["steps"][0]
    assert (step["name"], step["connections"]) == ("Read it", connections)
    assert step["key"] == made["definition"]["steps"][0]["key"]
    assert other.status_code == 409
    assert (empty.status_code, errors_of(empty)) == (400, {("/steps/0/connections", "destination_required")})
    assert unknown.status_code == 400
    assert {path for path, _ in errors_of(unknown)} == {"/steps/0/connections/0/destination"}


def test_versions_are_listed_and_restored(client, url):
    made = published(client, url, WAIT)
    client.post(url(made["id"], "versions"), {}, format="json")
    body = {"definition": make_definition(UNTIL, name="Welcome"), "revision": 1}
    client.put(url(made["id"], "draft"), body, format="json")

    restored = client.post(url(made["id"], "versions/1/restore")).json()
    rows = client.get(url(made["id"], "versions")).json()["results"]
    old = client.get(url(made["id"]) + "?version=1").json()
    missing = client.get(url(made["id"]) + "?version=9")
    nowhere = client.post(url(made["id"], "versions/9/restore"))

    assert ([step["id"] for step in restored["definition"]["steps"]], restored["undo"]) == (
        ["wait"],
        "Restore version 1",
    )
    assert [(row["number"], row["state"]) for row in rows] == [(2, "draft"), (1, "published")]
    assert (old["version"], old["state"], old["has_draft"]) == (1, "published", True)
    assert (missing.status_code, nowhere.status_code) == (400, 404)


def test_export_and_import_go_round_byte_by_byte(client, url, owner, space, api_for):
    other = make_space(workspace=space.workspace)
    made = client.post(url(), {"definition": EXAMPLE}, format="json").json()

    exported = client.get(url(made["id"], "export"))
    elsewhere = api_for(owner, other)
    imported = elsewhere.post(
        f"/api/v1/spaces/{other.slug}/journeys/import/", exported.content, content_type="application/json"
    )
    again = elsewhere.get(f"/api/v1/spaces/{other.slug}/journeys/{imported.json()['id']}/export/")

    assert imported.status_code == 201, imported.json()
    assert again.content == exported.content
    assert exported.content == (json.dumps(EXAMPLE, indent=2) + "\n").encode()
    assert exported["Content-Disposition"] == 'attachment; filename="first_purchase-v1.json"'


def test_a_file_is_imported_under_another_name_or_into_a_journey(client, url):
    made = client.post(url(), {"definition": EXAMPLE}, format="json").json()

    taken = client.post(url("import"), EXAMPLE, format="json")
    renamed = client.post(url("import") + "?name=Second", EXAMPLE, format="json")
    changed = {**EXAMPLE, "steps": EXAMPLE["steps"][:1]}
    into = client.post(url("import") + f"?into={made['id']}", changed, format="json")
    unknown = client.post(url("import") + "?into=nothing", EXAMPLE, format="json")

    assert (taken.status_code, errors_of(taken)) == (400, {("/name", "taken")})
    assert (renamed.status_code, renamed.json()["name"]) == (201, "Second")
    assert (into.json()["id"], into.json()["revision"], into.json()["undo"]) == (made["id"], 2, "Import")
    assert (unknown.status_code, errors_of(unknown)) == (400, {("/into", "not_found")})


def test_a_plan_tells_what_would_change_and_saves_nothing(client, url):
    made = create(client, url, WAIT, UNTIL | {"after": "wait"})
    wanted = make_definition({**WAIT, "duration": {"days": 2}}, name="Welcome")

    response = client.post(url(made["id"], "plan"), {"definition": wanted}, format="json")

    planned = response.json()
    assert response.status_code == 200
    assert [change.split(" ")[0] for change in planned["changes"]] == ["“wait”:", "Removed"]
    assert [(one["op"], one["path"]) for one in planned["diff"]] == [
        ("remove", "/steps/wait/duration/hours"),
        ("add", "/steps/wait/duration/days"),
        ("remove", "/steps/until"),
    ]
    assert [one["code"] for one in planned["problems"]] == ["sends_nothing", "nothing_follows"]
    assert JourneyVersion.objects.get().revision == 1


def test_the_schema_of_a_journey_is_published(client):
    response = client.get("/api/v1/schemas/journey.json")

    assert response.status_code == 200
    assert response.json()["$schema"].endswith("2020-12/schema")


def test_a_person_is_tested_without_saving_anything(client, url):
    made = create(client, url, WAIT)
    body = {"traits": {"plan": "pro"}, "events": [{"offset": 0, "event": "Signed Up"}], "days": 1}

    response = client.post(url(made["id"], "test"), body, format="json")
    bad = client.post(url(made["id"], "test"), {"events": [{"event": 3}], "foo": 1}, format="json")

    assert response.status_code == 200, response.json()
    assert (response.json()["entered"], response.json()["completed"]) == (True, True)
    assert bad.status_code == 400


def test_a_member_without_the_right_to_personal_data_gets_it_masked(client, url, space, api_for):
    hook = make_destination(space=space)
    made = create(client, url, send_step("hi", "entry", hook))
    member = make_member(workspace=space.workspace, role=Role.USER, has_pii_access=False)
    body = {"identifiers": {"email": ["ada@example.com"]}, "events": [{"offset": 0, "event": "Signed Up"}], "days": 1}

    shown = client.post(url(made["id"], "test"), body, format="json")
    hidden = api_for(member.user, space).post(url(made["id"], "test"), body, format="json")

    assert (shown.status_code, hidden.status_code) == (200, 200)
    assert "ada@example.com" in shown.content.decode()
    assert "ada@example.com" not in hidden.content.decode()


def test_a_dry_run_is_a_job(client, url):
    made = create(client, url, WAIT)
    period = {"from": "2026-01-01T00:00:00Z", "to": "2026-02-01T00:00:00Z"}

    started = client.post(url(made["id"], "dry-run"), period, format="json")
    run = client.get(url(made["id"], "dry-run", started.json()["id"]))
    bad = client.post(url(made["id"], "dry-run"), {"from": "yesterday"}, format="json")
    other = client.get(url(create(client, url, name="Other")["id"], "dry-run", started.json()["id"]))

    assert (started.status_code, started.json()["state"], started.json()["result"]) == (202, "waiting", None)
    assert run.json()["id"] == started.json()["id"]
    assert (bad.status_code, {path for path, _ in errors_of(bad)}) == (400, {"/from", "/to"})
    assert other.status_code == 404


def test_steps_and_runs_of_a_live_journey(client, url):
    made = published(client, url, WAIT)

    steps = client.get(url(made["id"], "steps")).json()

    assert [(row["id"], row["here"]) for row in steps["results"]] == [("entry", 0), ("wait", 0)]
    assert client.get(url(made["id"], "runs") + "?profile=nobody").status_code == 400


@pytest.mark.parametrize(
    "body", ["[]", '"x"', "null", "3", '{"definition": "x", "revision": "y", "version": [], "name": {}, "token": []}']
)
@pytest.mark.parametrize(
    ("method", "part"),
    [
        ("post", ""),
        ("post", "import"),
        ("put", "draft"),
        ("post", "draft/copy"),
        ("post", "undo"),
        ("post", "plan"),
        ("post", "publish"),
        ("post", "archive"),
        ("post", "clone"),
        ("post", "versions"),
        ("post", "test"),
        ("post", "dry-run"),
        ("patch", "steps/wait"),
        ("patch", ""),
    ],
)
def test_any_body_is_answered_without_an_internal_error(client, owner, space, method, part, body):
    version = create_journey(space=space, name="Welcome", definition=make_definition(WAIT), created_by=owner)
    base = f"/api/v1/spaces/{space.slug}/journeys/"
    own = "" if (method, part) in {("post", ""), ("post", "import")} else f"{version.journey.public_id}/"

    response = getattr(client, method)(base + own + (part + "/" if part else ""), body, content_type="application/json")

    assert response.status_code in {400, 409}
    assert set(response.json()) >= {"code", "detail", "errors"}


def test_a_viewer_reads_and_changes_nothing(viewer, space, owner, api_for, url):
    version = create_journey(space=space, name="Welcome", definition=make_definition(WAIT), created_by=owner)
    publish(version=version, published_by=owner)
    client = api_for(viewer, space)
    journey = version.journey.public_id

    read = [client.get(url(*parts)).status_code for parts in [(), (journey,), (journey, "export"), (journey, "steps")]]
    changed = [client.post(url(journey, part)).status_code for part in ["pause", "archive", "clone", "versions"]]

    assert read == [200, 200, 200, 200]
    assert changed == [403, 403, 403, 403]
    assert JourneyVersion.objects.get().state == VersionState.PUBLISHED
