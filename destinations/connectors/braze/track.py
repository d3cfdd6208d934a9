"""`POST /users/track`: profiles, events and purchases, up to 75 objects in a request.

https://www.braze.com/docs/api/endpoints/user_data/post_user_track
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from destinations.connectors.braze.people import attributes, happening
from destinations.kit.batches import Results
from destinations.kit.definition import Context, Conversation, Item
from destinations.kit.errors import IntegrationError, PayloadValidationError
from destinations.kit.http import HttpError, Response, json_request

MOST = 75
UPDATE_ONLY = {"profile": {"upsert": False, "update": True}, "happening": {"add": False, "update": True}}

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Track:
    """One kind of object: `member` of the request, and what builds the objects of a call.

    With `modes` a sync mode decides whether people are created, else the field `_update_existing_only`.
    """

    member: str
    build: Callable[[Context, Mapping[str, Any], bool | None], list[Object]]
    modes: str = ""

    def perform_batch(self, context: Context, items: list[Item]) -> Conversation:
        """Objects in order; of the answer's `errors` each names the place of an object it refused."""
        results = Results(items)
        sent: list[tuple[Item, Object]] = []
        for item in items:
            try:
                objects = self.build(context, item.payload, self._update_only(context, item.payload))
            except (PayloadValidationError, IntegrationError) as error:
                results.fail(item, error.message, status=error.status, code=error.code)
                continue
            if len(objects) > MOST:
                results.fail(item, f"Braze takes at most {MOST} products in one call.", status=413)
            elif len(sent) + len(objects) > MOST:
                results.fail(item, "The batch is full; the call goes with a later one.", status=429, code="429")
            else:
                sent += [(item, one) for one in objects]
        if not sent:
            return results.done()
        headers = {"X-Braze-Batch": "true"} if len(sent) > 1 else {}
        url = f"{context.settings['endpoint']}/users/track"
        try:
            response = yield json_request("POST", url, {self.member: [one for _item, one in sent]}, headers, timeout=30)
        except HttpError as error:
            answer = error.response.json()
            said = str(answer.get("message") or "") if isinstance(answer, dict) else ""
            results.refuse([item for item, _one in sent], error, said and f"Braze said: {said}")
            return results.done()
        self._tell_refused(response, sent, results)
        return results.done()

    def _update_only(self, context: Context, payload: Mapping[str, Any]) -> bool | None:
        if not self.modes:
            return payload.get("_update_existing_only")
        modes = UPDATE_ONLY[self.modes]
        if context.sync_mode not in modes:
            raise IntegrationError(f"Invalid sync mode. The mapping has to choose one of {', '.join(modes)}.")
        return modes[context.sync_mode]

    def _tell_refused(self, response: Response, sent: list[tuple[Item, Object]], results: Results) -> None:
        answer = response.json()
        errors = answer.get("errors") if isinstance(answer, dict) else None
        for error in errors if isinstance(errors, list) else ():
            place = error.get("index") if isinstance(error, dict) else None
            if error and isinstance(place, int) and 0 <= place < len(sent):
                results.fail(
                    sent[place][0], str(error.get("type") or "Braze refused the object."), code="BRAZE_REFUSED"
                )


def profile(context: Context, payload: Mapping[str, Any], update_only: bool | None) -> list[Object]:
    return [attributes(payload, update_only)]


def event(context: Context, payload: Mapping[str, Any], update_only: bool | None) -> list[Object]:
    about = happening(payload, context.settings.get("app_id"), update_only)
    return [{**about, "name": payload["name"], "properties": payload.get("properties") or {}}]


def purchase(context: Context, payload: Mapping[str, Any], update_only: bool | None) -> list[Object]:
    """One object a product; its further members and those of the call are the properties."""
    about = happening(payload, context.settings.get("app_id"), update_only)
    products = payload.get("products") or []
    if not products:
        raise PayloadValidationError("The call has no products.")
    shared = {name: value for name, value in (payload.get("properties") or {}).items() if name != "products"}
    return [_purchase(product, about, shared) for product in products]


def _purchase(product: Mapping[str, Any], about: Object, shared: Object) -> Object:
    own = ("product_id", "currency", "price", "quantity")
    more = {name: value for name, value in product.items() if name not in own}
    quantity = {"quantity": product["quantity"]} if product.get("quantity") is not None else {}
    return {
        **about,
        "product_id": product.get("product_id"),
        "currency": product.get("currency") or "USD",
        "price": product.get("price"),
        **quantity,
        "properties": {**more, **shared},
    }
