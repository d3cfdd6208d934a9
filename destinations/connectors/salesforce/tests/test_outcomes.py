"""A bulk job is asked for what it refused: the worker's way, through the pipeline."""

from __future__ import annotations

from typing import Any

import pytest

from destinations.connectors.salesforce import definition
from destinations.connectors.salesforce.outcomes import PAUSES
from destinations.connectors.salesforce.tests.test_bulk import API, JOB, UPSERT, person
from destinations.kit.definition import Token
from destinations.kit.testing import Ran, Rule, answer, run_action
from destinations.kit.verdicts import Verdict

STATE = f"{API}/jobs/ingest/750A"


def state(name: str, *, failed: int = 0, times: int | None = None, **more: Any) -> Rule:
    told = {"id": "750A", "state": name, "numberRecordsFailed": failed, **more}
    return Rule(url=STATE, method="GET", response=answer(200, told), times=times)


def rows(which: str, text: str) -> Rule:
    return Rule(url=f"{STATE}/{which}", method="GET", response=answer(200, text))


def run(events: list[Any], *responses: Any, mapping: dict[str, Any] | None = None) -> Ran:
    return run_action(
        definition,
        "contact2",
        settings={"instanceUrl": "https://acme.my.salesforce.com"},
        mapping={"enable_batching": True, **(UPSERT if mapping is None else mapping)},
        events=events,
        responses=[*responses, JOB],
        trigger="",
        as_batch=True,
        is_confirmed=True,
        token=Token(access_token="t"),
    )


def gets(ran: Ran) -> list[str]:
    return [request.url.removeprefix(f"{API}/jobs/ingest/") for request in ran.requests if request.method == "GET"]


def test_what_salesforce_refuses_later_fails_with_its_words_and_the_rest_is_delivered() -> None:
    ran = run(
        [person("u1"), person("u2"), person("u3")],
        rows(
            "failedResults",
            '"sf__Id","sf__Error",LastName,Email,Key__c\n'
            '"","INVALID_EMAIL_ADDRESS:invalid email, ""u2@x.co"":Email --","Lee","u2@x.co","u2"\n',
        ),
        state("InProgress", times=2),
        state("JobComplete", failed=1),
    )

    assert ran.outcomes == ["delivered", "INVALID_EMAIL_ADDRESS", "delivered"]
    assert ran.verdicts[1].detail == 'Salesforce refused the record: invalid email, "u2@x.co":Email'
    assert ran.verdicts[1].outcome == "failed"
    assert gets(ran) == ["750A", "750A", "750A", "750A/failedResults"]
    assert ran.pauses == list(PAUSES[:3])


def test_a_job_without_failures_is_asked_once() -> None:
    ran = run([person("u1"), person("u2")], state("JobComplete"))

    assert ran.outcomes == ["delivered", "delivered"]
    assert gets(ran) == ["750A"]


def test_a_locked_row_is_tried_again() -> None:
    ran = run(
        [person("u1"), person("u2")],
        rows("failedResults", '"sf__Id","sf__Error",Key__c\n"","UNABLE_TO_LOCK_ROW:busy:--","u1"\n'),
        state("JobComplete", failed=1),
    )

    assert [verdict.outcome for verdict in ran.verdicts] == ["retry", "delivered"]


def test_new_records_are_told_apart_by_their_values() -> None:
    ran = run(
        [person("u1"), person("u2", phone="1")],
        rows(
            "failedResults",
            "sf__Id,sf__Error,LastName,Email,Phone\n,DUPLICATES_DETECTED:Use one of these?:--,Lee,u1@x.co,#N/A\n",
        ),
        state("JobComplete", failed=1),
        mapping={"__segment_internal_sync_mode": "add"},
    )

    assert ran.outcomes == ["DUPLICATES_DETECTED", "delivered"]


@pytest.mark.parametrize(
    ("name", "more", "said"),
    [
        ("Failed", {"errorMessage": "InvalidBatch : Field name not found : Vip__c"}, "Field name not found : Vip__c"),
        ("Aborted", {}, "the job is aborted"),
    ],
)
def test_a_job_that_salesforce_ends_fails_what_it_did_not_get_to(name: str, more: dict[str, Any], said: str) -> None:
    ran = run(
        [person("u1"), person("u2")],
        rows("unprocessedrecords", "LastName,Email,Key__c\nLee,u2@x.co,u2\n"),
        state(name, **more),
    )

    assert ran.outcomes == ["delivered", "JOB_ENDED"]
    assert said in ran.verdicts[1].detail


def test_two_calls_about_one_record_share_its_fate() -> None:
    ran = run(
        [person("u1"), person("u1", title="Dr")],
        rows("failedResults", "sf__Id,sf__Error,Key__c\n,INSUFFICIENT_ACCESS:no access:--,u1\n"),
        state("JobComplete", failed=1),
    )

    assert ran.outcomes == ["INSUFFICIENT_ACCESS", "INSUFFICIENT_ACCESS"]


@pytest.mark.parametrize(
    "responses",
    [
        pytest.param([state("InProgress")], id="still at work after a minute"),
        pytest.param([Rule(url=STATE, method="GET", response=answer(500, "<html>"))], id="cannot be asked"),
        pytest.param([Rule(url=STATE, method="GET", response=answer(200, "[]"))], id="answers something else"),
    ],
)
def test_what_is_not_decided_stays_accepted(responses: list[Any]) -> None:
    ran = run([person("u1"), person("u2")], *responses)

    assert ran.verdicts == [Verdict(outcome="delivered", status=200)] * 2
    assert sum(ran.pauses) < 60
