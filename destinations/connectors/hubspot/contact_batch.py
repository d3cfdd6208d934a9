"""Many contacts at once: read, create, update, and the life-cycle stages that did not take.

HubSpot refuses a whole batch for one bad value (400): then every contact of it goes alone, so that the others get
through and the bad one is told apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from destinations.connectors.hubspot import crm
from destinations.kit.batches import Results, chunks
from destinations.kit.definition import Conversation, Item
from destinations.kit.errors import IntegrationError
from destinations.kit.http import HttpError, Response

MOST = 100
_READ = ["email", "lifecyclestage", "hs_additional_emails"]

Inputs = list[tuple[str, dict[str, Any]]]


@dataclass(kw_only=True)
class ContactBatch:
    """`wanted` are properties by lower-case address, `sources` the items that asked for each address."""

    wanted: Mapping[str, dict[str, Any]]
    sources: Mapping[str, list[Item]]
    results: Results
    ids: dict[str, str] = field(default_factory=dict)
    stages: dict[str, str] = field(default_factory=dict)

    def run(self) -> Conversation:
        for addresses in chunks(list(self.wanted), MOST):
            yield from self._find(list(addresses))
            new = [address for address in addresses if address not in self.ids]
            known = [address for address in addresses if address in self.ids]
            yield from self._send("create", [(address, {"properties": self.wanted[address]}) for address in new])
            yield from self._send("update", [(address, self._changed(address)) for address in known])
            yield from self._set_stages([address for address in addresses if not self._has_failed(address)])

    def _find(self, addresses: list[str]) -> Conversation:
        response = yield crm.batch_read("contacts", _READ, "email", addresses)
        for problem in crm.rows(response, "errors"):
            if problem.get("category") != "OBJECT_NOT_FOUND":
                raise IntegrationError(f"HubSpot could not look up the contacts: {problem.get('message') or problem}")
        asked = set(addresses)
        for row in crm.rows(response):
            for address in _addresses(row):
                if address in asked:
                    self.ids[address] = str(row.get("id"))

    def _changed(self, address: str) -> dict[str, Any]:
        properties = {name: value for name, value in self.wanted[address].items() if name != "email"}
        return {"id": self.ids[address], "properties": properties}

    def _send(self, verb: str, inputs: Inputs) -> Conversation:
        if not inputs:
            return
        try:
            response = yield crm.batch("contacts", verb, [body for _address, body in inputs])
        except HttpError as error:
            if error.status == 400 and len(inputs) > 1:
                for one in inputs:
                    yield from self._send(verb, [one])
                return
            for address, _body in inputs:
                self.results.refuse(self.sources[address], error)
            return
        self._note_stages(response, inputs)

    def _note_stages(self, response: Response, inputs: Inputs) -> None:
        by_id = {body["id"]: address for address, body in inputs if "id" in body}
        for row in crm.rows(response):
            properties = row.get("properties")
            if not isinstance(properties, dict):
                continue
            record = str(row.get("id"))
            address = by_id.get(record) or str(properties.get("email") or "").lower()
            if address in self.wanted:
                self.ids[address] = record
                self.stages[address] = str(properties.get("lifecyclestage") or "")

    def _set_stages(self, addresses: list[str]) -> Conversation:
        """HubSpot moves a stage back only when it was emptied before."""
        late = [
            address
            for address in addresses
            if address in self.stages and self.wanted[address].get("lifecyclestage") not in (None, self.stages[address])
        ]
        for stage in (lambda _address: "", lambda address: self.wanted[address]["lifecyclestage"]):
            yield from self._send(
                "update",
                [(one, {"id": self.ids[one], "properties": {"lifecyclestage": stage(one)}}) for one in late],
            )

    def _has_failed(self, address: str) -> bool:
        still_open = {item.index for item in self.results.open}
        return self.sources[address][0].index not in still_open


def _addresses(row: Mapping[str, Any]) -> list[str]:
    properties = row.get("properties")
    if not isinstance(properties, dict):
        return []
    more = str(properties.get("hs_additional_emails") or "").split(";")
    return [address.strip().lower() for address in (str(properties.get("email") or ""), *more) if address.strip()]
