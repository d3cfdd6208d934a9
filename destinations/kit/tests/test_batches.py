from __future__ import annotations

import pytest

from destinations.kit.batches import Results, chunks, latest
from destinations.kit.definition import Item
from destinations.kit.http import HttpError, Response


def items(*memberships: bool | None) -> list[Item]:
    return [Item(index=place, payload={"n": place}, membership=value) for place, value in enumerate(memberships)]


def test_what_nobody_spoke_of_succeeded() -> None:
    results = Results(items(True, False))

    assert [result.status for result in results.done()] == [200, 200]


def test_adds_and_removes_are_those_without_a_result() -> None:
    results = Results(items(True, False, None, True))
    results.fail(results.adds[0], "no e-mail")

    results.need_membership()

    assert [item.index for item in results.adds] == [3]
    assert [item.index for item in results.removes] == [1]
    assert [result.code for result in results.done()] == [
        "PAYLOAD_VALIDATION_FAILED",
        "",
        "INVALID_AUDIENCE_MEMBERSHIP",
        "",
    ]


def test_a_failed_request_fails_its_items_alone() -> None:
    results = Results(items(True, False))

    results.refuse(results.adds, HttpError(Response(status=429, headers={"retry-after": "7"}, body=b"slow")))

    told = results.done()
    assert [(one.status, one.retry_after) for one in told] == [(429, 7.0), (200, None)]
    assert told[0].message == "The destination answered 429 Too Many Requests. slow"
    assert (told[0].verdict().outcome, told[0].verdict().retry_after) == ("retry", 7.0)


def test_a_401_is_raised_again_so_that_the_token_is_renewed() -> None:
    results = Results(items(True))

    with pytest.raises(HttpError):
        results.refuse(results.open, HttpError(Response(status=401)))


def test_the_later_event_of_a_person_wins() -> None:
    found = latest(items(True, False, True), lambda item: item.payload["n"] % 2)

    assert [item.index for item in found] == [2, 1]


def test_chunks_leave_nothing_out() -> None:
    assert list(chunks([1, 2, 3, 4, 5], 2)) == [[1, 2], [3, 4], [5]]
    assert list(chunks([], 2)) == []
