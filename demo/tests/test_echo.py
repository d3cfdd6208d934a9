from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

pytestmark = pytest.mark.django_db


def send(client: Client, body: Any, query: str = "") -> int:
    return client.post(f"/echo/crm{query}", body, content_type="application/json").status_code


def test_what_was_received_adds_up_by_message_id(client: Client) -> None:
    for body in ({"messageId": "a"}, {"messageId": "a"}, {"messageId": "b\x00"}, {"no": "id"}, {"messageId": 7}):
        assert send(client, body) == 200
    assert send(client, [{"messageId": "in a batch"}], "?status=503") == 503

    told = client.get("/echo/crm/requests.json").json()

    assert {name: told[name] for name in told if name not in ("requests", "next")} == {
        "total": 6,
        "succeeded": 5,
        "distinct_message_ids": 2,
        "repeated_message_ids": 1,
        "without_message_id": 3,
    }
    assert [one["message_id"] for one in told["requests"]] == ["a", "a", "b\ufffd", None, None, None]
