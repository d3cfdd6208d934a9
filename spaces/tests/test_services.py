from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

import pytest

from common.errors import InvalidError, NotAllowedError
from spaces import audit
from spaces.models import ApiToken, AuditEntry, Member, Role, Source, Space, User, Workspace
from spaces.services.members import LastOwnerError, change_member, invite_member, remove_member, reset_password
from spaces.services.sources import create_source, rename_source, rotate_key, set_source_enabled
from spaces.services.spaces import create_first_space, create_space, update_space
from spaces.services.tokens import create_token, find_token, note_use, revoke_token
from tests import factories


def _member(user: User) -> Member:
    return Member.objects.select_related("user", "workspace").get(user=user)


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Acme Store", "acme-store"),
        ("Новый магазин", "novyy-magazin"),
        ("  Zwei   Wörter ", "zwei-worter"),
        ("🙈", "see-no-evil"),
    ],
)
def test_slug_of_a_space_is_made_of_its_name_in_any_script(name: str, slug: str, owner: User, space: Space) -> None:
    made = create_space(member=_member(owner), name=name)

    assert made.slug == slug


def test_slug_gets_a_number_when_another_workspace_has_it(space: Space, outsider: User) -> None:
    made = create_space(member=_member(outsider), name="Acme Dev")

    assert (made.name, made.slug) == ("Acme Dev", "acme-dev-2")


def test_reserved_word_is_no_slug(owner: User, space: Space) -> None:
    assert create_space(member=_member(owner), name="New").slug == "new-2"


@pytest.mark.parametrize(
    ("name", "code"), [("", "required"), ("   ", "required"), ("x" * 121, "too_long"), ("a\x00b", "control_character")]
)
def test_bad_name_is_refused_at_its_field(name: str, code: str, owner: User, space: Space) -> None:
    with pytest.raises(InvalidError) as refused:
        create_space(member=_member(owner), name=name)

    assert [(error.path, error.code) for error in refused.value.errors] == [("/name", code)]
    assert Space.objects.count() == 1


def test_space_name_is_taken_once_a_workspace_whatever_the_case(owner: User, space: Space) -> None:
    with pytest.raises(InvalidError) as refused:
        create_space(member=_member(owner), name="ACME dev")

    assert refused.value.errors[0].code == "taken"


def test_engage_user_cannot_create_a_space(editor: User, space: Space) -> None:
    with pytest.raises(NotAllowedError, match="It takes the role Unify and Engage Admin"):
        create_space(member=_member(editor), name="Mine")


def test_first_space_brings_its_workspace_or_neither(db: None) -> None:
    user = factories.make_user()

    with pytest.raises(InvalidError):
        create_first_space(user=user, workspace_name="Acme", name="")
    refused = Workspace.objects.count()
    made = create_first_space(user=user, workspace_name="Acme", name="Dev")

    assert refused == 0
    assert (made.workspace.name, _member(user).role) == ("Acme", Role.OWNER)


def test_update_of_a_space_records_only_what_changed(owner: User, space: Space) -> None:
    update_space(space=space, actor=owner, name="Acme Test", kind="dev")

    entry = AuditEntry.objects.get(action="space.updated")
    assert (entry.before, entry.after) == ({"name": "Acme Dev"}, {"name": "Acme Test"})
    assert entry.actor == owner
    space.refresh_from_db()
    assert (space.name, space.slug) == ("Acme Test", "acme-dev")


def test_update_without_a_change_leaves_no_entry(owner: User, space: Space) -> None:
    update_space(space=space, actor=owner, name="Acme Dev", kind="dev")

    assert not AuditEntry.objects.filter(action="space.updated").exists()


def test_source_gets_a_key_of_32_characters(owner: User, space: Space) -> None:
    source = create_source(space=space, actor=owner, name="Web")

    assert len(source.write_key) == 32
    assert source.is_enabled is True


def test_source_names_are_unique_in_a_space_only(owner: User, space: Space) -> None:
    create_source(space=space, actor=owner, name="Web")
    elsewhere = create_source(space=factories.make_space(), actor=owner, name="Web")
    other = create_source(space=space, actor=owner, name="App")

    with pytest.raises(InvalidError):
        create_source(space=space, actor=owner, name="WEB")
    with pytest.raises(InvalidError):
        rename_source(source=other, actor=owner, name="web")

    assert elsewhere.name == "Web"
    assert sorted(Source.objects.in_space(space).values_list("name", flat=True)) == ["App", "Web"]


def test_rotation_makes_a_new_key_and_never_records_a_whole_one(owner: User, space: Space) -> None:
    source = create_source(space=space, actor=owner, name="Web")
    old = source.write_key

    new = rotate_key(source=source, actor=owner).write_key

    assert new != old
    kept = str(list(AuditEntry.objects.values_list("before", "after")))
    assert old not in kept
    assert new not in kept


def test_disabling_keeps_the_key(owner: User, space: Space) -> None:
    source = create_source(space=space, actor=owner, name="Web")

    disabled = set_source_enabled(source=source, actor=owner, is_enabled=False)

    assert (disabled.is_enabled, disabled.write_key) == (False, source.write_key)
    assert AuditEntry.objects.filter(action="source.disabled").count() == 1


