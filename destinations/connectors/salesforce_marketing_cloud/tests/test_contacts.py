from __future__ import annotations

import pytest

from destinations.connectors.salesforce_marketing_cloud import definition
from destinations.kit.definition import Token
from destinations.kit.testing import answer, identify, run_action, run_operation, track

SETTINGS = {"subdomain": "mc1", "account_id": "900", "client_id": "ci", "client_secret": "cs"}
TOKEN = Token(access_token="t-1")


def test_a_contact_is_created_by_its_key() -> None:
    ran = run_action(definition, "contact", settings=SETTINGS, token=TOKEN, events=[identify()])

    assert ran.calls == ["POST https://mc1.rest.marketingcloudapis.com/contacts/v1/contacts"]
    assert ran.request.body == b'{"contactKey":"u1","attributeSets":[]}'


def test_a_person_without_user_id_is_no_contact() -> None:
    ran = run_action(definition, "contact", settings=SETTINGS, token=TOKEN, events=[identify(user_id=None)])

    assert (ran.calls, ran.outcomes) == ([], ["PAYLOAD_VALIDATION_FAILED"])


def test_an_api_event_puts_a_contact_into_a_journey() -> None:
    mapping = {"eventDefinitionKey": "APIEvent-1", "data": {"Member": {"@path": "$.properties.vip"}}}

    ran = run_action(
        definition, "apiEvent", settings=SETTINGS, token=TOKEN, mapping=mapping, events=[track(entered=False)]
    )

    assert ran.calls == ["POST https://mc1.rest.marketingcloudapis.com/interaction/v1/events"]
    assert ran.bodies == [{"contactKey": "u1", "eventDefinitionKey": "APIEvent-1", "data": {"Member": False}}]


@pytest.mark.parametrize("subdomain", ["evil.example/x", "a.b", "a@b", "", "a\n"])
def test_a_subdomain_that_would_change_the_host_is_refused(subdomain: str) -> None:
    settings = {**SETTINGS, "subdomain": subdomain or "_"}

    ran = run_action(definition, "contact", settings=settings, token=TOKEN, events=[identify()])

    assert (ran.calls, ran.outcomes) == ([], ["INVALID_SETTINGS"])


def test_the_connection_is_tested_by_signing_in() -> None:
    ran = run_operation(definition, "test_connection", settings=SETTINGS, token=TOKEN)

    assert ran.calls == ["POST https://mc1.auth.marketingcloudapis.com/v2/token"]


def test_wrong_credentials_are_told_in_a_sentence() -> None:
    refused = answer(401, {"error": "invalid_client", "error_description": "Invalid client ID."})

    ran = run_action(definition, "contact", settings=SETTINGS, events=[identify()], responses=[refused])

    assert ran.outcomes == ["INVALID_AUTHENTICATION"]
    assert "Invalid client ID." in ran.verdicts[0].detail
