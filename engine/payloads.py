"""The calls that the product emits, byte for byte as destinations expect them (destinations-and-sync.md §3, §11).

Plain Python: the message id and `now` are arguments. The result is a fresh dict that the caller may keep or change.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Literal

import msgspec

CallKind = Literal["identify", "track", "group"]
ValueFormat = Literal["boolean", "string"]

TRAIT_EVENT = "Trait Computed"
SAMPLE_VALUE = 450.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Computation:
    """What `context.personas` says of the computation behind a call (F033-F036).

    `id` is `aud_…`/`tra_…`, `space_id` the `spa_…` (also the namespace). `computation_class` is "audience" (also
    journey steps of the first kind), "trait" or "journey_step". `external_audience_id` is the list made downstream.
    `value_format` "string" sends a membership as "true"/"false"; without `includes_key` Track carries no `audience_key`
    (§3.3, F046). Both are of memberships only: a trait keeps its value and its `trait_key`. A SQL trait has `columns`:
    its value is an object of them, and each is a trait in the call (§3.1).
    """

    id: str
    key: str
    name: str
    space_id: str
    computation_class: str = "audience"
    external_audience_id: str = ""
    audience_settings: Mapping[str, Any] | None = None
    event_emitter_id: str = ""
    value_format: ValueFormat = "boolean"
    includes_key: bool = True
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Identity:
    """Who one call is about: the identifier it is emitted for (`id_type`) and what goes with it (§5).

    An e-mail call without a user id is sent under `anonymousId` = `eml_` + SHA-1 of the address. `device_type` is
    "ios" or "android". `group_id` is the account of a Group call.
    """

    user_id: str | None = None
    anonymous_id: str | None = None
    email: str | None = None
    id_type: str = "user_id"
    device_id: str | None = None
    device_type: str | None = None
    ad_tracking_enabled: bool = True
    group_id: str | None = None


@lru_cache(maxsize=256)
def wire_time(moment: datetime) -> str:
    """`2025-01-15T02:02:15.908Z`: ISO-8601, UTC, milliseconds."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def integrations_for(names: Sequence[str]) -> dict[str, bool]:
    """Route a call to the named destinations and nowhere else (F040)."""
    return {"All": False, **dict.fromkeys(names, True)}


