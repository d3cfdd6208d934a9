from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from destinations.connectors.amazon_s3 import csv_file, definition
from destinations.kit.definition import NO_TOKEN, Item, Token
from destinations.kit.testing import answer, identify, run_action, run_operation, track

SETTINGS = {
    "s3_aws_bucket_name": "files",
    "s3_aws_region": "eu-central-1",
    "access_key_id": "AK",
    "secret_access_key": "SK",
}
NOW = datetime(2024, 5, 6, 10, 0, 0, 1000, tzinfo=UTC)
HOST = "https://files.s3.eu-central-1.amazonaws.com"
STS = """<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIA1</AccessKeyId>
<SecretAccessKey>temp</SecretAccessKey><SessionToken>sess</SessionToken></Credentials></AssumeRoleResult></AssumeRoleResponse>"""


def upload(
    events: list[Any], *responses: Any, settings: Any = SETTINGS, token: Token = NO_TOKEN, **mapping: Any
) -> Any:
    return run_action(
        definition,
        "syncAudienceToCSV",
        settings=settings,
        token=token,
        mapping=mapping,
        events=events,
        responses=responses,
        as_batch=True,
    )


def refused(code: str, status: int = 403) -> Any:
    return answer(status, f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>Said {code}</Message></Error>")


def test_a_batch_is_one_file_with_every_column_in_order() -> None:
    events = [
        identify(audience_settings={"delimiter": ",", "s3_aws_folder_name": "/out/"}, note='say "hi"'),
        track(user_id="u2", email="ben@example.org", entered=False),
    ]

    ran = upload(events)

    assert ran.request.url.startswith(f"{HOST}/out/vip_")
    assert ran.request.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert ran.bodies[0].split("\n") == [
        "audience_name,audience_id,audience_action,email,user_id,anonymous_id,timestamp,message_id,space_id,"
        "integrations_object,properties_or_traits",
        '"vip","aud_1","true","ann@example.org","u1","","2024-05-06T07:08:09.123Z","personas_identify_u1_in","spa_1",'
        '"{""All"":false}","{""vip"":true,""email"":""ann@example.org"",""note"":""say \\""hi\\""""}"',
        '"vip","aud_1","false","ben@example.org","u2","","2024-05-06T07:08:09.123Z","personas_track_u2_out","spa_1",'
        '"{""All"":false}","{""audience_key"":""vip"",""vip"":false}"',
    ]
    assert ran.outcomes == ["delivered", "delivered"]


def test_columns_may_be_renamed_left_out_and_added() -> None:
    ran = upload(
        [identify(city="Oslo", audience_settings={"delimiter": "tab"})],
        columns={"user_id": "Customer", "audience_action": "Member", "email": ""},
        additional_identifiers_and_traits_columns={"City": {"@path": "$.traits.city"}},
    )

    assert ran.bodies == ['Member\tCustomer\tCity\n"true"\t"u1"\t"Oslo"']


def test_a_delimiter_in_a_column_name_is_refused() -> None:
    ran = upload([identify()], columns={"email": "mail,address"})

    assert (ran.calls, ran.outcomes) == ([], ["PAYLOAD_VALIDATION_FAILED"])


def test_a_computed_trait_is_no_audience() -> None:
    event = identify()
    event["context"]["personas"]["computation_class"] = "trait"

    ran = upload([event, identify(user_id="u2")])

    assert ran.outcomes == ["PAYLOAD_VALIDATION_FAILED", "delivered"]


@pytest.mark.parametrize(
    ("prefix", "name"),
    [
        ("daily", "daily_vip_2024-05-06T10-00-00-001Z_"),
        ("daily.csv", "daily_2024-05-06T10-00-00-001Z_"),
        ("", "vip_2024-05-06T10-00-00-001Z_"),
    ],
)
def test_a_file_is_named_after_audience_and_moment(prefix: str, name: str) -> None:
    found = csv_file.name_of(prefix, "VIP", NOW, b"a")

    assert found == f"{name}ca978112.csv"


def test_two_files_of_one_moment_have_two_names() -> None:
    assert csv_file.name_of("", "vip", NOW, b"a") != csv_file.name_of("", "vip", NOW, b"b")


def test_a_value_that_is_missing_is_empty() -> None:
    item = Item(index=0, payload={"columns": {"email": "e", "user_id": "u"}, "userId": "1"}, membership=True)

    assert csv_file.written([item], ",") == b'e,u\n"","1"'


@pytest.mark.parametrize(
    ("settings", "url"),
    [
        ({"s3_aws_bucket_name": "my.files"}, "https://s3.eu-central-1.amazonaws.com/my.files/vip_"),
        ({"s3_aws_region": "cn-north-1"}, "https://files.s3.cn-north-1.amazonaws.com.cn/vip_"),
        ({"endpoint": "https://minio.example:9000/"}, "https://minio.example:9000/files/vip_"),
    ],
)
def test_the_address_of_the_bucket(settings: dict[str, str], url: str) -> None:
    ran = upload([identify()], settings={**SETTINGS, **settings})

    assert ran.request.url.startswith(url)


@pytest.mark.parametrize(
    "settings", [{"s3_aws_bucket_name": "a/b"}, {"s3_aws_region": "eu.evil.example/"}, {"s3_aws_bucket_name": "x@y.z"}]
)
def test_settings_that_would_change_the_host_are_refused(settings: dict[str, str]) -> None:
    ran = upload([identify()], settings={**SETTINGS, **settings})

    assert (ran.calls, ran.outcomes) == ([], ["INVALID_SETTINGS"])


def test_refused_rows_fail_with_what_s3_said() -> None:
    ran = upload([identify()], refused("AccessDenied"))

    assert ran.outcomes == ["403"]
    assert ran.verdicts[0].detail == "Said AccessDenied (AccessDenied)"


@pytest.mark.parametrize("response", [refused("SlowDown", 503), answer(500, "<html>"), answer(429, "")])
def test_a_busy_bucket_is_tried_again(response: Any) -> None:
    ran = upload([identify()], response)

    assert ran.verdicts[0].outcome == "retry"


def test_refused_keys_are_told_in_a_sentence() -> None:
    ran = upload([identify()], refused("InvalidAccessKeyId"))

    assert ran.outcomes == ["INVALID_AUTHENTICATION"]


def test_without_keys_nothing_is_sent() -> None:
    ran = upload([identify()], settings={**SETTINGS, "secret_access_key": ""})

    assert (ran.calls, ran.outcomes) == ([], ["INVALID_AUTHENTICATION"])


def test_the_keys_of_the_installation_do_as_well() -> None:
    ran = run_action(
        definition,
        "syncAudienceToCSV",
        settings={name: SETTINGS[name] for name in ("s3_aws_bucket_name", "s3_aws_region")},
        operator={"access_key_id": "OP", "secret_access_key": "S"},
        events=[identify()],
        as_batch=True,
    )

    assert "Credential=OP/" in ran.request.headers["Authorization"]


def test_a_role_is_assumed() -> None:
    settings = {**SETTINGS, "iam_role_arn": "arn:aws:iam::1:role/x", "iam_external_id": "ext 1"}

    ran = upload([identify()], answer(200, STS), answer(200), settings=settings)

    assert ran.calls[0] == (
        "GET https://sts.eu-central-1.amazonaws.com/?Action=AssumeRole&Version=2011-06-15&RoleSessionName=Engage"
        "&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fx&ExternalId=ext%201"
    )
    assert "Credential=AK/" in ran.requests[0].headers["Authorization"]
    assert "Credential=ASIA1/" in ran.requests[1].headers["Authorization"]
    assert ran.requests[1].headers["x-amz-security-token"] == "sess"
    assert ran.outcomes == ["delivered"]


def test_a_role_is_assumed_again_when_its_keys_have_expired() -> None:
    settings = {**SETTINGS, "iam_role_arn": "arn:aws:iam::1:role/x"}
    old = Token(access_token="ASIA0", extra={"secret_access_key": "s", "session": "o"})

    ran = upload(
        [identify()], refused("ExpiredToken", 400), answer(200, STS), answer(200), settings=settings, token=old
    )

    assert "Credential=ASIA0/" in ran.requests[0].headers["Authorization"]
    assert "Credential=ASIA1/" in ran.requests[2].headers["Authorization"]
    assert ran.outcomes == ["delivered"]


def test_a_role_that_may_not_be_used_is_told() -> None:
    settings = {**SETTINGS, "iam_role_arn": "arn:aws:iam::1:role/x"}

    ran = upload([identify()], refused("AccessDenied"), settings=settings)

    assert ran.outcomes == ["INVALID_AUTHENTICATION"]
    assert "Said AccessDenied" in ran.verdicts[0].detail


def test_the_connection_is_tested_by_looking_into_the_bucket() -> None:
    ran = run_operation(definition, "test_connection", settings=SETTINGS, responses=[refused("NoSuchBucket", 404)])

    assert ran.calls == [f"GET {HOST}/?list-type=2&max-keys=0"]
    assert ran.verdict.detail == "Said NoSuchBucket (NoSuchBucket)"
