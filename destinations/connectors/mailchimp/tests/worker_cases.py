from __future__ import annotations

from typing import Any

from destinations.kit.testing import WorkerCase, answer

MEMBERS = "https://us21.api.mailchimp.com/3.0/lists/l1/members"
# MD5 of the addresses.
HASHES = {
    "ann@example.org": "8b5a6a28fc840441be692d74a81ccd1a",
    "ann@work.example": "1e643ba6da90600ec35ee67b13382204",
}


def put(email: str, *, entered: bool) -> tuple[str, Any]:
    body = {"email_address": email, "status_if_new": "subscribed", "merge_fields": {"VIP": str(entered).lower()}}
    return f"PUT {MEMBERS}/{HASHES[email]}", body


ANN, WORK = "ann@example.org", "ann@work.example"
CASES = [
    WorkerCase(
        settings={"api_key": "k-us21", "list_id": "l1"},
        kinds=("identify",),
        added=[put(ANN, entered=True)],
        changed=[put(WORK, entered=True)],
        removed=[put(ANN, entered=False), put(WORK, entered=False)],
        failing=answer(429, {"title": "TooManyRequests", "status": 429}),
    ),
    WorkerCase(
        name="fake address",
        settings={"api_key": "k-us21", "list_id": "l1"},
        kinds=("identify",),
        added=[put(ANN, entered=True)],
        changed=[put(WORK, entered=True)],
        removed=[put(ANN, entered=False), put(WORK, entered=False)],
        failing=answer(400, {"title": "Invalid Resource", "status": 400, "detail": "looks fake"}),
        retried=False,
    ),
]
