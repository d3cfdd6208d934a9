"""The protocol buffer of the upload: written and read by hand, the messages being three and flat.

Request: repeated Operation ops = 1, bool process_consent = 3. Operation: string user_id = 1, int64 user_list_id = 4,
bool delete = 6, enum user_id_type = 14. Response: enum status = 1.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

GOOGLE_USER_ID, IDFA, ANDROID_ADVERTISING_ID, PARTNER_PROVIDED_ID = 0, 1, 2, 4
STATUSES = {
    0: "NO_ERROR",
    1: "PARTIAL_SUCCESS",
    2: "PERMISSION_DENIED",
    3: "BAD_DATA",
    4: "BAD_COOKIE",
    5: "BAD_ATTRIBUTE_ID",
    7: "BAD_NETWORK_ID",
    8: "REQUEST_TOO_BIG",
    9: "EMPTY_REQUEST",
    10: "INTERNAL_ERROR",
    11: "BAD_DATA_SOURCE_ID",
    12: "BAD_TIMESTAMP",
    21: "UNKNOWN_ID",
    22: "MISSING_CONSENT_WILL_BE_DROPPED",
    23: "MISSING_CONSENT",
}
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


@dataclass(frozen=True, kw_only=True)
class Operation:
    user_id: str
    user_id_type: int
    list_id: int
    is_delete: bool


def request(operations: Iterable[Operation]) -> bytes:
    """Consent is always processed. `delete` and the type are written even when they are 0."""
    told = b"".join(_message(1, _operation(one)) for one in operations)
    return told + _number(3, 1)


def _operation(one: Operation) -> bytes:
    return (
        _message(1, one.user_id.encode("utf-8", "surrogatepass"))
        + _number(4, one.list_id)
        + _number(6, int(one.is_delete))
        + _number(14, one.user_id_type)
    )


def status(body: bytes) -> str | None:
    """The name of a response's status; NO_ERROR when it says none; None for what is no such message."""
    found, place = 0, 0
    try:
        while place < len(body):
            tag, place = _read(body, place)
            number, kind = tag >> 3, tag & 7
            if kind == _VARINT:
                value, place = _read(body, place)
                found = value if number == 1 else found
            elif kind == _BYTES:
                length, place = _read(body, place)
                place += length
            elif kind in (_FIXED64, _FIXED32):
                place += 8 if kind == _FIXED64 else 4
            else:
                return None
    except IndexError:
        return None
    return STATUSES.get(found, f"status {found}") if place == len(body) else None


def _message(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | _BYTES) + _varint(len(content)) + content


def _number(number: int, value: int) -> bytes:
    return _varint(number << 3 | _VARINT) + _varint(value)


def _varint(value: int) -> bytes:
    parts = bytearray()
    while value > 127:
        parts.append(value & 127 | 128)
        value >>= 7
    parts.append(value)
    return bytes(parts)


def _read(body: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = body[place]
        place += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, place
        shift += 7
