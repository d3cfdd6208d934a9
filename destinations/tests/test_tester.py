from __future__ import annotations

import socket
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from common.errors import ConflictError, InvalidError
from destinations.models import EventTest
from destinations.services.tester import build_only, new_test_user_id, read_event, send_test_event
from destinations.tests.builders import audience_event, make_destination, make_mapping
from profiles.models import Profile
from spaces.models import Space, User


def hook(space: Space, server: HTTPServer, **settings: Any) -> Any:
    return make_destination(space=space, settings={"url": server.url_for("/hook"), **settings})


def closed_port() -> int:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        return int(holder.getsockname()[1])


def test_a_success_shows_the_status_and_the_whole_response(space: Space, owner: User, httpserver: HTTPServer) -> None:
    """F017, F019."""
    httpserver.expect_oneshot_request("/hook", method="POST", json=audience_event()).respond_with_data(
        '{"accepted":1}', headers={"X-Trace": "t1"}
    )

    test = send_test_event(destination=hook(space, httpserver), sent_by=owner, event=audience_event())

    httpserver.check_assertions()
    call = test.result["calls"][0]
    assert (test.result["outcome"], test.result["status_line"]) == ("delivered", "200 OK")
    assert call["exchanges"][0]["response"]["body"] == '{"accepted":1}'
    assert call["exchanges"][0]["response"]["headers"]["x-trace"] == "t1"
    assert [stage["name"] for stage in test.result["stages"]][-2:] == ["request", "response"]


@pytest.mark.parametrize(
    ("status", "line", "is_retried"),
    [
        (400, "400 BAD REQUEST", False),
        (404, "404 NOT FOUND", False),
        (500, "500 INTERNAL SERVER ERROR", True),
        (503, "503 SERVICE UNAVAILABLE", True),
    ],
)
def test_an_error_shows_the_status_and_what_was_said(
    space: Space, owner: User, httpserver: HTTPServer, status: int, line: str, is_retried: bool
) -> None:
    """F020."""
    httpserver.expect_request("/hook").respond_with_data("the name is missing", status=status)

    test = send_test_event(destination=hook(space, httpserver), sent_by=owner, event=audience_event())

    call = test.result["calls"][0]
    assert test.result["outcome"] == "failed"
    assert test.result["status_line"].upper() == line
    assert (call["code"], call["is_retried"]) == (str(status), is_retried)
    assert "the name is missing" in call["detail"]
    assert call["exchanges"][0]["response"]["body"] == "the name is missing"


def test_a_refused_connection_shows_its_code(space: Space, owner: User) -> None:
    """F020."""
    destination = make_destination(space=space, settings={"url": f"http://127.0.0.1:{closed_port()}/"})

    test = send_test_event(destination=destination, sent_by=owner, event=audience_event())

    error = test.result["calls"][0]["exchanges"][0]["error"]
    assert test.result["outcome"] == "failed"
    assert error["code"] == "ECONNREFUSED"
    assert error["detail"]


def test_an_unknown_host_shows_its_code(space: Space, owner: User) -> None:
    """F020."""
    destination = make_destination(space=space, settings={"url": "http://nobody.invalid/"})

    test = send_test_event(destination=destination, sent_by=owner, event=audience_event())

    assert test.result["calls"][0]["code"] == "ENOTFOUND"


def test_an_address_that_is_not_public_is_refused(space: Space, owner: User, settings: Any) -> None:
    """F020."""
    settings.ENGAGE_ALLOWED_NETWORKS = []
    destination = make_destination(space=space, settings={"url": "http://169.254.169.254/latest/"})

    test = send_test_event(destination=destination, sent_by=owner, event=audience_event())

    assert test.result["calls"][0]["code"] == "EREFUSED"
    assert test.result["calls"][0]["is_retried"] is False


def test_a_filtered_event_says_by_which_rule(space: Space, owner: User, httpserver: HTTPServer) -> None:
    test = send_test_event(
        destination=hook(space, httpserver), sent_by=owner, event=audience_event(context={}, integrations={})
    )

    assert (test.result["outcome"], test.result["code"]) == ("filtered", "NO_MATCHING_MAPPING")
    assert test.result["detail"] == "You may not have any subscriptions that match this event."
    assert httpserver.log == []


