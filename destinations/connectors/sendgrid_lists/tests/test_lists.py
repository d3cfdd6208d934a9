from __future__ import annotations

from typing import Any

from destinations.connectors.sendgrid_lists import definition
from destinations.kit.testing import Rule, answer, run_operation

LISTS = "https://api.sendgrid.com/v3/marketing/lists"


def run(operation: str, *responses: Any, **more: Any) -> Any:
    return run_operation(definition, operation, settings={"sendGridApiKey": "k"}, responses=responses, **more)


def test_a_list_is_made_under_the_name_of_the_audience() -> None:
    ran = run("create_audience", answer(200, {"result": [{"id": "l-9", "name": "Other"}]}), answer(201, {"id": "l-1"}))

    assert ran.calls == [f"GET {LISTS}", f"POST {LISTS}"]
    assert ran.bodies[1] == {"name": "VIP"}
    assert ran.result == "l-1"


def test_a_list_of_this_name_is_used_wherever_it_stands() -> None:
    following = f"{LISTS}?page_size=100&page_token=abc%2F"
    pages = [
        Rule(url=f"{LISTS}?page_token", response=answer(200, {"result": [{"id": "l-2", "name": "Mine"}]})),
        Rule(url=LISTS, response=answer(200, {"result": [], "_metadata": {"next": following}})),
    ]

    ran = run("create_audience", *pages, audience_settings={"listName": "Mine"})

    assert ran.calls == [f"GET {LISTS}", f"GET {LISTS}?page_token=abc%2F"]
    assert ran.result == "l-2"


def test_an_answer_without_a_list_fails() -> None:
    assert run("create_audience", answer(200, "")).verdict.outcome == "failed"


def test_a_list_is_looked_up() -> None:
    found = run("get_audience", answer(200, {"id": "l-1"}), external_audience_id="l-1")
    gone = run("get_audience", answer(404, {}), external_audience_id="l-1")
    busy = run("get_audience", answer(500), external_audience_id="l-1")

    assert found.calls == [f"GET {LISTS}/l-1"]
    assert (found.result, gone.result) == ("l-1", None)
    assert busy.verdict.outcome == "retry"


def test_the_connection_is_tested() -> None:
    assert run("test_connection", answer(200, {})).calls == ["GET https://api.sendgrid.com/v3/user/account"]
