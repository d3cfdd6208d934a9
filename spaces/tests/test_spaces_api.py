from __future__ import annotations

from collections.abc import Callable

import pytest
from rest_framework.test import APIClient

from spaces.models import AuditEntry, Member, Source, Space, User
from spaces.services.tokens import find_token
from tests import factories

Api = Callable[..., APIClient]


def test_space_is_created_by_name_and_kind(owner: User, space: Space, api_for: Api) -> None:
    response = api_for(owner).post("/api/v1/spaces/", {"name": "Acme Prod", "kind": "prod"}, format="json")

    assert response.status_code == 201
    body = response.json()
    made = Space.objects.get(slug="acme-prod")
    assert (body["id"], body["slug"], body["name"], body["kind"]) == (made.public_id, "acme-prod", "Acme Prod", "prod")
    assert AuditEntry.objects.filter(action="space.created", space=made, actor=owner).count() == 1


def test_the_kind_of_a_space_is_read_however_it_is_written(owner: User, space: Space, api_for: Api) -> None:
    response = api_for(owner).post("/api/v1/spaces/", {"name": "Acme Prod", "kind": "Prod"}, format="json")

    assert (response.status_code, response.json()["kind"]) == (201, "prod")


@pytest.mark.parametrize(
    ("sent", "paths"),
    [
        ({}, ["/name"]),
        ({"name": "", "kind": "x"}, ["/kind", "/name"]),
        ({"name": "Acme dev"}, ["/name"]),
        ({"name": "x" * 121}, ["/name"]),
        ({"name": "X", "workspace": "other"}, ["/workspace"]),
    ],
)
def test_bad_space_is_refused_at_its_fields(
    sent: dict[str, str], paths: list[str], owner: User, space: Space, api_for: Api
) -> None:
    response = api_for(owner).post("/api/v1/spaces/", sent, format="json")

    assert response.status_code == 400
    assert sorted(error["path"] for error in response.json()["errors"]) == paths
    assert Space.objects.count() == 1


def test_malformed_json_is_a_400(owner: User, space: Space, api_for: Api) -> None:
    response = api_for(owner).post("/api/v1/spaces/", "{", content_type="application/json")

    assert response.status_code == 400
    assert response.json()["code"] == "parse_error"


def test_token_of_one_space_sees_it_alone_and_creates_none(owner: User, space: Space, api_for: Api) -> None:
    factories.make_space(workspace=space.workspace, name="Other")
    client = api_for(owner, space)

    seen = client.get("/api/v1/spaces/").json()["results"]
    refused = client.post("/api/v1/spaces/", {"name": "Third"}, format="json")

    assert [item["slug"] for item in seen] == [space.slug]
    assert refused.status_code == 403


def test_source_is_created_with_its_key(owner: User, space: Space, api_for: Api) -> None:
    response = api_for(owner, space).post(f"/api/v1/spaces/{space.slug}/sources/", {"name": "Web"}, format="json")

    source = Source.objects.get()
    assert response.status_code == 201
    assert (response.json()["id"], response.json()["write_key"]) == (source.public_id, source.write_key)


def test_write_key_is_withheld_from_viewers(viewer: User, space: Space, api_for: Api) -> None:
    factories.make_source(space=space)

    body = api_for(viewer, space).get(f"/api/v1/spaces/{space.slug}/sources/").json()

    assert body["results"][0]["write_key"] is None


def test_source_is_changed_and_rotated(owner: User, space: Space, api_for: Api) -> None:
    source = factories.make_source(space=space)
    client = api_for(owner)
    base = f"/api/v1/spaces/{space.slug}/sources/{source.public_id}/"

    changed = client.patch(base, {"name": "Site", "enabled": False}, format="json").json()
    rotated = client.post(base + "rotate-key/").json()

    assert (changed["name"], changed["enabled"]) == ("Site", False)
    assert rotated["write_key"] not in (None, source.write_key)


