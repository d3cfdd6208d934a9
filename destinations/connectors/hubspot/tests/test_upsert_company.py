from __future__ import annotations

from typing import Any

import pytest

from destinations.connectors.hubspot import definition
from destinations.kit.definition import Token
from destinations.kit.testing import Rule, answer, run_action

API = "https://api.hubapi.com/crm/v3"
COMPANIES = f"{API}/objects/companies"
CONTACT = f"{API}/objects/contacts/ann@example.org?idProperty=email&properties=email"
MISSING = answer(
    400,
    {
        "message": 'Property values were not valid: [{"isValid":false,"error":"PROPERTY_DOESNT_EXIST",'
        '"name":"segment_group_id"}]'
    },
)
GROUP = {
    "type": "group",
    "groupId": "acme",
    "traits": {"name": "Acme ", "employees": 5, "address": {"city": "Rome"}},
    "context": {"traits": {"email": "ann@example.org"}},
}


def run(*rules: Rule, **mapping: Any) -> Any:
    return run_action(
        definition,
        "upsertCompany",
        token=Token(access_token="pat-1"),
        events=[GROUP],
        mapping=mapping,
        responses=rules,
    )


def test_a_known_company_is_updated_and_associated() -> None:
    ran = run(
        Rule(url=CONTACT, response=answer(200, {"id": "9"})),
        Rule(url=f"{COMPANIES}/acme", response=answer(200, {"id": "77"})),
    )

    assert ran.calls == [
        f"GET {CONTACT}",
        f"PATCH {COMPANIES}/acme?idProperty=segment_group_id",
        f"PUT {COMPANIES}/77/associations/contacts/9/company_to_contact",
    ]
    assert ran.bodies[1] == {
        "properties": {"name": "Acme", "city": "Rome", "numberofemployees": 5, "segment_group_id": "acme"}
    }
    assert ran.outcomes == ["delivered"]


def test_a_company_is_created_when_none_is_found() -> None:
    ran = run(
        Rule(url=f"{COMPANIES}/search", response=answer(200, {"total": 0, "results": []})),
        Rule(url=f"{COMPANIES}/acme", response=answer(404, {})),
        Rule(url=COMPANIES, response=answer(201, {"id": "78"})),
        associateContact=False,
        companysearchfields={"domain": "acme.example"},
    )

    assert ran.calls[1:] == [f"POST {COMPANIES}/search", f"POST {COMPANIES}"]
    assert ran.bodies[1] == {
        "filterGroups": [{"filters": [{"propertyName": "domain", "operator": "EQ", "value": "acme.example"}]}],
        "properties": ["name", "domain", "lifecyclestage", "segment_group_id"],
        "sorts": ["name"],
    }
    assert ran.bodies[2]["associations"] == []


def test_a_company_found_by_search_is_updated() -> None:
    ran = run(
        Rule(url=f"{COMPANIES}/search", response=answer(200, {"total": 1, "results": [{"id": "5"}]})),
        Rule(url=f"{COMPANIES}/acme", response=answer(404, {})),
        associateContact=False,
        companysearchfields={"domain": "acme.example"},
    )

    assert ran.calls[2] == f"PATCH {COMPANIES}/5"


def test_several_companies_are_left_alone() -> None:
    ran = run(
        Rule(url=f"{COMPANIES}/search", response=answer(200, {"total": 2, "results": [{"id": "5"}, {"id": "6"}]})),
        Rule(url=f"{COMPANIES}/acme", response=answer(404, {})),
        associateContact=False,
        companysearchfields={"domain": "acme.example"},
    )

    assert len(ran.calls) == 2
    assert ran.verdict.status == 400


def test_no_company_is_created_when_that_is_switched_off() -> None:
    ran = run(Rule(url=f"{COMPANIES}/acme", response=answer(404, {})), associateContact=False, createNewCompany=False)

    assert len(ran.calls) == 1
    assert ran.outcomes == ["delivered"]


def test_the_property_of_group_ids_is_created_where_it_is_missing() -> None:
    ran = run(
        Rule(url=f"{COMPANIES}/acme", response=answer(404, {})),
        Rule(url=COMPANIES, response=MISSING, times=1),
        Rule(url=f"{API}/properties/companies", response=answer(409, {})),
        associateContact=False,
    )

    assert ran.calls[1:] == [f"POST {COMPANIES}", f"POST {API}/properties/companies", f"POST {COMPANIES}"]
    assert ran.bodies[2]["name"] == "segment_group_id"
    assert ran.bodies[2]["hasUniqueValue"] is True
    assert ran.outcomes == ["delivered"]


def test_a_property_that_was_deleted_is_created_and_the_call_tried_again() -> None:
    ran = run(Rule(url=f"{COMPANIES}/acme", response=MISSING), associateContact=False)

    assert ran.calls[1] == f"POST {API}/properties/companies"
    assert ran.verdict.outcome == "retry"


@pytest.mark.parametrize(
    "mapping", [{"contact_email": None}, {"properties": {"segment_group_id": "x"}}, {"groupid": None}]
)
def test_what_cannot_work_is_refused_before_anything_is_sent(mapping: dict[str, Any]) -> None:
    ran = run(**mapping)

    assert ran.calls == []
    assert ran.verdict.status == 400


def test_a_contact_that_does_not_exist_leaves_the_company_alone() -> None:
    ran = run(Rule(url=CONTACT, response=answer(404, {})))

    assert ran.calls == [f"GET {CONTACT}"]
    assert "no contact" in ran.verdict.detail