def test_secrets_are_masked_in_what_is_kept(space: Space, owner: User, httpserver: HTTPServer) -> None:
    destination = hook(space, httpserver, sharedSecret="s3cret-value")
    make_mapping(
        destination=destination,
        fields={"method": "POST", "headers": {"Authorization": "Bearer abc"}, "data": {"echo": "s3cret-value"}},
    )
    httpserver.expect_request("/hook").respond_with_handler(lambda request: Response(request.data))

    test = send_test_event(destination=destination, sent_by=owner, event=audience_event())

    assert "s3cret-value" not in str(test.result)
    assert "Bearer abc" not in str(test.result)
    assert len(httpserver.log) == 2


def test_an_answer_with_odd_characters_is_kept(space: Space, owner: User, httpserver: HTTPServer) -> None:
    """F020."""
    httpserver.expect_request("/hook").respond_with_data(b"\x00\xff\xed\xa0\x80 ok")

    test = send_test_event(destination=hook(space, httpserver), sent_by=owner, event=audience_event())

    assert test.result["outcome"] == "delivered"
    assert test.result["calls"][0]["exchanges"][0]["response"]["body"].endswith(" ok")


def test_a_test_is_a_delivery_but_changes_no_profile(space: Space, owner: User, httpserver: HTTPServer) -> None:
    """F021."""
    received: list[Request] = []
    httpserver.expect_request("/hook").respond_with_handler(lambda request: received.append(request) or Response("ok"))

    send_test_event(destination=hook(space, httpserver), sent_by=owner, event=audience_event())

    assert len(received) == 1
    assert Profile.objects.count() == 0


def test_a_disabled_destination_can_be_tested(space: Space, owner: User, httpserver: HTTPServer) -> None:
    """F021."""
    httpserver.expect_request("/hook").respond_with_data("ok")
    destination = make_destination(space=space, settings={"url": httpserver.url_for("/hook")}, is_enabled=False)

    test = send_test_event(destination=destination, sent_by=owner, event=audience_event())

    assert test.result["outcome"] == "delivered"


def test_the_last_twenty_tests_are_kept(space: Space, owner: User, httpserver: HTTPServer) -> None:
    destination = hook(space, httpserver)
    for _ in range(22):
        send_test_event(destination=destination, sent_by=owner, event=audience_event(context={}, integrations={}))

    assert EventTest.objects.filter(destination=destination).count() == 20


def test_building_only_sends_and_keeps_nothing(space: Space, httpserver: HTTPServer) -> None:
    result = build_only(destination=hook(space, httpserver), event=audience_event())

    assert result["outcome"] == "built"
    assert result["calls"][0]["exchanges"][0]["request"]["method"] == "POST"
    assert (httpserver.log, EventTest.objects.count()) == ([], 0)


def test_a_list_destination_has_no_tester(space: Space, owner: User) -> None:
    """F014."""
    destination = make_destination(space=space, connector="webhook_list")

    with pytest.raises(ConflictError, match="no event tester"):
        send_test_event(destination=destination, sent_by=owner, event=audience_event())


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "invalid_json"),
        ("{", "invalid_json"),
        ('{"type": NaN}', "invalid_json"),
        ("[" * 100_000, "invalid_json"),
        ("[]", "not_an_object"),
        ("{}", "type_required"),
        ('{"type": "track", "userId": "a\\u0000b"}', "invalid_character"),
        ('{"type": "track", "userId": "\\ud800"}', "invalid_character"),
        ('{"type": "track", "n": 1e999}', "invalid_json"),
        (" " * 600_000, "too_long"),
    ],
)
def test_an_event_that_is_none_is_refused_with_its_place(text: str, code: str) -> None:
    with pytest.raises(InvalidError) as refused:
        read_event(text)

    assert [(error.path, error.code) for error in refused.value.errors] == [("/event", code)]


def test_test_users_are_recognizable_and_differ() -> None:
    """F016."""
    ids = {new_test_user_id() for _ in range(50)}

    assert len(ids) == 50
    assert all(len(item) == len("test-user-") + 6 and item.startswith("test-user-") for item in ids)
