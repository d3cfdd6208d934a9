from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from engine import events
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


VALUES = (
    *("0", "-0.0", "1.0", "1e5", "1E400", "123456789012345678901234567890", "18446744073709551616", "1" * 400),
    *("true", "null", '"x"', '"\\ud800"', '"\\u00e9"', '"\\u0000"', "01", "NaN", "{}", "[]", "[[1]]"),
    *('[1,"a",null]', '{"a":{"b":{"c":[{"d":1}]}}}', "[" * 150 + "]" * 150, '{"a":' * 99 + "1" + "}" * 99),
)


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("form", ["%s", '{"k":%s}', '{"k":[%s]}', '{"k":[{"j":%s}]}'])
def test_the_short_way_of_shallow_messages_reads_what_the_long_one_does(
    monkeypatch: pytest.MonkeyPatch, form: str, value: str
) -> None:
    def refuse(raw: bytes) -> None:
        raise msgspec.ValidationError

    def read(field: str) -> Any:
        raw = f'{{"type":"track","{field}":{form % value}}}'.encode()
        try:
            wire = events._decode(raw)
        except RejectedMessageError as error:
            return error.code, error.detail
        return repr([getattr(wire, name) for name in events._Wire.__struct_fields__])

    fields = ("properties", "context", "integrations", "userId", "timestamp", "channel", "_metadata", "unknown")
    short = [read(field) for field in fields]
    monkeypatch.setattr(events, "_decode_shallow", refuse)

    assert [read(field) for field in fields] == short
