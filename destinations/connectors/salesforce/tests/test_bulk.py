from __future__ import annotations

from typing import Any

from destinations.connectors.salesforce import definition
from destinations.kit.definition import Token
from destinations.kit.testing import Ran, Rule, answer, identify, run_action

API = "https://acme.my.salesforce.com/services/data/v53.0"
JOB = Rule(url=f"{API}/jobs/ingest", method="POST", response=answer(200, {"id": "750A"}))
UPSERT = {
    "__segment_internal_sync_mode": "upsert",
    "bulkUpsertExternalId": {"externalIdName": "Key__c", "externalIdValue": {"@path": "$.userId"}},
}


def run(
    mapping: dict[str, Any], events: list[Any], *responses: Any, as_batch: bool = True, batching: bool = True
) -> Ran:
    return run_action(
        definition,
        "contact2",
        settings={"instanceUrl": "https://acme.my.salesforce.com"},
        mapping={"enable_batching": batching, **mapping},
        events=events,
        responses=responses or [JOB],
        trigger="",
        as_batch=as_batch,
        token=Token(access_token="t"),
    )


def person(user: str, **more: Any) -> dict[str, Any]:
    return identify(user_id=user, email=f"{user}@x.co", last_name="Lee", **more)


def test_an_upsert_is_a_job_a_file_and_its_end() -> None:
    ran = run(
        {**UPSERT, "customFields": {"Note__c": {"@path": "$.traits.note"}}}, [person("u1", note='a "b"'), person("u2")]
    )

    assert ran.calls == [
        f"POST {API}/jobs/ingest",
        f"PUT {API}/jobs/ingest/750A/batches",
        f"PATCH {API}/jobs/ingest/750A",
    ]
    assert ran.requests[0].body == (
        b'{"object":"Contact","contentType":"CSV","operation":"upsert","externalIdFieldName":"Key__c"}'
    )
    assert ran.requests[1].headers["Content-Type"] == "text/csv"
    assert ran.requests[1].body == (
        b'LastName,Email,Note__c,Key__c\n"Lee","u1@x.co","a ""b""","u1"\n"Lee","u2@x.co",#N/A,"u2"\n'
    )
    assert ran.bodies[2] == {"state": "UploadComplete"}
    assert ran.outcomes == ["delivered", "delivered"]


def test_an_insert_has_no_id_column() -> None:
    ran = run({}, [person("u1"), person("u2")])

    assert ran.bodies[0] == {"object": "Contact", "contentType": "CSV", "operation": "insert"}
    assert ran.bodies[1] == 'LastName,Email\n"Lee","u1@x.co"\n"Lee","u2@x.co"\n'


def test_an_update_goes_by_record_id_and_a_row_without_one_fails_alone() -> None:
    mapping = {"__segment_internal_sync_mode": "update", "bulkUpdateRecordId": {"@path": "$.traits.sf_id"}}

    ran = run(mapping, [person("u1", sf_id="003A"), person("u2")])

    assert ran.bodies[0]["externalIdFieldName"] == "Id"
    assert ran.bodies[1] == 'LastName,Email,Id\n"Lee","u1@x.co","003A"\n'
    assert ran.outcomes == ["delivered", "INTEGRATION_ERROR"]


def test_a_record_that_comes_twice_goes_once_with_the_later_values() -> None:
    ran = run(UPSERT, [person("u1"), identify(user_id="u1", email="new@x.co", last_name="Lee-Ray")])

    assert ran.bodies[1] == 'LastName,Email,Key__c\n"Lee-Ray","new@x.co","u1"\n'
    assert ran.outcomes == ["delivered", "delivered"]


def test_audiences_do_not_clear_each_others_fields() -> None:
    field = {"audience_field": {"@template": "{{context.personas.computation_key}}__c"}}

    ran = run({**UPSERT, **field}, [person("u1", key="vip"), person("u2", key="big", entered=False)])

    assert [ran.bodies[1], ran.bodies[4]] == [
        'LastName,Email,vip__c,Key__c\n"Lee","u1@x.co","true","u1"\n',
        'LastName,Email,big__c,Key__c\n"Lee","u2@x.co","false","u2"\n',
    ]


def test_a_row_that_a_new_record_needs_more_for_fails_alone() -> None:
    ran = run({}, [person("u1"), identify(user_id="u2")])

    assert ran.bodies[1] == 'LastName,Email\n"Lee","u1@x.co"\n'
    assert ran.outcomes == ["delivered", "PAYLOAD_VALIDATION_FAILED"]


def test_deleting_in_bulk_and_batches_without_the_switch_are_refused() -> None:
    deleting = run({"__segment_internal_sync_mode": "delete"}, [person("u1"), person("u2")])
    switched_off = run({}, [person("u1"), person("u2")], batching=False)

    assert (deleting.calls, [verdict.status for verdict in deleting.verdicts]) == ([], [400, 400])
    assert (switched_off.calls, [verdict.status for verdict in switched_off.verdicts]) == ([], [400, 400])


def test_a_comma_in_a_field_name_is_refused_before_anything_is_sent() -> None:
    ran = run({"customFields": {"a,b": 1}}, [person("u1"), person("u2")])

    assert ran.calls == []
    assert ran.outcomes == ["PAYLOAD_VALIDATION_FAILED"] * 2


def test_a_job_is_closed_when_its_file_was_refused() -> None:
    refused = Rule(url=f"{API}/jobs/ingest/750A/batches", method="PUT", response=answer(500, "<html>"))

    ran = run({}, [person("u1"), person("u2")], JOB, refused)

    assert [call.split(" ")[0] for call in ran.calls] == ["POST", "PUT", "PATCH"]
    assert [verdict.outcome for verdict in ran.verdicts] == ["retry", "retry"]


def test_a_busy_organisation_is_tried_again() -> None:
    busy = answer(403, [{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "TotalRequests Limit exceeded."}])

    ran = run({}, [person("u1"), person("u2")], busy)

    assert [verdict.outcome for verdict in ran.verdicts] == ["retry", "retry"]


def test_a_job_without_an_id_fails() -> None:
    ran = run({}, [person("u1"), person("u2")], answer(200, ""))

    assert ran.outcomes == ["INVALID_RESPONSE"] * 2
