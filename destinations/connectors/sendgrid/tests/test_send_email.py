from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from destinations.connectors.sendgrid import choices, definition
from destinations.kit.conversation import converse
from destinations.kit.definition import Context
from destinations.kit.testing import Recording, answer, run_action, track
from engine.mapping.fields import Choice

URL = "https://api.sendgrid.com/v3/mail/send"
FROM = {"email": "shop@acme.example", "name": "Acme"}


def run(**mapping: Any) -> Any:
    return run_action(
        definition,
        "sendEmail",
        settings={"sendGridApiKey": "k"},
        events=[track(name="Ann")],
        mapping={"from": FROM, "template_id": "d-1", **mapping},
        responses=[answer(202)],
    )


def test_an_email_is_sent() -> None:
    ran = run(
        cc=[{"email": "boss@acme.example"}, {"name": "nobody"}],
        bcc=[{"name": "nobody"}],
        headers={"X-A": 1},
        custom_args={"b": True},
        dynamic_template_data={"plan": "gold"},
        send_at="2024-05-06T11:00:00Z",
        group_id="News [12]",
        categories=["vip"],
        ip_pool_name="main",
        template_id="Welcome [d-9]",
        domain="acme.example",
    )

    assert ran.calls == [f"POST {URL}"]
    assert ran.bodies == [
        {
            "personalizations": [
                {
                    "to": [{"email": "ann@example.org", "name": "Ann"}],
                    "cc": [{"email": "boss@acme.example"}],
                    "headers": {"X-A": "1"},
                    "dynamic_template_data": {"plan": "gold"},
                    "custom_args": {"b": "true"},
                    "send_at": 1714993200,
                }
            ],
            "from": FROM,
            "reply_to": FROM,
            "template_id": "d-9",
            "categories": ["vip"],
            "asm": {"group_id": 12},
            "ip_pool_name": "main",
        }
    ]
    assert ran.verdict.outcome == "delivered"


@pytest.mark.parametrize(
    "mapping",
    [
        {"template_id": "t-1"},
        {"template_id": "Welcome [t-1]"},
        {"domain": "other.example"},
        {"headers": {"Reply-To": "x"}},
        {"categories": ["c" * 256]},
        {"send_at": "2024-05-06T09:59:59Z"},
        {"send_at": "2024-05-09T10:00:01Z"},
        {"group_id": "News"},
        {"ip_pool_name": "x"},
        {"to": {"name": "Ann"}},
    ],
)
def test_what_sendgrid_would_refuse_is_not_sent(mapping: dict[str, Any]) -> None:
    ran = run(**mapping)

    assert ran.calls == []
    assert ran.verdict.status == 400


@pytest.mark.parametrize(
    ("fetch", "body", "path"),
    [
        (choices.templates, {"result": [{"id": "x", "name": "X"}]}, "/templates?generations=dynamic&page_size=200"),
        (choices.groups, [{"id": "x", "name": "X"}], "/asm/groups"),
    ],
)
def test_templates_and_groups_are_offered(fetch: Callable[..., Any], body: Any, path: str) -> None:
    recording = Recording([answer(200, body)])

    _verdict, found = recording.run(converse(lambda known: fetch(known, {}), Context(settings={})))

    assert found == [Choice(value="x", label="X")]
    assert recording.requests[0].url == f"https://api.sendgrid.com/v3{path}"


@pytest.mark.parametrize(
    ("fetch", "body"),
    [(choices.domains, [{"domain": "x", "valid": True}, {"domain": "y"}]), (choices.ip_pools, [{"name": "x"}])],
)
def test_domains_and_pools_are_offered(fetch: Callable[..., Any], body: Any) -> None:
    _verdict, found = Recording([answer(200, body)]).run(converse(lambda known: fetch(known, {}), Context(settings={})))

    assert found == [Choice(value="x", label="x")]
