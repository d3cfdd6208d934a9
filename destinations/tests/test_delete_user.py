"""What each connector that can delete a person asks of its vendor (docs/connectors.md, `delete_user`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from destinations.catalog import definitions
from destinations.kit.definition import Context
from destinations.kit.errors import PayloadValidationError
from destinations.kit.testing import Recording, answer, body_of, run

IDS = {"userId": "u/1", "anonymousId": "a1", "email": "ann@example.org"}
DELETED = {"type": "delete", **IDS}
REQUESTS: list[tuple[str, dict[str, Any], str, Any]] = [
    (
        "braze",
        {"endpoint": "https://rest.iad-01.braze.com"},
        "POST https://rest.iad-01.braze.com/users/delete",
        {"external_ids": ["u/1"]},
    ),
    ("customerio", {}, "DELETE https://track.customer.io/api/v1/customers/u%2F1", None),
    (
        "hubspot",
        {},
        "POST https://api.hubapi.com/crm/v3/objects/contacts/gdpr-delete",
        {"objectId": "ann@example.org", "idProperty": "email"},
    ),
    ("iterable", {}, "POST https://api.iterable.com/api/users/forget", {"email": "ann@example.org"}),
    ("webhook", {"url": "https://example.org/in"}, "POST https://example.org/in", DELETED),
    ("webhook_classic", {"url": "https://example.org/in"}, "POST https://example.org/in", DELETED),
    ("webhook_list", {"url": "https://example.org/in"}, "POST https://example.org/in", DELETED),
]


@pytest.mark.parametrize(("slug", "settings", "call", "body"), REQUESTS, ids=[one[0] for one in REQUESTS])
def test_the_vendor_is_asked_to_delete(slug: str, settings: Mapping[str, Any], call: str, body: Any) -> None:
    delete_user = definitions()[slug].delete_user
    assert delete_user is not None

    ran = run(lambda context: delete_user(context, IDS), context=Context(settings=settings), answers=[answer(200, {})])

    assert ran.calls == [call]
    assert body_of(ran.request) == body


def test_every_other_connector_with_such_requests_is_tested_elsewhere() -> None:
    able = {slug for slug, definition in definitions().items() if definition.delete_user is not None}

    assert able == {one[0] for one in REQUESTS} | {"intercom"}  # intercom: its own tests


@pytest.mark.parametrize("slug", ["braze", "customerio", "hubspot", "iterable", "webhook"])
def test_without_an_identifier_the_vendor_is_not_asked(slug: str) -> None:
    delete_user = definitions()[slug].delete_user
    assert delete_user is not None

    recording = Recording()
    with pytest.raises(PayloadValidationError):
        recording.run(delete_user(Context(settings={"endpoint": "https://x.example"}), {"anonymousId": "a1"}))

    assert recording.requests == []
