from __future__ import annotations

from typing import Any

from destinations.kit.testing import Rule, WorkerCase, answer

AUTH, REST = "https://mc1.auth.marketingcloudapis.com", "https://mc1.rest.marketingcloudapis.com"
TOKEN = (
    f"POST {AUTH}/v2/token",
    {"account_id": "900", "client_id": "ci", "client_secret": "cs", "grant_type": "client_credentials"},
)
SETTINGS = {"subdomain": "mc1", "account_id": "900", "client_id": "ci", "client_secret": "cs"}
CONTACT = (f"POST {REST}/contacts/v1/contacts", {"contactKey": "u1", "attributeSets": []})


def row(email: str, *, member: bool) -> tuple[str, Any]:
    values = {"EmailAddress": email, "Vip": member}
    return f"POST {REST}/hub/v1/dataevents/key:PEOPLE/rowset", [{"keys": {"contactKey": "u1"}, "values": values}]


ANN, WORK = "ann@example.org", "ann@work.example"
CASES = [
    WorkerCase(
        settings={**SETTINGS, "data_extension_key": "PEOPLE"},
        kinds=("identify",),
        responses=[Rule(url=AUTH, response=answer(200, {"access_token": "t-1"}))],
        added=[TOKEN, CONTACT, row(ANN, member=True)],
        changed=[CONTACT, row(WORK, member=True)],
        removed=[CONTACT, row(ANN, member=False), CONTACT, row(WORK, member=False)],
        failing=answer(429, {"message": "Too many requests"}, retry_after="2"),
    ),
    WorkerCase(
        name="unknown column",
        settings=SETTINGS,
        kinds=("identify",),
        mappings=[
            {
                "action": "contactDataExtension",
                "fields": {"key": "PEOPLE", "values": {"EmailAddress": {"@path": "$.traits.email"}}},
            }
        ],
        responses=[Rule(url=AUTH, response=answer(200, {"access_token": "t-1"}))],
        added=[
            TOKEN,
            (
                f"POST {REST}/hub/v1/dataevents/key:PEOPLE/rowset",
                [{"keys": {"contactKey": "u1"}, "values": {"EmailAddress": ANN}}],
            ),
        ],
        changed=[
            (
                f"POST {REST}/hub/v1/dataevents/key:PEOPLE/rowset",
                [{"keys": {"contactKey": "u1"}, "values": {"EmailAddress": WORK}}],
            )
        ],
        removed=[
            (
                f"POST {REST}/hub/v1/dataevents/key:PEOPLE/rowset",
                [{"keys": {"contactKey": "u1"}, "values": {"EmailAddress": email}}],
            )
            for email in (ANN, WORK)
        ],
        failing=answer(
            400, {"errorcode": 10006, "message": "bad", "additionalErrors": [{"message": "No such column"}]}
        ),
        failing_url=REST,
        retried=False,
    ),
]
