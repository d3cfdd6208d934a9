from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.test import Client, override_settings

from spaces.models import ApiToken, AuditEntry, Member, Role, Source, Space, User
from spaces.services.tokens import find_token
from tests import factories

Browser = Callable[[User], Client]
FORM_KEY = "0123456789abcdef0123456789abcdef"


def test_sign_in_leads_to_the_space(owner: User, space: Space) -> None:
    client = Client()

    response = client.post("/login/", {"username": owner.email, "password": factories.PASSWORD}, follow=True)

    assert response.redirect_chain[-1][0] == f"/s/{space.slug}/"
    assert response.status_code == 200


def test_wrong_password_is_told_at_the_form(owner: User) -> None:
    response = Client().post("/login/", {"username": owner.email, "password": "wrong"})

    assert response.status_code == 422
    assert "The e-mail or the password is not right" in response.content.decode()


@override_settings(AXES_ENABLED=True, AXES_FAILURE_LIMIT=3)
def test_too_many_attempts_lock_the_account_for_this_address(owner: User) -> None:
    client = Client()
    for spelling in ("owner@example.com", " Owner@Example.com", "OWNER@EXAMPLE.COM"):
        locked = client.post("/login/", {"username": spelling, "password": "wrong"})

    right = client.post("/login/", {"username": owner.email, "password": factories.PASSWORD})

    assert locked.status_code == 429
    assert "Too many attempts" in locked.content.decode()
    assert right.status_code == 429


def test_sign_out_ends_the_session(owner: User, space: Space, client_for: Browser) -> None:
    client = client_for(owner)

    client.post("/logout/")

    assert client.get(f"/s/{space.slug}/").status_code == 302


def test_start_leads_to_the_space_last_visited(owner: User, space: Space, client_for: Browser) -> None:
    factories.make_space(workspace=space.workspace, name="Zzz")
    client = client_for(owner)
    client.get("/s/zzz/")

    assert client.get("/")["Location"] == "/s/zzz/"


def test_start_without_a_space_leads_to_creating_one(db: None, client_for: Browser) -> None:
    client = client_for(factories.make_user())

    first = client.get("/")
    made = client.post("/spaces/new/", {"workspace_name": "Acme", "name": "Dev", "kind": "dev"})

    assert first["Location"] == "/spaces/new/"
    assert made["Location"] == "/s/dev/"
    assert client.get("/s/dev/").status_code == 200


def test_space_form_names_its_mistakes(owner: User, space: Space, client_for: Browser) -> None:
    client = client_for(owner)

    response = client.post("/spaces/new/", {"workspace": "nowhere", "name": "Acme Dev", "kind": "x"})

    assert response.status_code == 422
    assert sorted(response.context["form"].errors) == ["kind", "workspace"]
    assert Space.objects.count() == 1


def test_engage_user_cannot_open_the_form_for_a_space(editor: User, client_for: Browser) -> None:
    response = client_for(editor).get("/spaces/new/")

    assert response.status_code == 403
    assert "It takes the role Unify and Engage Admin" in response.content.decode()


@pytest.mark.parametrize(
    "path",
    [
        "",
        "settings/",
        "settings/sources/",
        "settings/sources/new/",
        "settings/source-counts/",
        "settings/members/",
        "settings/members/invite/",
        "settings/tokens/",
        "settings/tokens/new/",
        "settings/audit/",
        "settings/identity/",
        "settings/identity/new/",
        "settings/identity/users/email/",
        "profiles/",
        "profiles/?collection=accounts",
        "profiles/?q=nobody",
    ],
)
def test_every_page_opens(path: str, owner: User, space: Space, client_for: Browser) -> None:
    response = client_for(owner).get(f"/s/{space.slug}/{path}")

    assert response.status_code == 200
    assert "<h1>" in response.content.decode()


@pytest.mark.parametrize("path", ["/spaces/", "/account/", "/api/v1/docs/"])
def test_every_page_outside_of_a_space_opens(path: str, owner: User, space: Space, client_for: Browser) -> None:
    assert client_for(owner).get(path).status_code == 200


def test_settings_are_saved_and_recorded(owner: User, space: Space, client_for: Browser) -> None:
    response = client_for(owner).post(f"/s/{space.slug}/settings/", {"name": "Acme Two", "kind": "prod"})

    assert response.status_code == 302
    space.refresh_from_db()
    assert (space.name, space.kind, space.resend_on_new_identifier) == ("Acme Two", "prod", False)
    entry = AuditEntry.objects.get(action="space.updated")
    assert entry.after == {"name": "Acme Two", "kind": "prod", "resend_on_new_identifier": False}


def test_control_that_the_role_lacks_is_disabled_with_the_reason(
    viewer: User, space: Space, client_for: Browser
) -> None:
    page = client_for(viewer).get(f"/s/{space.slug}/settings/sources/").content.decode()

    assert re.search(
        r'disabled title="Your role, Unify and Engage Read-only, does not allow you to change settings', page
    )