def test_new_person_gets_a_temporary_password_that_works(owner: User, space: Space) -> None:
    invitation = invite_member(by=_member(owner), email=" Jane@Example.com ", role="user")

    assert invitation.member.user.email == "jane@example.com"
    assert invitation.temporary_password is not None
    assert invitation.member.user.check_password(invitation.temporary_password)
    assert invitation.temporary_password not in str(list(AuditEntry.objects.values_list("after", flat=True)))


def test_known_person_keeps_the_password(owner: User, outsider: User, space: Space) -> None:
    invitation = invite_member(by=_member(owner), email=outsider.email, role="user")

    assert invitation.temporary_password is None
    outsider.refresh_from_db()
    assert outsider.check_password(factories.PASSWORD)


@pytest.mark.parametrize(
    ("email", "role", "path"),
    [("nonsense", "user", "/email"), ("a@b.example", "boss", "/role"), ("owner@example.com", "user", "/email")],
)
def test_bad_invitation_is_refused(email: str, role: str, path: str, owner: User, space: Space) -> None:
    with pytest.raises(InvalidError) as refused:
        invite_member(by=_member(owner), email=email, role=role)

    assert refused.value.errors[0].path == path
    assert Member.objects.filter(workspace=space.workspace).count() == 1


def test_only_owners_invite(admin: User, space: Space) -> None:
    with pytest.raises(NotAllowedError):
        invite_member(by=_member(admin), email="a@b.example", role="user")


def test_last_owner_can_neither_step_down_nor_leave(owner: User, space: Space) -> None:
    member = _member(owner)

    with pytest.raises(LastOwnerError, match="last owner"):
        change_member(by=member, member=member, role="admin", has_pii_access=True)
    with pytest.raises(LastOwnerError):
        remove_member(by=member, member=member)

    assert _member(owner).role == Role.OWNER


def test_owner_steps_down_when_there_is_another(owner: User, admin: User, space: Space) -> None:
    member = _member(owner)
    change_member(by=member, member=_member(admin), role="owner", has_pii_access=True)

    change_member(by=member, member=member, role="user", has_pii_access=True)

    assert _member(owner).role == Role.USER


def test_viewer_leaves_but_removes_nobody_else(viewer: User, editor: User, space: Space) -> None:
    with pytest.raises(NotAllowedError):
        remove_member(by=_member(viewer), member=_member(editor))
    remove_member(by=_member(viewer), member=_member(viewer))

    assert not Member.objects.filter(user=viewer).exists()
    assert Member.objects.filter(user=editor).exists()


def test_password_of_somebody_in_another_workspace_too_is_not_reset(owner: User, outsider: User, space: Space) -> None:
    invite_member(by=_member(owner), email=outsider.email, role="user")
    member = Member.objects.get(user=outsider, workspace=space.workspace)

    with pytest.raises(NotAllowedError, match="another workspace"):
        reset_password(by=_member(owner), member=member)

    outsider.refresh_from_db()
    assert outsider.check_password(factories.PASSWORD)


def test_token_is_kept_as_its_digest_only(owner: User, space: Space) -> None:
    made = create_token(member=_member(owner), label="CI", space=space)

    row = ApiToken.objects.values().get()
    assert row["digest"] == hashlib.sha256(made.secret.encode()).hexdigest()
    assert made.secret not in str(row)
    assert made.secret not in str(list(AuditEntry.objects.values()))


def test_revoked_token_is_found_no_more(owner: User, space: Space) -> None:
    made = create_token(member=_member(owner), label="CI")
    before = find_token(made.secret)

    revoke_token(token=made.token, by=_member(owner))

    assert before == made.token
    assert find_token(made.secret) is None


def test_token_of_a_removed_member_stops_working(owner: User, editor: User, space: Space) -> None:
    secret = create_token(member=_member(editor), label="CI").secret

    remove_member(by=_member(owner), member=_member(editor))

    assert find_token(secret) is None


def test_use_of_a_token_is_written_once_a_minute(owner: User, space: Space) -> None:
    token = create_token(member=_member(owner), label="CI").token
    start = datetime(2026, 3, 1, 12, tzinfo=UTC)

    note_use(token, now=start)
    token.refresh_from_db()
    note_use(token, now=start + timedelta(seconds=59))
    token.refresh_from_db()
    early = token.last_used_at
    note_use(token, now=start + timedelta(seconds=61))
    token.refresh_from_db()

    assert early == start
    assert token.last_used_at == start + timedelta(seconds=61)


def test_audit_replaces_secrets_at_any_depth(owner: User, space: Space) -> None:
    audit.record(
        actor=owner,
        action="thing.created",
        target=space,
        space=space,
        after={"settings": {"apiKey": "k", "api_key": "abc", "url": "https://example.com"}, "password": "p"},
    )

    assert AuditEntry.objects.get().after == {
        "settings": {"apiKey": "REDACTED", "api_key": "REDACTED", "url": "https://example.com"},
        "password": "REDACTED",
    }
