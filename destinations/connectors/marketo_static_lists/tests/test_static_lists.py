from __future__ import annotations

from typing import Any

import pytest

from destinations.connectors.marketo_static_lists import HOOK, definition
from destinations.kit.definition import Audience, Context, Token
from destinations.kit.testing import Ran, answer, run, run_operation

HOST = "https://123-abc-456.mktorest.com"
SETTINGS = {"client_id": "c", "client_secret": "s", "api_endpoint": f"{HOST}/rest/", "folder_name": "Engage Lists"}
FOLDER = answer(200, {"success": True, "result": [{"id": 12}]})
EMPTY = answer(200, {"success": True, "warnings": ["No assets found for the given search criteria."]})


def operate(operation: str, *responses: Any, **more: Any) -> Ran:
    return run_operation(
        definition, operation, settings=SETTINGS, responses=responses, token=Token(access_token="t"), **more
    )


def test_a_list_is_created_in_the_folder() -> None:
    audience = Audience(id="aud_1", key="vip", name="VIP & more", space_id="spa_1")

    ran = operate(
        "create_audience", FOLDER, answer(200, {"success": True, "result": [{"id": 1312}]}), audience=audience
    )

    assert ran.calls == [
        f"GET {HOST}/rest/asset/v1/folder/byName.json?name=Engage%20Lists",
        f"POST {HOST}/rest/asset/v1/staticLists.json?folder=12&name=VIP%20%26%20more",
    ]
    assert ran.result == "1312"


@pytest.mark.parametrize("operation", ["create_audience", "test_connection"])
def test_a_folder_that_is_not_there_is_told(operation: str) -> None:
    ran = operate(operation, EMPTY)

    assert len(ran.calls) == 1
    assert ran.verdict.status == 400
    assert "no folder called 'Engage Lists'" in ran.verdict.detail


def test_a_list_that_is_there_is_found() -> None:
    ran = operate("get_audience", answer(200, {"success": True, "result": [{"id": 1312}]}), external_audience_id="1312")

    assert ran.calls == [f"GET {HOST}/rest/asset/v1/staticList/1312.json"]
    assert ran.result == "1312"


@pytest.mark.parametrize(
    "response", [EMPTY, answer(200, {"success": False, "errors": [{"code": "702", "message": "List not found"}]})]
)
def test_a_list_that_was_deleted_is_gone(response: Any) -> None:
    ran = operate("get_audience", response, external_audience_id="1312")

    assert (ran.result, ran.verdict.outcome) == (None, "delivered")


def test_without_a_token_one_is_asked_for_first() -> None:
    ran = run_operation(
        definition, "test_connection", settings=SETTINGS, responses=[answer(200, {"access_token": "t"}), FOLDER]
    )

    assert ran.calls[0] == f"POST {HOST}/identity/oauth/token"
    assert ran.requests[1].headers == {"Authorization": "Bearer t"}


def test_a_wrong_client_is_told() -> None:
    ran = run_operation(
        definition, "test_connection", settings=SETTINGS, responses=[answer(401, {"error": "invalid_client"})]
    )

    assert (ran.verdict.outcome, ran.verdict.status) == ("failed", 401)
    assert "invalid_client" in ran.verdict.detail


def choose(inputs: dict[str, Any], *answers: Any) -> Ran:
    context = Context(settings=SETTINGS)
    return run(lambda known: HOOK.perform(known, inputs), context=context, answers=answers)


def test_a_mapping_may_choose_a_list_or_make_one() -> None:
    chosen = choose({"list_id": "5"}, answer(200, {"success": True, "result": [{"id": 5}]}))
    made = choose({"list_name": "Mine"}, FOLDER, answer(200, {"success": True, "result": [{"id": 6}]}))

    assert chosen.result == {"id": "5", "name": ""}
    assert made.result == {"id": "6", "name": "Mine"}


def test_a_choice_that_is_no_list_is_refused() -> None:
    unknown, nothing = choose({"list_id": "5"}, EMPTY), choose({})

    assert "no static list with the ID 5" in unknown.verdict.detail
    assert (nothing.calls, nothing.verdict.status) == ([], 400)