def test_source_is_created_and_its_page_shows_the_key_to_admins_only(
    admin: User, viewer: User, space: Space, client_for: Browser
) -> None:
    response = client_for(admin).post(f"/s/{space.slug}/settings/sources/new/", {"name": "Web"})

    source = Source.objects.get()
    page = response["Location"]
    assert source.write_key in client_for(admin).get(page).content.decode()
    assert source.write_key not in client_for(viewer).get(page).content.decode()


def test_source_name_that_is_taken_is_told_at_the_field(owner: User, space: Space, client_for: Browser) -> None:
    factories.make_source(space=space, name="Web")

    response = client_for(owner).post(f"/s/{space.slug}/settings/sources/new/", {"name": "web"})

    assert response.status_code == 422
    assert response.context["form"].errors == {"name": ["There is already a source called “web” in this space."]}
    assert Source.objects.count() == 1


def test_form_sent_twice_is_carried_out_once(owner: User, space: Space, client_for: Browser) -> None:
    client = client_for(owner)
    form = {"name": "Web", "form_key": FORM_KEY}

    first = client.post(f"/s/{space.slug}/settings/sources/new/", form)
    second = client.post(f"/s/{space.slug}/settings/sources/new/", form)

    assert (first.status_code, second.status_code) == (302, 302)
    assert first["Location"] == second["Location"]
    assert Source.objects.count() == 1


def test_refused_form_may_be_sent_again_with_its_key(owner: User, space: Space, client_for: Browser) -> None:
    client = client_for(owner)

    refused = client.post(f"/s/{space.slug}/settings/sources/new/", {"name": "", "form_key": FORM_KEY})
    mended = client.post(f"/s/{space.slug}/settings/sources/new/", {"name": "Web", "form_key": FORM_KEY})

    assert (refused.status_code, mended.status_code) == (422, 302)


def test_source_is_rotated_disabled_and_renamed(owner: User, space: Space, client_for: Browser) -> None:
    source = factories.make_source(space=space, name="Web")
    base = f"/s/{space.slug}/settings/sources/{source.public_id}/"
    client = client_for(owner)

    client.post(base + "rotate/")
    client.post(base + "toggle/", {"enabled": "0"})
    client.post(base + "rename/", {"name": "Site"})

    changed = Source.objects.get()
    assert changed.write_key != source.write_key
    assert (changed.is_enabled, changed.name) == (False, "Site")
    actions = list(AuditEntry.objects.order_by("id").values_list("action", flat=True))
    assert actions == ["source.key_rotated", "source.disabled", "source.renamed"]


def test_source_of_another_space_is_not_found(owner: User, space: Space, client_for: Browser) -> None:
    foreign = factories.make_source(space=factories.make_space())
    base = f"/s/{space.slug}/settings/sources/{foreign.public_id}/"
    client = client_for(owner)

    assert client.get(base).status_code == 404
    assert client.post(base + "rotate/").status_code == 404
    assert Source.objects.get().write_key == foreign.write_key


def test_temporary_password_is_shown_once(owner: User, space: Space, client_for: Browser) -> None:
    client = client_for(owner)

    answer = client.post(
        f"/s/{space.slug}/settings/members/invite/",
        {"email": "jane@example.com", "role": "user", "has_pii_access": "on"},
    )

    password = answer.context["invitation"].temporary_password
    assert password in answer.content.decode()
    assert "no-store" in answer["Cache-Control"]
    later = client.get(f"/s/{space.slug}/settings/members/").content.decode()
    assert "jane@example.com" in later
    assert password not in later
    assert Client().login(username="jane@example.com", password=password)


def test_last_owner_is_kept_with_a_sentence(owner: User, space: Space, client_for: Browser) -> None:
    member = Member.objects.get(user=owner)

    response = client_for(owner).post(f"/s/{space.slug}/settings/members/{member.pk}/", {"role": "user"})

    assert response.status_code == 409
    assert "is the last owner of this workspace" in response.content.decode()
    member.refresh_from_db()
    assert member.role == Role.OWNER


def test_refusal_for_htmx_is_a_callout_at_the_top(owner: User, space: Space, client_for: Browser) -> None:
    member = Member.objects.get(user=owner)

    response = client_for(owner).post(
        f"/s/{space.slug}/settings/members/{member.pk}/remove/", headers={"HX-Request": "true"}
    )

    assert response.status_code == 409
    assert response["HX-Retarget"] == "#page-errors"
    assert "<html" not in response.content.decode()


def test_member_of_another_workspace_is_not_found(
    owner: User, outsider: User, space: Space, client_for: Browser
) -> None:
    foreign = Member.objects.get(user=outsider)

    response = client_for(owner).post(f"/s/{space.slug}/settings/members/{foreign.pk}/remove/")

    assert response.status_code == 404
    assert Member.objects.filter(pk=foreign.pk).exists()


