from __future__ import annotations

import json

import pytest

from destinations.connectors.braze.identity import delete_user
from destinations.kit.definition import Context
from destinations.kit.errors import PayloadValidationError

CONTEXT = Context(settings={"endpoint": "https://rest.iad-01.braze.com"})


def test_a_person_is_deleted_by_the_user_id() -> None:
    request = delete_user(CONTEXT, {"userId": "u1", "anonymousId": "a1"})

    assert (request.method, request.url) == ("POST", "https://rest.iad-01.braze.com/users/delete")
    assert json.loads(request.body or b"") == {"external_ids": ["u1"]}


def test_without_a_user_id_nobody_is_deleted() -> None:
    with pytest.raises(PayloadValidationError):
        delete_user(CONTEXT, {"anonymousId": "a1"})
