"""Tracking calls as they come over the wire: camelCase JSON in, checked snake_case calls out.

The codes are the "Failed on ingest" ones of delivery-and-observability.md §2.3.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

CALL_TYPES = ("identify", "track", "page", "screen", "group", "alias")
LONGEST_CALL = 32 * 1024
LONGEST_MESSAGE_ID = 100
LONGEST_ID = 500
LONGEST_NAME = 500
MOST_KEYS = 300
DEEPEST = 100
# How the `integrations` of a call name this product: Segment called Engage Personas once, and both go on working.
OWN_NAMES = ("Personas", "Engage")
# How the messageIds of calls begin that this product makes.
OWN_PREFIX = "personas_"
# What `repair_json` puts in the place of a value that is nested too deeply to be read.
TOO_DEEP_MARK = "\x00nested too deeply"

_NAIVE_DATETIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d([.,]\d+)?)?")
_MICROSECOND = timedelta(microseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class RejectedMessageError(Exception):
    """A message that is not taken in: a stable code, a sentence, and its messageId if it could be read."""

    def __init__(self, code: str, detail: str, message_id: str | None = None) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.message_id = message_id


class _Wire(msgspec.Struct, rename="camel", gc=False):
    type: Any = None
    message_id: Any = None
    user_id: Any = None
    anonymous_id: Any = None
    group_id: Any = None
    event: Any = None
    name: Any = None
    category: Any = None
    properties: Any = None
    traits: Any = None
    context: Any = None
    integrations: Any = None
    timestamp: Any = None
    original_timestamp: Any = None
    sent_at: Any = None


_Plain = str | int | float | bool | None
_Flat = dict[str, _Plain | list[_Plain]]
_Nested = dict[str, _Plain | list[_Plain | _Flat] | _Flat]
_Shallow = dict[str, _Plain | list[_Plain | _Nested] | _Nested]


class _ShallowWire(_Wire, forbid_unknown_fields=True):
    """What nearly all messages are like: so little nested that nobody has to count the levels.

    The fields at the end are those that libraries send beside what is read here.
    """

    type: _Plain = None
    message_id: _Plain = None
    user_id: _Plain = None
    anonymous_id: _Plain = None
    group_id: _Plain = None
    event: _Plain = None
    name: _Plain = None
    category: _Plain = None
    properties: _Shallow | None = None
    traits: _Shallow | None = None
    context: _Shallow | None = None
    integrations: _Shallow | None = None
    timestamp: _Plain = None
    original_timestamp: _Plain = None
    sent_at: _Plain = None
    channel: _Plain = None
    previous_id: _Plain = None
    received_at: _Plain = None
    version: _Plain = None
    write_key: _Plain = None
    metadata: _Shallow | None = msgspec.field(default=None, name="_metadata")


class Call(msgspec.Struct, gc=False):
    """One accepted tracking call.

    `name` is the event name of a track call, the page or screen name otherwise ("" when absent). `ts` is corrected
    for the client's clock. `message_id` is None when the caller gave none. `is_kept_out`: `integrations.Personas`
    (or Engage, its later name) is false, or the call was made by this product. `integrations` are its own and those of
    its batch.
    """

    type: str
    message_id: str | None
    user_id: str | None
    anonymous_id: str | None
    group_id: str | None
    name: str
    properties: dict[str, Any]
    traits: dict[str, Any]
    context: dict[str, Any]
    ts: datetime
    is_kept_out: bool
    integrations: dict[str, Any] = msgspec.field(default_factory=dict)

    @property
    def is_own(self) -> bool:
        """Made by this product: it came back over a destination that sends to the tracking API."""
        return self.message_id is not None and self.message_id.startswith(OWN_PREFIX)


_decode_wire = msgspec.json.Decoder(_Wire).decode
_decode_shallow = msgspec.json.Decoder(_ShallowWire).decode


def read_call(
    raw: bytes,
    *,
    call: str,
    received_at: datetime,
    sent_at: Any = None,
    context: Mapping[str, Any] | None = None,
    integrations: Mapping[str, Any] | None = None,
) -> Call:
    """The call that the JSON text `raw` says; RejectedMessageError when it cannot be taken in.

    `call` is the type that the path named, or "batch" when each item names its own; the other arguments are the
    outer fields of a batch, which an item's own override.
    """
    if len(raw) > LONGEST_CALL:
        raise RejectedMessageError("bad_request", f"The message is larger than {LONGEST_CALL // 1024} KB.")
    wire = _decode(raw)
    message_id = wire.message_id
    if message_id is not None and (not isinstance(message_id, str) or len(message_id) > LONGEST_MESSAGE_ID):
        text = message_id[:LONGEST_MESSAGE_ID] if isinstance(message_id, str) else None
        raise RejectedMessageError(
            "bad_request", f"messageId must be a text of at most {LONGEST_MESSAGE_ID} characters.", text
        )
    try:
        return _checked(
            wire,
            message_id or None,
            kind=wire.type if call == "batch" else call,
            received_at=received_at,
            sent_at=sent_at,
            outer_context=context,
            outer_integrations=integrations,
        )
    except RejectedMessageError as error:
        error.message_id = message_id
        raise


def _checked(
    wire: _Wire,
    message_id: str | None,
    *,
    kind: Any,
    received_at: datetime,
    sent_at: Any,
    outer_context: Mapping[str, Any] | None,
    outer_integrations: Mapping[str, Any] | None,
) -> Call:
    if kind not in CALL_TYPES:
        raise RejectedMessageError("bad_request", f"type must be one of {', '.join(CALL_TYPES)}.")
    user_id = _identifier("userId", wire.user_id)
    anonymous_id = _identifier("anonymousId", wire.anonymous_id)
    if user_id is None and anonymous_id is None:
        raise RejectedMessageError("no_user_anon_id", "Send userId or anonymousId; one of them is needed.")
    context = _object("context", "bad_request", wire.context)
    if outer_context:
        context = {**outer_context, **context}
    integrations = _object("integrations", "bad_request", wire.integrations)
    if outer_integrations:
        integrations = {**outer_integrations, **integrations}
    group_id = None
    if kind == "group":
        if wire.group_id is None:
            raise RejectedMessageError("id_required", "A group call needs groupId.")
        group_id = _identifier("groupId", wire.group_id)
    # By position, and what is absent not looked at: this is done for every message.
    return Call(
        kind,
        message_id,
        user_id,
        anonymous_id,
        group_id,
        _name(kind, wire),
        _properties(kind, wire),
        {} if wire.traits is None else _limited("traits", _object("traits", "traits_not_object", wire.traits)),
        context,
        _event_time(wire, received_at, sent_at),
        (bool(integrations) and any(integrations.get(name) is False for name in OWN_NAMES))
        or (message_id is not None and message_id.startswith(OWN_PREFIX)),
        integrations,
    )


def _identifier(field: str, value: Any) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not value.strip():
        raise RejectedMessageError("id_not_string", f"{field} must be a text that is not empty.")
    if len(value) > LONGEST_ID:
        raise RejectedMessageError("bad_request", f"{field} is longer than {LONGEST_ID} characters.")
    return value


def _object(field: str, code: str, value: Any) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise RejectedMessageError(code, f"{field} must be an object.")
    return value


def _limited(field: str, value: dict[str, Any]) -> dict[str, Any]:
    if len(value) >= MOST_KEYS:
        raise RejectedMessageError("bad_request", f"{field} has {len(value)} keys; fewer than {MOST_KEYS} are allowed.")
    return value


def _name(kind: str, wire: _Wire) -> str:
    if kind == "track":
        if wire.event is None or wire.event == "":
            raise RejectedMessageError("event_not_defined", "A track call needs event, the name of what happened.")
        if not isinstance(wire.event, str):
            raise RejectedMessageError("event_not_string", "event must be a text.")
        if len(wire.event) > LONGEST_NAME:
            raise RejectedMessageError("bad_request", f"event is longer than {LONGEST_NAME} characters.")
        return wire.event
    if kind not in ("page", "screen"):
        return ""
    if wire.name is not None and not isinstance(wire.name, str):
        raise RejectedMessageError("name_not_string", "name must be a text.")
    if wire.category is not None and not isinstance(wire.category, str):
        raise RejectedMessageError("category_not_string", "category must be a text.")
    return (wire.name or "")[:LONGEST_NAME]


def _properties(kind: str, wire: _Wire) -> dict[str, Any]:
    """The properties, with `page_name` or `screen_name` (ingestion-and-profiles.md §3) and the category."""
    properties = _object("properties", "properties_not_object", wire.properties)
    if len(properties) > MOST_KEYS:
        raise RejectedMessageError(
            "bad_request", f"properties has {len(properties)} keys; at most {MOST_KEYS} are allowed."
        )
    if kind in ("page", "screen"):
        if wire.name:
            properties.setdefault(f"{kind}_name", wire.name)
        if wire.category:
            properties.setdefault("category", wire.category)
    return properties


def _event_time(wire: _Wire, received_at: datetime, outer_sent_at: Any) -> datetime:
    """`receivedAt - (sentAt - originalTimestamp)` (ingestion-and-profiles.md §2). An unreadable sentAt is ignored."""
    given = wire.original_timestamp if wire.original_timestamp is not None else wire.timestamp
    if given is None or given == "":
        return received_at
    original = read_instant(given)
    if original is None:
        raise RejectedMessageError(
            "bad_request", "timestamp is not an ISO 8601 date and time between the years 1 and 9999."
        )
    given = wire.sent_at if wire.sent_at is not None else outer_sent_at
    sent_at = None if given is None else read_instant(given)
    if sent_at is None:
        return original
    try:
        return received_at - (sent_at - original)
    except OverflowError:
        return original


def read_instant(value: Any) -> datetime | None:
    """An ISO 8601 text as a UTC datetime (without a zone it is UTC already), None for anything else."""
    if not isinstance(value, str) or len(value) > 40:
        return None
    try:
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is UTC:
            return moment
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def epoch_ms(moment: datetime) -> float:
    """Milliseconds since 1970, with microseconds as the fraction."""
    return ((moment - _EPOCH) // _MICROSECOND) / 1000


def is_naive_datetime(value: Any) -> bool:
    """A date and time without a zone; such trait values are not stored (audiences-and-traits.md §14)."""
    return isinstance(value, str) and 16 <= len(value) <= 29 and _NAIVE_DATETIME.fullmatch(value) is not None


def _decode(raw: bytes) -> _Wire:
    if b"\\u0000" in raw:
        raw = without_nul(raw)
    try:
        return _decode_shallow(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        pass  # read again to say what is wrong with it, if anything is
    if len(raw) > 2 * DEEPEST and raw.count(b"{") + raw.count(b"[") > DEEPEST and nesting(raw) > DEEPEST:
        raise RejectedMessageError("bad_request", f"The message is nested deeper than {DEEPEST} levels.")
    try:
        return _decode_wire(raw)
    except msgspec.ValidationError as error:
        detail = "The message must be an object."
        if "out of range" in str(error):
            detail = "The message has a number that no computer can hold; numbers go up to about 1e308."
        raise RejectedMessageError("bad_request", detail) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise RejectedMessageError("bad_request", "The message is not valid JSON.") from None


def without_nul(raw: bytes) -> bytes:
    """PostgreSQL stores no NUL character; it becomes U+FFFD, in keys and values alike."""
    try:
        return msgspec.json.encode(_clean(json.loads(raw)))
    except (ValueError, RecursionError):
        raise RejectedMessageError("bad_request", "The message cannot be read.") from None


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        if value == TOO_DEEP_MARK:
            raise RejectedMessageError("bad_request", f"The message is nested deeper than {DEEPEST} levels.")
        return value.replace("\x00", "\ufffd")
    if isinstance(value, list):
        return [_clean(item) for item in value]
    if isinstance(value, dict):
        return {_clean(key): _clean(item) for key, item in value.items()}
    return value


_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)


def nesting(raw: bytes) -> int:
    """How many levels deep a JSON text goes."""
    depth = deepest = 0
    for match in _TOKEN.finditer(raw):
        first = raw[match.start()]
        if first in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif first in b"]}":
            depth -= 1
    return deepest


def repair_json(body: bytes) -> bytes | None:
    """The same JSON text without what our reader refuses, or None when it is not JSON at all.

    Lone surrogates become U+FFFD. Values nested deeper than any message may be become a mark that gets their message
    rejected, so that its neighbours in the batch survive.
    """
    if nesting(body) > DEEPEST:
        body = _cut_deep(body)
    try:
        value = json.loads(body, parse_constant=_refuse_constant)
        return (
            json.dumps(value, ensure_ascii=False).encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()
        )
    except (ValueError, RecursionError):
        return None


def _refuse_constant(name: str) -> Any:
    raise ValueError(name)


def _cut_deep(body: bytes) -> bytes:
    """`body` with every value that opens below level DEEPEST + 2 (the batch and its list) replaced by the mark."""
    mark = json.dumps(TOO_DEEP_MARK).encode()
    parts: list[bytes] = []
    depth = kept = 0
    for match in _TOKEN.finditer(body):
        first = body[match.start()]
        if first in b"[{":
            depth += 1
            if depth == DEEPEST + 3:
                parts.append(body[kept : match.start()] + mark)
        elif first in b"]}":
            if depth == DEEPEST + 3:
                kept = match.end()
            depth -= 1
    if depth == 0:
        parts.append(body[kept:])
    return b"".join(parts)
