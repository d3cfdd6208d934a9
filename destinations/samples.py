"""Events to test and preview with: those that a connection emits, and one of each other type."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from destinations.kit.definition import DestinationDefinition
from engine.payloads import (
    Computation,
    EmittedCall,
    Identity,
    ValueFormat,
    audience_call,
    emitted_calls,
    emitted_trait_calls,
    event_tester_call,
    integrations_for,
    nested,
    overlaps,
    wire_time,
)
from spaces.models import Space

TEST_EMAIL = "test@example.org"
DEFAULT_KINDS = ("identify", "track")


@dataclass(frozen=True, kw_only=True)
class Connected:
    """What the tester and the samples know of a connection; given in the query string, since its app is above.

    `computation_id, computation_key, computation_name, computation_class, kinds (comma separated), enter_event,
    exit_event, external_audience_id, value_format, include_audience_key ("0" or "1"), traits (JSON list of the names of
    enriched traits), columns (JSON list: those of a SQL trait)`. Without a key it stands for an audience that does not
    exist.
    """

    computation_id: str = "aud_sample"
    computation_key: str = "sample_audience"
    computation_name: str = "Sample audience"
    computation_class: str = "audience"
    kinds: tuple[str, ...] = DEFAULT_KINDS
    enter_event: str = "Audience Entered"
    exit_event: str = "Audience Exited"
    external_audience_id: str = ""
    value_format: ValueFormat = "boolean"
    include_audience_key: bool = True
    traits: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    is_sample: bool = True

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> Connected:
        key = query.get("computation_key", "")[:255]
        if not key:
            return cls(kinds=("identify", "track", "group"))
        given = [kind for kind in query.get("kinds", "").split(",") if kind in ("identify", "track", "group")]
        return cls(
            computation_id=query.get("computation_id", "")[:40],
            computation_key=key,
            computation_name=query.get("computation_name", key)[:255],
            computation_class=query.get("computation_class") or "audience",
            kinds=tuple(given) or DEFAULT_KINDS,
            enter_event=query.get("enter_event") or "Audience Entered",
            exit_event=query.get("exit_event") or "Audience Exited",
            external_audience_id=query.get("external_audience_id", "")[:255],
            value_format="string" if query.get("value_format") == "string" else "boolean",
            include_audience_key=query.get("include_audience_key") != "0",
            traits=_names(query.get("traits", "")),
            columns=_names(query.get("columns", "")),
            is_sample=False,
        )

    def query(self) -> dict[str, str]:
        if self.is_sample:
            return {}
        return {
            "computation_id": self.computation_id,
            "computation_key": self.computation_key,
            "computation_name": self.computation_name,
            "computation_class": self.computation_class,
            "kinds": ",".join(self.kinds),
            "enter_event": self.enter_event,
            "exit_event": self.exit_event,
            "external_audience_id": self.external_audience_id,
            "value_format": self.value_format,
            "include_audience_key": "1" if self.include_audience_key else "0",
            "traits": json.dumps(self.traits),
            **({"columns": json.dumps(self.columns)} if self.columns else {}),
        }

    def query_string(self) -> str:
        return urlencode(self.query())

    def computation(self, space: Space) -> Computation:
        return Computation(
            id=self.computation_id,
            key=self.computation_key,
            name=self.computation_name,
            space_id=space.public_id,
            computation_class=self.computation_class,
            external_audience_id=self.external_audience_id,
            value_format=self.value_format,
            includes_key=self.include_audience_key,
            columns=self.columns,
        )

    def calls(self) -> list[EmittedCall]:
        """Exactly the calls that the connection emits: entering and leaving, or a value of a trait (F015)."""
        kinds, enter = self.kinds, self.enter_event
        if self.computation_class != "trait":
            return emitted_calls(kinds=kinds, enter_event=enter, exit_event=self.exit_event)
        return emitted_trait_calls(kinds=kinds, event_name=enter)

    def sample_traits(self) -> dict[str, Any]:
        """Enriched traits of a person nobody is: each is sent as the text "sample"."""
        return nested(dict.fromkeys(self.traits, "sample"))


def _names(text: str) -> tuple[str, ...]:
    """The names of traits in a query, as the connection checked them; anything else is left out."""
    try:
        names = json.loads(text or "[]")
    except ValueError:
        return ()
    found: list[str] = []
    for name in names if isinstance(names, list) else []:
        if not isinstance(name, str) or len(name) > 255 or "" in name.split("."):
            continue
        if not any(overlaps(name, other) for other in found):
            found.append(name)
    return tuple(found)


def event_types(definition: DestinationDefinition, connected: Connected) -> list[tuple[str, str]]:
    """The *Event Type* list as (key, words): exactly the calls that the connection emits (F015).

    Without a connection also one of each other type that the destination supports.
    """
    types = [(type_key(call), call.label) for call in connected.calls() if call.kind in definition.supported]
    if connected.is_sample:
        types += [(kind, kind.title()) for kind in ("page", "screen") if kind in definition.supported]
    return types


def type_key(call: EmittedCall) -> str:
    return f"{call.kind}-{'enter' if call.value else 'exit'}"


def sample_event(
    *,
    space: Space,
    definition: DestinationDefinition,
    connected: Connected,
    event_type: str,
    test_user_id: str,
    message_id: str,
    now: datetime,
) -> dict[str, Any]:
    """The body for one entry of `event_types` (§11)."""
    for call in connected.calls():
        if type_key(call) == event_type:
            return event_tester_call(
                call=call,
                computation=connected.computation(space),
                test_user_id=test_user_id,
                email=TEST_EMAIL,
                project_id=space.public_id,
                integrations=integrations_for([definition.name]),
                message_id=message_id,
                now=now,
                traits=connected.sample_traits(),
            )
    kind = "screen" if event_type == "screen" else "page"
    return {
        "type": kind,
        "name": "Home",
        "userId": test_user_id,
        "email": TEST_EMAIL,
        "projectId": space.public_id,
        "properties": {"url": "https://example.org/"} if kind == "page" else {},
        "context": {},
        "messageId": message_id,
        "timestamp": wire_time(now),
    }


def sample_calls(
    *, space: Space, definition: DestinationDefinition, connected: Connected, now: datetime
) -> Sequence[dict[str, Any]]:
    """One of each call that the connection emits, to see which mappings accept them (F151)."""
    identity = Identity(user_id="test-user", email=TEST_EMAIL, group_id="test-group")
    return [
        audience_call(
            kind=call.kind,
            computation=connected.computation(space),
            value=call.value,
            identity=identity,
            event_name=call.event_name,
            integrations=integrations_for([definition.name]),
            message_id="personas_sample",
            now=now,
            traits=connected.sample_traits(),
        )
        for call in connected.calls()
    ]
