"""Tokens and pauses through the real worker; lists that go through mappings. Connectors are those of `probes/`."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from common.errors import ConflictError, InvalidError
from common.secrets import decrypt
from delivery.models import ListSync
from delivery.services import lists
from delivery.services.emit import Change, emit_changes
from delivery.tests.builders import rows
from delivery.tests.conftest import Clock
from delivery.tests.vendors import Vendor, running_vendor
from delivery.tests.walks import Walk
from destinations import catalog, connectors
from destinations.config import load_config
from destinations.kit.testing import Rule, WorkerCase, answer
from destinations.models import Destination
from destinations.services.asking import dynamic_choices, run_hook
from destinations.services.destinations import resume_destination, update_destination
from destinations.services.mappings import update_mapping
from destinations.services.tester import check_connection, send_test_event
from engine.mapping.fields import Choice
from spaces.models import AuditEntry, Space

PEOPLE, ME, TOKEN = (
    "https://api.probe.example/people",
    "https://api.probe.example/me",
    "https://login.probe.example/token",
)
LISTS = "https://lists.probe.example"
OAUTH = {
    "oauth_access_token": "old-token",
    "oauth_refresh_token": "refresh-1",
    "oauth_client_id": "client",
    "oauth_client_secret": "client-secret",
}
Start = Callable[..., Walk]


@pytest.fixture(autouse=True)
def probes() -> Iterator[None]:
    folder = str(Path(__file__).parent / "probes")
    connectors.__path__.append(folder)
    catalog.definitions.cache_clear()
    yield
    connectors.__path__.remove(folder)
    for name in [name for name in sys.modules if name.endswith("_probe")]:
        del sys.modules[name]
    catalog.definitions.cache_clear()
    importlib.invalidate_caches()


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    with running_vendor() as opened:
        yield opened


@pytest.fixture
def start(space: Space, vendor: Vendor, clock: Clock, settings: Any) -> Start:
    settings.ENGAGE_SEND_TO = vendor.address

    def begin(slug: str, *, responses: list[Rule] = [], **told: Any) -> Walk:  # noqa: B006 - never changed
        definition = catalog.definition(slug)
        assert definition is not None
        told.setdefault("settings", OAUTH if slug == "oauth_probe" else {})
        case = WorkerCase(kinds=("track",), responses=responses, added=(), changed=(), removed=(), **told)
        return Walk(definition=definition, case=case, space=space, vendor=vendor, clock=clock)

    return begin


def fresh(destination: Destination) -> Destination:
    return Destination.objects.get(pk=destination.pk)


def expired(times: int | None = 1) -> list[Rule]:
    return [
        Rule(url=TOKEN, response=answer(200, {"access_token": "new-token", "refresh_token": "refresh-2"})),
        Rule(url=PEOPLE, response=answer(401, {"error": "expired"}), times=times),
    ]


class Picky:
    """Answers 401 to everybody who does not know the newest token."""

    def __init__(self, vendor: Vendor) -> None:
        self.vendor = vendor
        self.refreshes = 0

    def __call__(self, request: Any) -> Any:
        with self.vendor.lock:
            self.vendor.requests.append(request)
            if request.url == TOKEN:
                self.refreshes += 1
                return answer(200, {"access_token": f"new-{self.refreshes}"})
        is_known = request.headers.get("Authorization") == f"Bearer new-{self.refreshes}"
        return answer(200, {}) if is_known else answer(401, {})


def test_an_expired_token_is_renewed_once_for_all_calls_and_stored(
    start: Start, vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    walk = start("oauth_probe")
    picky = Picky(vendor)
    monkeypatch.setattr(vendor, "answer", picky)
    for number in range(30):
        walk.change(walk.make_person(f"p{number}", f"p{number}@example.org"), value=True)

    walk.work()

    assert picky.refreshes == 1
    assert walk.outcomes() == {"delivered": 30}
    stored = fresh(walk.destination)
    assert decrypt(stored.token)["access_token"] == "new-1"
    assert decrypt(stored.token)["refresh_token"] == "refresh-1"
    assert stored.paused_at is None


def test_the_next_run_begins_with_the_stored_token(start: Start, vendor: Vendor) -> None:
    walk = start("oauth_probe", responses=expired())
    vendor.responses = expired(times=None)
    walk.change(walk.person, value=True)
    walk.work()
    resume_destination(destination=fresh(walk.destination), actor=None)
    vendor.responses = ()

    walk.pass_time()
    came = walk.work()

    assert [call for call, _body in came] == [f"POST {PEOPLE}"]
    assert walk.outcomes() == {"delivered": 1}


def test_no_token_is_kept_with_the_calls(start: Start, vendor: Vendor, monkeypatch: pytest.MonkeyPatch) -> None:
    walk = start("oauth_probe")
    monkeypatch.setattr(vendor, "answer", Picky(vendor))
    walk.change(walk.person, value=True)

    walk.work()

    [(exchange,)] = rows("SELECT exchange FROM delivery_log")
    assert exchange.count('"request"') == 3
    for secret in ("old-token", "new-1", "refresh-1", "client-secret"):
        assert secret not in exchange


def test_a_destination_that_refuses_for_good_is_paused_with_a_sentence(start: Start, vendor: Vendor) -> None:
    walk = start("oauth_probe")
    vendor.responses = [
        Rule(url=TOKEN, response=answer(400, {"error_description": "token revoked"})),
        Rule(url=PEOPLE, response=answer(401, {})),
    ]
    walk.change(walk.person, value=True)

    first = walk.work()
    walk.change(walk.make_person("u2", "ben@example.org"), value=True)
    walk.pass_time()
    second = walk.work()

    stored = fresh(walk.destination)
    assert [call for call, _body in first] == [f"POST {PEOPLE}", f"POST {TOKEN}"]
    assert second == []
    assert stored.is_enabled
    assert stored.paused_at is not None
    assert stored.pause_reason == (
        "Signing in failed: the destination answered 400 (token revoked). Check the credentials in the settings."
    )
    assert walk.outcomes() == {"waiting": 2}
    assert AuditEntry.objects.filter(action="destination.paused").count() == 1


def test_new_credentials_let_the_waiting_calls_go(start: Start, vendor: Vendor) -> None:
    walk = start("oauth_probe")
    vendor.responses = [Rule(url=TOKEN, response=answer(400)), Rule(url=PEOPLE, response=answer(401))]
    walk.change(walk.person, value=True)
    walk.work()
    vendor.responses = ()

    update_destination(destination=walk.destination, actor=None, settings={**OAUTH, "oauth_access_token": "pasted"})
    walk.pass_time()
    walk.work()

    stored = fresh(walk.destination)
    assert (stored.paused_at, stored.pause_reason) == (None, "")
    assert walk.outcomes() == {"delivered": 1}


def test_the_tester_renews_and_stores_the_token(start: Start, vendor: Vendor) -> None:
    walk = start("oauth_probe", responses=expired())
    vendor.responses = [
        Rule(url=TOKEN, response=answer(200, {"access_token": "new-token"})),
        Rule(url=ME, response=answer(401)),
    ]

    verdict = check_connection(walk.destination)

    assert verdict is not None
    assert (verdict.outcome, verdict.status) == ("failed", 401)
    assert decrypt(fresh(walk.destination).token)["access_token"] == "new-token"
    assert [call for call, _body in vendor.calls()] == [f"GET {ME}", f"POST {TOKEN}", f"GET {ME}"]


def test_a_test_event_hides_the_new_token(start: Start, vendor: Vendor, monkeypatch: pytest.MonkeyPatch) -> None:
    walk = start("oauth_probe")
    monkeypatch.setattr(vendor, "answer", Picky(vendor))
    event = {"type": "track", "event": "Audience Entered", "userId": "u1", "integrations": {"All": True}}

    test = send_test_event(destination=walk.destination, sent_by=None, event=event)

    assert test.result["outcome"] == "delivered"
    assert len(test.result["calls"][0]["exchanges"]) == 3
    assert "new-1" not in str(test.result)


def test_each_item_of_a_batch_has_its_own_outcome(start: Start, vendor: Vendor) -> None:
    batching = {"action": "send", "trigger": 'type = "track"', "fields": {"enable_batching": True}}
    walk = start("oauth_probe", mappings=[batching])
    vendor.responses = [Rule(url=PEOPLE, response=answer(200, {"refused": ["p1"]}))]
    for number in range(5):
        walk.change(walk.make_person(f"p{number}", f"p{number}@example.org"), value=True)

    came = walk.work()

    assert sorted(len(body) for _call, body in came) == [2, 3]
    assert walk.outcomes() == {"delivered": 4, "failed": 1}
    assert rows("SELECT detail, status FROM delivery_log WHERE outcome = 'failed'") == [("p1 is not wanted.", 400)]


def test_choices_of_a_field_are_fetched(start: Start, vendor: Vendor) -> None:
    walk = start("oauth_probe")
    vendor.responses = [Rule(url="https://api.probe.example/ids", response=answer(200, [{"id": 7, "name": "Seven"}]))]

    found = dynamic_choices(destination=walk.destination, action="send", field="id")

    assert found == [Choice(value=7, label="Seven")]


def test_what_a_hook_made_is_kept_in_the_mapping_and_reaches_the_action(start: Start, vendor: Vendor) -> None:
    walk = start("oauth_probe")
    vendor.responses = [Rule(url="https://api.probe.example/tables", response=answer(200, {"id": "t1"}))]
    mapping = walk.destination.mappings.get()

    made = run_hook(destination=walk.destination, action="send", hook="onMappingSave", inputs={"name": "People"})
    update_mapping(mapping=mapping, actor=None, fields={**mapping.fields, "onMappingSave": made})

    config = load_config(walk.destination.pk)
    assert config is not None
    assert made == {"inputs": {"name": "People"}, "outputs": {"tableId": "t1"}}
    assert config.mappings[0].steering.hooks == {"onMappingSave": {"tableId": "t1"}}


def test_a_hook_names_inputs_that_are_missing(start: Start, vendor: Vendor) -> None:
    walk = start("oauth_probe")

    with pytest.raises(InvalidError) as refusal:
        run_hook(destination=walk.destination, action="send", hook="onMappingSave", inputs={})

    assert [error.path for error in refusal.value.errors] == ["/fields/onMappingSave/name"]
    assert vendor.calls() == []


def test_a_vendor_that_cannot_be_asked_is_quoted(start: Start, vendor: Vendor) -> None:
    walk = start("oauth_probe")
    vendor.failing = answer(503, "away")

    with pytest.raises(ConflictError, match="503"):
        dynamic_choices(destination=walk.destination, action="send", field="id")


def list_rules() -> list[Rule]:
    return [
        Rule(url=f"{LISTS}/login", response=answer(200, {"session": "s1"})),
        Rule(url=f"{LISTS}/lists", method="POST", response=answer(200, {"id": "l7"})),
    ]


def test_a_list_is_made_with_a_session_and_filled_in_the_vendors_size(start: Start, vendor: Vendor) -> None:
    walk = start("list_probe", responses=list_rules(), audience_settings={"folder": "F"})
    for name in ("amy", "ben", "cid"):
        walk.change(walk.make_person(name, f"{name}@example.org"), value=True)

    came = walk.work()

    assert came == [
        (f"POST {LISTS}/login", None),
        (f"POST {LISTS}/lists", {"name": "VIP", "folder": "F"}),
        (f"POST {LISTS}/lists/l7/members", ["amy@example.org", "ben@example.org"]),
        (f"POST {LISTS}/lists/l7/members", ["cid@example.org"]),
    ]
    walk.connection.refresh_from_db()
    assert walk.connection.external_audience_id == "l7"
    assert walk.outcomes() == {"delivered": 3}


def test_removes_that_fail_do_not_hold_the_adds(start: Start, vendor: Vendor) -> None:
    walk = start("list_probe", responses=list_rules())
    walk.change(walk.person, value=True)
    walk.work()
    vendor.responses = [Rule(method="DELETE", response=answer(503)), *list_rules()]

    walk.change(walk.person, value=False)
    walk.change(walk.make_person("u2", "ben@example.org"), value=True)
    came = walk.work()

    assert [call.split()[0] for call, _body in came] == ["GET", "POST", "DELETE"]
    assert walk.outcomes() == {"delivered": 2, "waiting": 1}


def test_an_entry_that_no_mapping_takes_is_filtered(start: Start) -> None:
    mapping = {"action": "sync", "trigger": 'event = "Somebody else"'}
    walk = start("list_probe", responses=list_rules(), mappings=[mapping])
    walk.change(walk.person, value=True)

    walk.work()

    assert walk.outcomes() == {"filtered": 1}
    assert ListSync.objects.values_list("state", "delivered", "failed").get() == ("done", 0, 0)


def test_a_list_that_is_gone_fails_with_a_sentence(start: Start, vendor: Vendor) -> None:
    walk = start("list_probe", responses=list_rules())
    walk.change(walk.person, value=True)
    walk.work()
    vendor.responses = [Rule(method="GET", response=answer(404)), *list_rules()]

    walk.change(walk.person, value=False)
    walk.work()

    [(reason, detail)] = rows("SELECT reason, detail FROM delivery_log WHERE outcome = 'failed'")
    assert reason == "LIST_NOT_FOUND"
    assert "no longer exists" in detail


def test_a_list_that_refuses_the_session_is_paused_and_keeps_its_changes(start: Start, vendor: Vendor) -> None:
    walk = start("list_probe", responses=[Rule(url=f"{LISTS}/login", response=answer(403))])
    walk.change(walk.person, value=True)

    walk.work()
    again = walk.work()

    assert again == []
    assert fresh(walk.destination).pause_reason.startswith("Signing in failed: the destination answered 403")
    assert walk.outcomes() == {"waiting": 1}


def test_lists_are_synced_no_more_often_than_the_vendor_allows(start: Start, vendor: Vendor, clock: Clock) -> None:
    """F081."""
    walk = start("list_probe", responses=list_rules())
    walk.change(walk.person, value=True)
    walk.work()
    walk.change(walk.person, value=False)
    clock.advance(minutes=359)

    early = lists.sync_due(now=clock())
    clock.advance(minutes=2)
    due = lists.sync_due(now=clock())

    assert (early, due) == (0, 1)


def test_members_of_before_are_not_sent_to_a_tool_without_a_past(start: Start, space: Space, clock: Clock) -> None:
    """F126."""
    walk = start("list_probe", responses=list_rules())

    emitted = emit_changes(
        space=space,
        computation_id="aud_1",
        changes=[Change(profile_id=walk.person, value=True)],
        now=clock(),
        connections=[walk.connection],
        is_first_sync=True,
    )
    walk.change(walk.make_person("u2", "ben@example.org"), value=True)
    came = walk.work()

    assert emitted == 0
    assert came[-1] == (f"POST {LISTS}/lists/l7/members", ["ben@example.org"])
