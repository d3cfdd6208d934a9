"""The Delete identifier API (ingestion-and-profiles.md §6)."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from audiences.models import ChangedProfiles
from profiles.models import ExternalId, Profile
from spaces.models import AuditEntry, Space, User
from tests import factories

pytestmark = pytest.mark.django_db
EMAIL = {"id": "Ada@Example.com", "type": "email"}


@pytest.fixture(autouse=True)
def _fresh_rate() -> None:
    cache.clear()


@pytest.fixture
def person(space: Space) -> Profile:
    ids = [("user_id", "ada-1"), ("email", "ada@example.com"), ("anonymous_id", "a1")]
    return factories.make_profile(space=space, ids=ids)


def delete(space: Space, user: User, body: Any, *, lookup: str = "user_id:ada-1", collection: str = "users") -> Any:
    secret = factories.make_token(user=user, space=space)
    header = "Basic " + base64.b64encode(f"{secret}:".encode()).decode()
    url = f"/v1/spaces/{space.public_id}/collections/{collection}/profiles/{lookup}/external_ids/delete"
    text = body if isinstance(body, str) else json.dumps(body)
    return Client().post(url, text, content_type="application/json", headers={"authorization": header})


def types(person: Profile) -> list[str]:
    rows = ExternalId.objects.filter(profile_id=person.id).order_by("id_type")
    return list(rows.values_list("id_type", flat=True))


def test_an_identifier_is_taken_off_the_profile(space: Space, owner: User, person: Profile) -> None:
    answer = delete(space, owner, {"delete_external_ids": [EMAIL]})

    assert (answer.status_code, answer.json()) == (200, {"status": "success"})
    assert types(person) == ["anonymous_id", "user_id"]
    assert ChangedProfiles.objects.get().profile_ids == [person.id]
    entry = AuditEntry.objects.get(action="profile.identifier_deleted")
    assert entry.after == {"profile": person.segment_id, "type": "email"}


@pytest.mark.parametrize(
    ("body", "lookup", "status", "code"),
    [
        ({"delete_external_ids": [{"id": "ada-1", "type": "user_id"}]}, "user_id:ada-1", 400, "unsupported_eid_type"),
        ({"delete_external_ids": [{"id": "g1", "type": "group_id"}]}, "user_id:ada-1", 400, "unsupported_eid_type"),
        ({"delete_external_ids": [{"id": "x@y.z", "type": "email"}]}, "user_id:ada-1", 404, "eid_not_found"),
        ({"delete_external_ids": [EMAIL, EMAIL]}, "user_id:ada-1", 400, "bad_request"),
        ({"delete_external_ids": []}, "user_id:ada-1", 400, "bad_request"),
        ([1], "user_id:ada-1", 400, "bad_request"),
        ({"delete_external_ids": [EMAIL]}, "email:ada@example.com", 400, "bad_request"),
        ({"delete_external_ids": [EMAIL]}, "user_id:nobody", 404, "not_found"),
    ],
)
def test_what_cannot_be_deleted_is_refused_with_its_code(
    body: Any, lookup: str, status: int, code: str, space: Space, owner: User, person: Profile
) -> None:
    answer = delete(space, owner, body, lookup=lookup)

    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert types(person) == ["anonymous_id", "email", "user_id"]


def test_broken_json_is_a_bad_request(space: Space, owner: User, person: Profile) -> None:
    answer = delete(space, owner, "{")

    assert answer.status_code == 400


def test_a_role_below_admin_is_forbidden(space: Space, editor: User, person: Profile) -> None:
    answer = delete(space, editor, {"delete_external_ids": [EMAIL]})

    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "forbidden")
    assert types(person) == ["anonymous_id", "email", "user_id"]


def test_without_a_token_nobody_gets_in(space: Space, person: Profile) -> None:
    url = f"/v1/spaces/{space.public_id}/collections/users/profiles/user_id:ada-1/external_ids/delete"

    answer = Client().post(url, "{}", content_type="application/json")

    assert answer.status_code == 401
