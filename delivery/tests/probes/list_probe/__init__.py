"""A list connector for tests: a list is made, adds and removes go apart, session tokens, never a past."""

from __future__ import annotations

from destinations.kit import auth
from destinations.kit.batches import Results
from destinations.kit.definition import Audience, Context, Conversation, DestinationDefinition, Item, Token
from destinations.kit.http import HttpError, Request, json_request
from destinations.kit.tables import read_table

API = "https://lists.probe.example"


def login(_context: Context) -> Conversation:
    response = yield from auth.asked(Request(method="POST", url=f"{API}/login"))
    return Token(access_token=response.json()["session"])


def create_audience(context: Context, audience: Audience) -> Conversation:
    response = yield json_request(
        "POST", f"{API}/lists", {"name": audience.name, "folder": context.audience_settings.get("folder")}
    )
    return response.json()["id"]


def get_audience(context: Context, _audience: Audience) -> Conversation:
    yield Request(method="GET", url=f"{API}/lists/{context.external_audience_id}")
    return context.external_audience_id


def perform_batch(context: Context, items: list[Item]) -> Conversation:
    results = Results(items)
    for method, people in (("POST", results.adds), ("DELETE", results.removes)):
        if people:
            try:
                yield json_request(
                    method,
                    f"{API}/lists/{context.external_audience_id}/members",
                    [item.payload["email"] for item in people],
                )
            except HttpError as error:
                results.refuse(people, error)
    return results.done()


table = read_table(__name__)
definition = DestinationDefinition(
    slug="list_probe",
    name="List probe",
    kind="list",
    auth=auth.session(login, lambda context: {"X-Session": context.token.access_token}),
    audience_settings=table.audience_settings,
    actions=(table.action("sync", perform_batch=perform_batch),),
    presets=table.presets,
    create_audience=create_audience,
    get_audience=get_audience,
    list_interval_minutes=360,
    has_history=False,
)
