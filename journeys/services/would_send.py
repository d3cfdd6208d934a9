"""The calls that a step's connections would make for a person, built by the code that makes the real ones.

Nothing is read of what was sent, nothing is stored, nothing goes over the network: `delivery` decides who is addressed
and writes the call, `destinations.pipeline.plan` says what the destination would make of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from delivery.models import Connection
from delivery.services.calls import Templates, call_kinds, computation_of, connector_of
from delivery.services.emit import NO_CHOSEN_IDENTIFIER_DETAIL, NO_IDENTIFIER, NO_IDENTIFIER_DETAIL
from delivery.services.enrichment import Enriched, enriched_by, extra_of
from delivery.services.targets import (
    CARRIED,
    Identifier,
    Identifiers,
    allowed_types,
    carried,
    entering,
    id_sync_of,
    identity_of,
    leaving,
    newest_only,
)
from destinations import lists
from destinations.config import DestinationConfig, load_config
from destinations.kit.definition import Audience, DestinationDefinition, ListEntry
from destinations.kit.redaction import shown_request
from destinations.pipeline import Call, Failed, Filtered, plan
from engine.payloads import CallKind, integrations_for
from spaces.models import Space

# What worker and simulation write in place of a message id that only a real call gets.
MESSAGE_ID = "personas_simulated"
Sent = dict[Identifier, str]
_encode = msgspec.json.Encoder(decimal_format="number").encode


@dataclass(frozen=True, kw_only=True)
class WouldCall:
    """One call. `outcome`: "built", "filtered" or "failed", with `code` and `detail` for the last two.

    `payload` is the event; `requests` what the destination would be asked, secrets taken out ("" for a filtered one).
    """

    kind: str
    value: bool
    outcome: str
    code: str = ""
    detail: str = ""
    payload: Mapping[str, Any] | None = None
    requests: Sequence[Mapping[str, Any]] = ()

    def as_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "value": self.value,
            "outcome": self.outcome,
            "code": self.code,
            "detail": self.detail,
            "payload": self.payload,
            "requests": list(self.requests),
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Addressed:
    """Whom one call is about, and what goes with it: names in the call and JSON texts."""

    identifier: Identifier
    own: Identifiers
    value: bool
    extra: dict[str, str]


@dataclass(kw_only=True)
class Sender:
    """One connection of a send step. `connection` need not be saved; `names` are those of all the step's connectors.

    Keep one for as long as settings may be taken for unchanged: a test, a slice of a dry run.
    """

    space: Space
    connection: Connection
    names: Sequence[str]
    config: DestinationConfig | None = field(init=False)
    definition: DestinationDefinition = field(init=False)
    enriched: list[Enriched] = field(init=False)

    def __post_init__(self) -> None:
        self.config = load_config(self.connection.destination_id)
        self.definition = connector_of(self.connection.destination)
        self.enriched = enriched_by(self.connection, self.definition)
        self._id_sync = id_sync_of(self.connection)
        self._types = allowed_types(self.connection) if self._id_sync is None else self._id_sync.types
        self._newest = newest_only(self.connection, self._types)

    @classmethod
    def of_step(cls, space: Space, connections: Sequence[Connection]) -> list[Sender]:
        """One for each connection of a step."""
        names = list(dict.fromkeys(connector_of(connection.destination).name for connection in connections))
        return [cls(space=space, connection=connection, names=names) for connection in connections]

    @property
    def is_list(self) -> bool:
        return self.definition.kind == "list"

    def calls(
        self,
        *,
        identifiers: Identifiers,
        traits: Mapping[str, Any],
        value: bool,
        sent: Sent,
        now: datetime,
        with_requests: bool = True,
    ) -> list[WouldCall]:
        """The calls of one change; `sent` is what the person was sent over this connection so far, and is kept up.

        Someone with none of the identifiers it sends gets one "filtered" call with the reason, as the books do.
        """
        own = identifiers.with_newest_of(self._newest) if value and self._newest else identifiers
        if self._id_sync is not None:
            own = self._id_sync.chosen(own) if value else self._id_sync.leaving(own, sent)
        if value:
            wanted = entering(identifiers=own, types=self._types, sent=sent, is_first_sync=False)
            if not wanted and not any(own.values.get(id_type) for id_type in self._types):
                return [self._nobody()]
            if with_mail := carried(identifiers=own, sent=sent, wanted=wanted):
                sent[with_mail] = CARRIED
        else:
            wanted = leaving(sent=sent)
        extra = extra_of(self.enriched, self._values(traits)) if self.enriched else {}
        templates = Templates(
            computation=computation_of(self.space, self.connection),
            integrations=integrations_for(self.names),
            enter_event=self.connection.enter_event,
            exit_event=self.connection.exit_event,
            now=now,
        )
        made: list[WouldCall] = []
        for identifier in wanted:
            sent[identifier] = "true" if value else "false"
            call = Addressed(identifier=identifier, own=own, value=value, extra=extra)
            made += self._made(call, templates, with_requests=with_requests)
        return made

    def _nobody(self) -> WouldCall:
        detail = NO_IDENTIFIER_DETAIL
        if self._id_sync is not None:
            detail = NO_CHOSEN_IDENTIFIER_DETAIL.format(types=", ".join(self._types))
        kind = "track" if self.connection.send_track else "identify"
        return WouldCall(kind=kind, value=True, outcome="filtered", code=NO_IDENTIFIER, detail=detail)

    def _values(self, traits: Mapping[str, Any]) -> dict[tuple[str, ...], str]:
        found = {}
        for one in self.enriched:
            value: Any = traits
            for key in one.path:
                value = value.get(key) if isinstance(value, Mapping) else None
            if value is not None:
                found[one.path] = _encode(value).decode()
        return found

    def _made(self, one: Addressed, templates: Templates, *, with_requests: bool) -> list[WouldCall]:
        placed = None if self._id_sync is None else self._id_sync.placed(one.identifier)
        extra = one.extra if placed is None else {**one.extra, placed[0]: _encode(placed[1]).decode()}
        kinds: list[CallKind] = call_kinds(self.connection)
        if self.is_list:
            kinds = ["track" if self.connection.send_track else "identify"]
        calls = []
        for kind in kinds:
            text = templates.text(
                kind=kind,
                value=one.value,
                identity=identity_of(one.identifier, one.own),
                message_id=MESSAGE_ID,
                extra=extra,
            )
            payload = msgspec.json.decode(text)
            if self.is_list:
                calls.append(self._listed(one, payload, with_requests=with_requests))
            else:
                calls.append(self._planned(kind, one.value, payload, with_requests=with_requests))
        return calls

    def _planned(self, kind: str, value: bool, payload: dict[str, Any], *, with_requests: bool) -> WouldCall:
        if self.config is None:
            return _deleted(kind, value, payload)
        planned = plan(self.config, payload)
        if isinstance(planned.outcome, Filtered | Failed):
            outcome = "filtered" if isinstance(planned.outcome, Filtered) else "failed"
            return WouldCall(
                kind=kind,
                value=value,
                outcome=outcome,
                code=planned.outcome.code,
                detail=planned.outcome.sentence,
                payload=payload,
            )
        requests = [shown for call in planned.calls for shown in self._first_request(call)] if with_requests else []
        return WouldCall(kind=kind, value=value, outcome="built", payload=payload, requests=requests)

    def _first_request(self, call: Call) -> list[dict[str, Any]]:
        assert self.config is not None
        conversation = call.run()
        try:
            return [_unsigned(shown_request(next(conversation), self.config.secret_values))]
        except StopIteration:
            return []
        finally:
            conversation.close()

    def _listed(self, one: Addressed, payload: dict[str, Any], *, with_requests: bool) -> WouldCall:
        """A change of the list; it goes out in a batch at the destination's cadence."""
        kind, value = ("add" if one.value else "remove"), one.value
        if self.config is None:
            return _deleted(kind, value, payload)
        if problem := lists.readiness(self.config):
            return WouldCall(
                kind=kind, value=value, outcome="failed", code=problem.code, detail=problem.detail, payload=payload
            )
        requests = self._batch(value, payload, one.identifier) if with_requests else []
        return WouldCall(kind=kind, value=value, outcome="built", payload=payload, requests=requests)

    def _batch(self, value: bool, payload: dict[str, Any], identifier: Identifier) -> list[dict[str, Any]]:
        assert self.config is not None
        audience = Audience(
            id=self.connection.computation_id,
            key=self.connection.computation_key,
            name=self.connection.computation_name,
            space_id=self.space.public_id,
        )
        context = lists.list_context(
            self.config,
            audience,
            settings=self.connection.settings,
            external_id=self.connection.external_audience_id or "not-created-yet",
        )
        entries = [ListEntry(message_id=MESSAGE_ID, id_type=identifier[0], id_value=identifier[1], event=payload)]
        conversation = lists.send_batch(
            self.config, context, audience, entries if value else [], [] if value else entries
        )
        try:
            return [_unsigned(shown_request(next(conversation), self.config.secret_values))]
        except StopIteration:
            return []
        finally:
            conversation.close()


def identifiers_of(values: Mapping[str, Sequence[str]]) -> Identifiers:
    """A person's identifiers by type, oldest first, as deliveries want them."""
    return Identifiers({id_type: list(found) for id_type, found in values.items() if found})


def _deleted(kind: str, value: bool, payload: dict[str, Any]) -> WouldCall:
    detail = "The destination was deleted. Choose another one in the step."
    return WouldCall(
        kind=kind, value=value, outcome="failed", code="DESTINATION_DELETED", detail=detail, payload=payload
    )


def _unsigned(request: dict[str, Any]) -> dict[str, Any]:
    """Nobody gets a body of their own signed by testing it."""
    headers = {
        name: "computed when it is sent" if "signature" in name.lower() else value
        for name, value in request["headers"].items()
    }
    return request | {"headers": headers}
