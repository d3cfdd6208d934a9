from __future__ import annotations

from typing import Any

from destinations.kit.testing import ANYTHING, WorkerCase, answer

SETTINGS = {
    "s3_aws_bucket_name": "files",
    "s3_aws_region": "eu-central-1",
    "access_key_id": "AK",
    "secret_access_key": "SK",
}
MAPPING = {
    "action": "syncAudienceToCSV",
    "fields": {
        "columns": {"audience_name": "audience", "audience_action": "member", "email": "email", "user_id": "user"}
    },
}


class UrlOf(str):
    """A call to a file whose name holds the moment."""

    def __eq__(self, other: object) -> bool:
        return str(other).startswith(str(self)) and str(other).endswith(".csv")

    __hash__ = str.__hash__


def file(*rows: str) -> tuple[str, Any]:
    url = UrlOf("PUT https://files.s3.eu-central-1.amazonaws.com/out/daily_vip_")
    return url, "\n".join(["audience;member;email;user", *rows])


CASES = [
    WorkerCase(
        name="columns",
        settings=SETTINGS,
        mappings=[MAPPING],
        audience_settings={"s3_aws_folder_name": "out", "filename": "daily", "delimiter": ";"},
        added=[file('"vip";"true";"ann@example.org";"u1"')],
        changed=[file('"vip";"true";"ann@work.example";"u1"')],
        removed=[file('"vip";"false";"ann@example.org";"u1"', '"vip";"false";"ann@work.example";"u1"')],
        failing=answer(503, "<Error><Code>SlowDown</Code><Message>Reduce your request rate</Message></Error>"),
    ),
    WorkerCase(
        settings=SETTINGS,
        audience_settings={"filename": "daily", "delimiter": ","},
        added=[ANYTHING],
        changed=[ANYTHING],
        removed=[ANYTHING],
        failing=answer(403, "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"),
        retried=False,
    ),
]
