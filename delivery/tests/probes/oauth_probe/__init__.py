"""A connector for tests: OAuth 2, batches with a result for each item."""

from __future__ import annotations

from typing import Any

from destinations.kit import auth
from destinations.kit.batches import Results
from destinations.kit.definition import Context, Conversation, DestinationDefinition, Hook, Item
from destinations.kit.http import HttpError, Request, json_request
from destinations.kit.tables import read_table
from engine.mapping.fields import Choice, Field

API = "https://api.probe.example"


def perform_batch(_context: Context, items: list[Item]) -> Conversation:
    """The answer names ids that were refused."""
    results = Results(items)
    try:
        response = yield json_request("POST", f"{API}/people", [item.payload["id"] for item in items])
    except HttpError as error:
        results.refuse(items, error)
        return results.done()
    refused = (response.json() or {}).get("refused", ())
    for item in items:
        if item.payload["id"] in refused:
            results.fail(item, f"{item.payload['id']} is not wanted.")
    return results.done()


def ask_who_we_are(_context: Context) -> Request:
    return Request(method="GET", url=f"{API}/me")


def choose_id(_context: Context, _payload: dict[str, Any]) -> Conversation:
    response = yield Request(method="GET", url=f"{API}/ids")
    return [Choice(value=one["id"], label=one["name"]) for one in response.json()]


def make_table(_context: Context, inputs: dict[str, Any]) -> Conversation:
    response = yield json_request("POST", f"{API}/tables", {"name": inputs["name"]})
    return {"tableId": response.json()["id"]}


table = read_table(__name__)
on_save = Hook(
    key="onMappingSave",
    label="Make a table",
    inputs=(Field(key="name", label="Name", required=True),),
    outputs=(Field(key="tableId", label="Table"),),
    perform=make_table,
)
definition = DestinationDefinition(
    slug="oauth_probe",
    name="OAuth probe",
    auth=auth.oauth2("https://login.probe.example/token"),
    settings=table.settings,
    actions=(table.action("send", perform_batch=perform_batch, hooks=(on_save,), choices={"id": choose_id}),),
    presets=table.presets,
    test_connection=ask_who_we_are,
)