def test_token_is_shown_once_and_works(owner: User, space: Space, client_for: Browser) -> None:
    client = client_for(owner)

    answer = client.post(f"/s/{space.slug}/settings/tokens/new/", {"label": "CI", "reach": "space"})

    secret = answer.context["made"].secret
    assert secret in answer.content.decode()
    assert secret not in client.get(f"/s/{space.slug}/settings/tokens/").content.decode()
    found = find_token(secret)
    assert found is not None
    assert found.space == space


def test_engage_user_revokes_only_the_own_token(owner: User, editor: User, space: Space, client_for: Browser) -> None:
    own = find_token(factories.make_token(user=editor, space=space))
    other = find_token(factories.make_token(user=owner, space=space))
    assert own is not None
    assert other is not None
    client = client_for(editor)

    first = client.post(f"/s/{space.slug}/settings/tokens/{own.pk}/revoke/")
    second = client.post(f"/s/{space.slug}/settings/tokens/{other.pk}/revoke/")

    assert (first.status_code, second.status_code) == (302, 403)
    assert list(ApiToken.objects.filter(revoked_at=None).values_list("pk", flat=True)) == [other.pk]


def test_audit_trail_shows_before_and_after_and_filters(owner: User, space: Space, client_for: Browser) -> None:
    source = factories.make_source(space=space, name="Web")
    client = client_for(owner)
    client.post(f"/s/{space.slug}/settings/sources/{source.public_id}/rename/", {"name": "Site"})
    client.post(f"/s/{space.slug}/settings/", {"name": "Acme Two", "kind": "dev"})

    everything = client.get(f"/s/{space.slug}/settings/audit/").content.decode()
    sources = client.get(f"/s/{space.slug}/settings/audit/?action=source&q=site&actor={owner.pk}&days=7")
    nobody = client.get(f"/s/{space.slug}/settings/audit/?actor=product")

    assert "<del>Web</del>" in everything
    assert "<ins>Site</ins>" in everything
    assert [row["entry"].action for row in sources.context["rows"]] == ["source.renamed"]
    assert nobody.context["rows"] == []


@pytest.mark.parametrize("query", ["actor=x&days=x&action=%00", "after=x", "before=99999999999999999999", "q=%00"])
def test_odd_filters_of_the_audit_trail_break_nothing(
    query: str, owner: User, space: Space, client_for: Browser
) -> None:
    assert client_for(owner).get(f"/s/{space.slug}/settings/audit/?{query}").status_code == 200


def test_audit_trail_of_another_space_stays_there(owner: User, space: Space, client_for: Browser) -> None:
    other = factories.make_space(workspace=space.workspace, name="Other")
    client = client_for(owner)
    client.post("/s/other/settings/sources/new/", {"name": "Elsewhere"})

    here = client.get(f"/s/{space.slug}/settings/audit/").context["rows"]
    there = client.get("/s/other/settings/audit/").context["rows"]

    assert Source.objects.get().space == other
    assert (len(here), [row["entry"].object_name for row in there]) == (0, ["Elsewhere"])


def test_account_name_and_password_are_changed(owner: User, space: Space, client_for: Browser) -> None:
    client = client_for(owner)

    client.post("/account/name/", {"name": "Olga O."})
    refused = client.post(
        "/account/password/", {"old_password": "wrong", "new_password1": "short", "new_password2": "short"}
    )
    changed = client.post(
        "/account/password/",
        {"old_password": factories.PASSWORD, "new_password1": "another-long-1", "new_password2": "another-long-1"},
    )

    owner.refresh_from_db()
    assert owner.name == "Olga O."
    assert refused.status_code == 422
    assert changed.status_code == 302
    assert owner.check_password("another-long-1")
    assert client.get("/account/").status_code == 200


def test_checklist_follows_what_was_done(owner: User, space: Space, client_for: Browser) -> None:
    client = client_for(owner)
    before = client.get(f"/s/{space.slug}/").context["done"]
    factories.make_source(space=space)

    assert (before, client.get(f"/s/{space.slug}/").context["done"]) == (0, 1)


@pytest.mark.parametrize(
    ("legacy", "now"),
    [
        ("journeys/send-data", "journeys/"),
        ("journeys/send-data/", "journeys/"),
        ("using-personas-data", "destinations/"),
        ("audiences/account-audiences", "audiences/"),
        ("computed-traits", "traits/"),
        ("identity-resolution", "settings/identity/"),
        ("something/else", ""),
    ],
)
def test_an_address_that_says_personas_leads_to_the_page_of_today(
    owner: User, space: Space, client_for: Browser, legacy: str, now: str
) -> None:
    """F058."""
    client = client_for(owner)

    answer = client.get(f"/personas/{legacy}")

    assert (answer.status_code, answer["Location"]) == (302, f"/s/{space.slug}/{now}")
    assert client.get(answer["Location"]).status_code == 200
