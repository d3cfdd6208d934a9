from __future__ import annotations

from datetime import UTC, datetime

import pytest

from engine.events import (
    DEEPEST,
    RejectedMessageError,
    epoch_ms,
    is_naive_datetime,
    nesting,
    read_call,
    read_instant,
    repair_json,
)

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-05-01T10:00:00.123Z", datetime(2026, 5, 1, 10, 0, 0, 123_000, tzinfo=UTC)),
        ("2026-05-01T10:00:00+02:00", datetime(2026, 5, 1, 8, 0, tzinfo=UTC)),
        ("2026-05-01", datetime(2026, 5, 1, tzinfo=UTC)),
        ("0000-01-01T00:00:00Z", None),
        ("9999-12-31T23:59:59-10:00", None),
        ("soon", None),
        (1_700_000_000, None),
    ],
)
def test_instants(text: object, moment: datetime | None) -> None:
    assert read_instant(text) == moment


def test_milliseconds_keep_microseconds_as_their_fraction() -> None:
    assert epoch_ms(datetime(1970, 1, 1, 0, 0, 1, 500, tzinfo=UTC)) == 1000.5


@pytest.mark.parametrize(
    ("value", "is_naive"),
    [
        ("2026-01-01T10:00:00", True),
        ("2026-01-01 10:00", True),
        ("2026-01-01T10:00:00.5", True),
        ("2026-01-01T10:00:00Z", False),
        ("2026-01-01", False),
        (20260101, False),
    ],
)
def test_times_without_a_zone(value: object, is_naive: bool) -> None:
    assert is_naive_datetime(value) is is_naive


def test_nesting_ignores_brackets_in_texts() -> None:
    assert nesting(rb'{"a":"[[[\"{{","b":[{"c":1}]}') == 3


@pytest.mark.parametrize("body", [b"{", b"NaN", b'{"a":NaN}', b"[1,]", b"[" * 200])
def test_what_is_no_json_is_not_repaired(body: bytes) -> None:
    assert repair_json(body) is None


def test_lone_surrogates_are_replaced() -> None:
    assert repair_json(rb'{"a":"x\ud800y"}') == '{"a": "x\ufffdy"}'.encode()


def test_a_message_nested_too_deeply_is_refused_after_repair() -> None:
    deep = (
        b'{"batch":[{"type":"track","userId":"u","event":"A","properties":'
        + b'{"a":' * 500
        + b"1"
        + b"}" * 500
        + b"}]}"
    )
    repaired = repair_json(deep)
    assert repaired is not None
    item = repaired[len(b'{"batch": [') : -2]

    with pytest.raises(RejectedMessageError, match=f"deeper than {DEEPEST} levels"):
        read_call(item, call="batch", received_at=NOW)


def test_a_skew_that_leaves_the_calendar_is_not_corrected() -> None:
    raw = b'{"userId":"u","event":"A","timestamp":"9999-12-31T00:00:00Z","sentAt":"0001-01-01T00:00:00Z"}'

    call = read_call(raw, call="track", received_at=NOW)

    assert call.ts == datetime(9999, 12, 31, tzinfo=UTC)