def test_member_is_invited_changed_and_removed(owner: User, space: Space, api_for: Api) -> None:
    client = api_for(owner)
    base = f"/api/v1/spaces/{space.slug}/members/"

    invited = client.post(base, {"email": "jane@example.com", "role": "user"}, format="json")
    member = f"{base}{invited.json()['id']}/"
    changed = client.patch(member, {"role": "admin"}, format="json")
    removed = client.delete(member)

    assert invited.status_code == 201
    assert len(invited.json()["temporary_password"]) == 19
    assert changed.json()["role"] == "admin"
    assert removed.status_code == 204
    assert Member.objects.filter(workspace=space.workspace).count() == 1


def test_last_owner_is_a_conflict(owner: User, space: Space, api_for: Api) -> None:
    member = Member.objects.get(user=owner)

    response = api_for(owner).delete(f"/api/v1/spaces/{space.slug}/members/{member.pk}/")

    assert response.status_code == 409
    assert response.json()["code"] == "last_owner"


def test_token_is_created_listed_without_its_text_and_revoked(owner: User, space: Space, api_for: Api) -> None:
    client = api_for(owner, space)
    base = f"/api/v1/spaces/{space.slug}/tokens/"

    made = client.post(base, {"label": "CI"}, format="json").json()
    listed = client.get(base)
    removed = client.delete(f"{base}{made['id']}/")

    assert made["token"].startswith("eat_")
    assert made["token"] not in listed.content.decode()
    assert removed.status_code == 204
    assert find_token(made["token"]) is None


def test_narrow_token_cannot_make_a_wide_one(owner: User, space: Space, api_for: Api) -> None:
    response = api_for(owner, space).post(
        f"/api/v1/spaces/{space.slug}/tokens/", {"label": "Wide", "reach": "workspace"}, format="json"
    )

    assert response.status_code == 403


def test_audit_trail_is_listed(owner: User, space: Space, api_for: Api) -> None:
    client = api_for(owner)
    client.post(f"/api/v1/spaces/{space.slug}/sources/", {"name": "Web"}, format="json")

    body = client.get(f"/api/v1/spaces/{space.slug}/audit/?action=source").json()

    assert [(row["action"], row["actor"], row["after"]) for row in body["results"]] == [
        ("source.created", owner.email, {"name": "Web"})
    ]


def test_lists_are_paged_by_following_next(owner: User, space: Space, api_for: Api) -> None:
    for number in range(5):
        factories.make_source(space=space, name=f"S{number}")
    client = api_for(owner)

    found: list[str] = []
    url = f"/api/v1/spaces/{space.slug}/sources/?limit=2"
    while url:
        body = client.get(url).json()
        found += [row["name"] for row in body["results"]]
        url = body["next"]

    assert found == ["S4", "S3", "S2", "S1", "S0"]


def test_use_of_a_token_is_seen(owner: User, space: Space, api_for: Api) -> None:
    api_for(owner, space).get("/api/v1/spaces/")

    rows = api_for(owner, space).get(f"/api/v1/spaces/{space.slug}/tokens/").json()["results"]

    assert rows[-1]["last_used_at"] is not None


def test_openapi_document_names_every_operation_once(owner: User, space: Space, api_for: Api) -> None:
    document = api_for(owner).get("/api/v1/schema/?format=json").json()

    operations = [
        operation["operationId"]
        for path in document["paths"].values()
        for method, operation in path.items()
        if method in {"get", "post", "put", "patch", "delete"}
    ]
    assert len(operations) == len(set(operations))
    assert {"spaces_create", "sources_create", "profiles_list"} <= set(operations)
    assert "token" in document["components"]["securitySchemes"]


@pytest.mark.parametrize("path", ["/api/v1/spaces/", "/api/v1/spaces/{space}/connectors/"])
def test_lists_are_pages_as_the_openapi_document_says(path: str, owner: User, space: Space, api_for: Api) -> None:
    document = api_for(owner).get("/api/v1/schema/?format=json").json()
    body = api_for(owner).get(path.format(space=space.slug)).json()

    described = document["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]["$ref"]
    properties = document["components"]["schemas"][described.rsplit("/", 1)[1]]["properties"]
    assert set(body) == set(properties) == {"next", "previous", "results"}