def email_anonymous_id(email: str) -> str:
    return "eml_" + hashlib.sha1(email.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest()


def audience_call(
    *,
    kind: CallKind,
    computation: Computation,
    value: Any,
    identity: Identity,
    event_name: str,
    integrations: Mapping[str, Any],
    message_id: str,
    now: datetime,
    traits: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """One emitted call. `value` is True on entering, False on leaving; for a trait, its value.

    `event_name` is used by Track only. `traits` are enriched traits (§3.5): `traits.<name>` of Identify and Group,
    `properties.<name>` of Track; they never replace the computation's own members.
    """
    time = wire_time(now)
    personas: dict[str, Any] = {
        "computation_class": computation.computation_class,
        "computation_id": computation.id,
        "computation_key": computation.key,
        "computation_name": computation.name,
        "namespace": computation.space_id,
        "space_id": computation.space_id,
    }
    if computation.external_audience_id:
        personas["external_audience_id"] = computation.external_audience_id
    if computation.audience_settings:
        personas["audience_settings"] = dict(computation.audience_settings)
    if computation.event_emitter_id:
        personas["event_emitter_id"] = computation.event_emitter_id
    context: dict[str, Any] = {"personas": personas}
    members: dict[str, Any] = dict(traits) if traits else {}
    call: dict[str, Any] = {"type": kind}
    if kind == "group":
        call["groupId"] = identity.group_id
    user_id, anonymous_id = identity.user_id, identity.anonymous_id
    if identity.email is not None:
        if user_id is None and anonymous_id is None:
            anonymous_id = email_anonymous_id(identity.email)
        if kind == "track":
            context["traits"] = {"email": identity.email}
        else:
            members["email"] = identity.email
    if user_id is not None:
        call["userId"] = user_id
    if anonymous_id is not None:
        call["anonymousId"] = anonymous_id
    if identity.device_id is not None:
        context["device"] = {
            "advertisingId": identity.device_id,
            "type": identity.device_type,
            "adTrackingEnabled": identity.ad_tracking_enabled,
        }
    if kind == "track":
        call["event"] = event_name
    members |= _own_members(kind, computation, value)
    call["properties" if kind == "track" else "traits"] = members
    call["context"] = context
    call["integrations"] = dict(integrations)
    call["messageId"] = message_id
    call["timestamp"] = call["originalTimestamp"] = call["receivedAt"] = call["sentAt"] = time
    return call


def _own_members(kind: CallKind, computation: Computation, value: Any) -> dict[str, Any]:
    """What the call says of the computation, in the order of the documents."""
    if computation.computation_class == "trait":
        own = _columns(computation, value) if computation.columns else {computation.key: value}
        return {"trait_key": computation.key, **own} if kind == "track" else own
    if computation.value_format == "string":
        value = "true" if value else "false"
    if kind == "track" and computation.includes_key:
        return {"audience_key": computation.key, computation.key: value}
    return {computation.key: value}


def _columns(computation: Computation, value: Any) -> dict[str, Any]:
    """The columns of a row; one value stands for each of them: None when the row is gone, that of a sample."""
    return dict(value) if isinstance(value, Mapping) else dict.fromkeys(computation.columns, value)


def nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """Members under dotted names as objects in objects: {"address.city": 1} is {"address": {"city": 1}}.

    No name may be another one's beginning ("address" and "address.city").
    """
    found: dict[str, Any] = {}
    for name, value in values.items():
        *outer, last = name.split(".")
        place = found
        for part in outer:
            place = place.setdefault(part, {})
        place[last] = value
    return found


def overlaps(name: str, other: str) -> bool:
    """Whether two dotted names are one, or one is inside the other: `nested` could not hold both."""
    return name == other or name.startswith(f"{other}.") or other.startswith(f"{name}.")


def as_json(call: Mapping[str, Any]) -> bytes:
    """The call as compact UTF-8 JSON, ready for the outbox and the wire."""
    return msgspec.json.encode(call)


@dataclass(frozen=True, kw_only=True, slots=True)
class EmittedCall:
    """One entry of the tester's *Event Type* list: a call that a connection emits."""

    kind: CallKind
    event_name: str
    value: bool | float

    @property
    def label(self) -> str:
        return f"Track: {self.event_name}" if self.kind == "track" else f"{self.kind.title()}: {self.verb}"

    @property
    def verb(self) -> str:
        if not isinstance(self.value, bool):
            return "value"
        return "entered" if self.value else "exited"


def emitted_calls(*, kinds: Sequence[str], enter_event: str, exit_event: str) -> list[EmittedCall]:
    """Exactly the calls that a connection with these call types and event names emits (F015)."""
    calls: list[EmittedCall] = []
    for kind in ("identify", "track", "group"):
        if kind in kinds:
            calls.append(EmittedCall(kind=kind, event_name=enter_event if kind == "track" else "", value=True))
            calls.append(EmittedCall(kind=kind, event_name=exit_event if kind == "track" else "", value=False))
    return calls


def emitted_trait_calls(*, kinds: Sequence[str], event_name: str) -> list[EmittedCall]:
    """The calls of a connected trait, with a sample value."""
    return [
        EmittedCall(kind=kind, event_name=event_name if kind == "track" else "", value=SAMPLE_VALUE)
        for kind in ("identify", "track", "group")
        if kind in kinds
    ]


def event_tester_call(
    *,
    call: EmittedCall,
    computation: Computation,
    test_user_id: str,
    email: str,
    project_id: str,
    integrations: Mapping[str, Any],
    message_id: str,
    now: datetime,
    traits: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The body that the event tester sends in place of a real call (§11): same shape, a person nobody is.

    `traits` stand for those that a Customized Setup sends, as in `audience_call`.
    """
    identity = Identity(user_id=test_user_id, group_id="test-group" if call.kind == "group" else None)
    body = audience_call(
        kind=call.kind,
        computation=computation,
        value=call.value,
        identity=identity,
        event_name=call.event_name,
        integrations=integrations,
        message_id=message_id,
        now=now,
        traits=traits,
    )
    if call.kind == "track":
        body["context"]["traits"] = {"email": email}
    else:
        body["traits"]["email"] = email
    body["email"] = email
    body["projectId"] = project_id
    return body
