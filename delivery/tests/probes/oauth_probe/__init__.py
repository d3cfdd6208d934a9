"""A connector for tests: OAuth 2, batches with a result for each item."""

from __future__ import annotations

from destinations.kit import auth
from destinations.kit.batches import Results
from destinations.kit.definition import Context, Conversation, DestinationDefinition, Item
from destinations.kit.http import HttpError, Request, json_request
from destinations.kit.tables import read_table

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


table = read_table(__name__)
definition = DestinationDefinition(
    slug="oauth_probe",
    name="OAuth probe",
    auth=auth.oauth2("https://login.probe.example/token"),
    settings=table.settings,
    actions=(table.action("send", perform_batch=perform_batch),),
    presets=table.presets,
    test_connection=ask_who_we_are,
)
