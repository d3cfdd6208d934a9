"""Customer.io's Track API, version 2: entities, one by one or in batches. https://docs.customer.io/api/track/"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from destinations.kit.batches import Results
from destinations.kit.definition import Context, Conversation, Item
from destinations.kit.errors import PayloadValidationError
from destinations.kit.http import HttpError, Request, Response, json_request

HOSTS = {"us": "https://track.customer.io", "eu": "https://track-eu.customer.io"}

Build = Callable[[dict[str, Any]], dict[str, Any]]


def url(context: Context, path: str) -> str:
    # Segment's setting reads "EU" and a flag.
    region = str(context.settings.get("accountRegion") or "us")[:2].lower()
    return HOSTS.get(region, HOSTS["us"]) + path


def one(build: Build) -> Callable[[Context, dict[str, Any]], Request]:
    """`perform` of an action whose payload becomes the entity that `build` makes."""

    def perform(context: Context, payload: dict[str, Any]) -> Request:
        return json_request("POST", url(context, "/api/v2/entity"), build(payload))

    return perform


def many(build: Build) -> Callable[[Context, list[Item]], Conversation]:
    """`perform_batch` of such an action. A 207 names the items that were refused."""

    def perform_batch(context: Context, items: list[Item]) -> Conversation:
        results = Results(items)
        entities: list[tuple[Item, dict[str, Any]]] = []
        for item in items:
            try:
                entities.append((item, build(item.payload)))
            except PayloadValidationError as error:
                results.fail(item, error.message)
        if entities:
            sent = [item for item, _entity in entities]
            body = {"batch": [entity for _item, entity in entities]}
            try:
                response = yield json_request("POST", url(context, "/api/v2/batch"), body)
            except HttpError as error:
                results.refuse(sent, error)
                return results.done()
            _note_refusals(response, sent, results)
        return results.done()

    return perform_batch


def _note_refusals(response: Response, sent: list[Item], results: Results) -> None:
    answer = response.json()
    problems = answer.get("errors") if isinstance(answer, dict) else None
    for problem in problems if isinstance(problems, list) else []:
        place = problem.get("batch_index") if isinstance(problem, dict) else None
        if isinstance(place, int) and 0 <= place < len(sent):
            said = " ".join(str(problem[name]) for name in ("reason", "field", "message") if problem.get(name))
            results.fail(sent[place], f"Customer.io refused it: {said}", code="BAD_REQUEST")
