from __future__ import annotations

from typing import Any

import pytest

from destinations.connectors.salesforce_marketing_cloud import data_extensions
from destinations.kit.definition import Context
from destinations.kit.testing import answer, body_of, run

CONTEXT = Context(settings={"subdomain": "mc1"})
OBJECTS = "https://mc1.rest.marketingcloudapis.com/data/v1/customobjects"
NEVER = {
    "isTemplateField": False,
    "isHidden": False,
    "isReadOnly": False,
    "isInheritable": False,
    "isOverridable": False,
    "mustOverride": False,
}


def connect(inputs: dict[str, Any], *answers: Any) -> Any:
    return run(lambda known: data_extensions.hook().perform(known, inputs), context=CONTEXT, answers=answers)


def test_saving_a_mapping_creates_its_data_extension() -> None:
    inputs = {
        "operation": "create",
        "name": "People",
        "categoryId": "77",
        "isSendable": True,
        "sendableCustomObjectField": "Id",
        "sendableSubscriberField": "_SubscriberKey",
        "columns": [{"name": "Id", "type": "Text", "isNullable": False, "isPrimaryKey": True, "length": 50}],
    }

    ran = connect(inputs, answer(201, {"id": "de-1", "key": "K"}))

    assert ran.calls == [f"POST {OBJECTS}"]
    assert body_of(ran.request) == {
        "name": "People",
        "description": "",
        "categoryId": "77",
        "isSendable": True,
        "sendableCustomObjectField": "Id",
        "sendableSubscriberField": "_SubscriberKey",
        "fields": [
            {
                "name": "Id",
                "type": "Text",
                "isNullable": False,
                "isPrimaryKey": True,
                "length": 50,
                "description": "",
                "ordinal": 0,
                **NEVER,
            }
        ],
    }
    assert ran.result == {"id": "de-1", "name": "People"}


def test_one_that_exists_is_looked_up() -> None:
    ran = connect(
        {"operation": "select", "dataExtensionId": "de 1"}, answer(200, {"id": "de 1", "key": "K", "name": "People"})
    )

    assert ran.calls == [f"GET {OBJECTS}/de%201"]
    assert ran.result == {"id": "de 1", "name": "People"}


def test_one_that_does_not_exist_is_told() -> None:
    ran = connect({"operation": "select", "dataExtensionId": "x"}, answer(404, {"message": "Not found"}))

    assert ran.verdict.detail == "The data extension was not found: Not found"


def test_a_new_one_without_columns_is_refused_before_anything_is_sent() -> None:
    ran = connect({"operation": "create", "name": "People", "categoryId": "1", "columns": []})

    assert ran.requests == []
    assert ran.verdict.code == "PAYLOAD_VALIDATION_FAILED"


def test_an_answer_without_id_is_no_success() -> None:
    columns = [{"name": "Id", "type": "Text", "isNullable": False, "isPrimaryKey": True}]

    ran = connect({"operation": "create", "name": "P", "categoryId": "1", "columns": columns}, answer(200, "<html>"))

    assert ran.verdict.outcome == "failed"


def test_columns_are_offered() -> None:
    asked = data_extensions.columns(CONTEXT, {"id": "de-1"})

    call = next(asked)
    with pytest.raises(StopIteration) as stopped:
        asked.send(answer(200, {"fields": [{"name": "Id"}, {"name": "Vip"}]}))

    assert f"{call.method} {call.url}" == f"GET {OBJECTS}/de-1/fields"
    assert [choice.value for choice in stopped.value.value] == ["Id", "Vip"]
