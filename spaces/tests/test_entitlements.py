from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from rest_framework.test import APIClient

from spaces.models import AuditEntry, Space, User

PAGES = ("audiences/", "audiences/new/", "traits/", "journeys/")
SENTENCE = (
    "The plan of Acme, Team, does not include Engage: audiences, computed traits and journeys. "
    "A workspace owner can change the plan in Settings."
)


@pytest.mark.parametrize(
    ("plan", "has_engage"),
    [
        ("", True),
        ("everything", True),
        ("free", False),
        ("team", False),
        ("business", False),
        ("business_engage", True),
        ("engage_foundations", True),
    ],
)
def test_a_plan_includes_engage_or_not(
    space: Space, owner: User, api_for: Callable[..., APIClient], plan: str, has_engage: bool
) -> None:
    """F059: everything is on until a plan is chosen."""
    api = api_for(owner, space)
    address = f"/api/v1/spaces/{space.slug}"
    if plan:
        assert api.patch(f"{address}/plan/", {"plan": plan}, format="json").status_code == 200

    shown = api.get(f"{address}/plan/").json()
    statuses = {api.get(f"{address}/{page}/").status_code for page in ("audiences", "traits", "journeys")}

    assert shown == {"workspace": space.workspace.slug, "plan": plan or "everything", "engage": has_engage}
    assert statuses == {200 if has_engage else 403}
    assert api.get(f"{address}/destinations/").status_code == 200


def test_what_the_plan_leaves_out_is_hidden_and_refused_with_a_sentence(
    space: Space, owner: User, client_for: Callable[[User], Client], api_for: Callable[..., APIClient]
) -> None:
    """F059."""
    browser = client_for(owner)
    settings = f"/s/{space.slug}/settings/"
    before = browser.get(settings).content.decode()

    changed = browser.post(f"{settings}plan/", {"plan": "team"})
    after = browser.get(settings).content.decode()
    pages = [browser.get(f"/s/{space.slug}/{page}") for page in PAGES]
    operation = api_for(owner, space).post(f"/api/v1/spaces/{space.slug}/audiences/", {}, format="json")
    browser.post(f"{settings}plan/", {"plan": "everything"})

    rail = [f'href="/s/{space.slug}/{page}"' for page in ("audiences/", "traits/", "journeys/")]
    assert changed.status_code == 302
    assert [link in before for link in rail] == [True] * 3
    assert [link in after for link in rail] == [False] * 3
    assert [(page.status_code, SENTENCE in page.content.decode()) for page in pages] == [(403, True)] * len(PAGES)
    assert (operation.status_code, operation.json()["detail"]) == (403, SENTENCE)
    assert browser.get(f"/s/{space.slug}/audiences/").status_code == 200
    assert AuditEntry.objects.filter(action="workspace.plan_changed").count() == 2


def test_only_an_owner_changes_the_plan(
    space: Space, admin: User, owner: User, api_for: Callable[..., APIClient]
) -> None:
    address = f"/api/v1/spaces/{space.slug}/plan/"

    refused = api_for(admin, space).patch(address, {"plan": "free"}, format="json")
    unknown = api_for(owner, space).patch(address, {"plan": "gold"}, format="json")

    assert (refused.status_code, unknown.status_code) == (403, 400)
    assert unknown.json()["errors"][0]["path"] == "/plan"
    assert api_for(owner, space).get(address).json()["plan"] == "everything"
