from __future__ import annotations

import pytest

from common.errors import ConflictError, InvalidError
from common.secrets import decrypt
from destinations.models import Destination
from destinations.services.destinations import (
    create_destination,
    delete_destination,
    set_destination_enabled,
    update_destination,
)
from destinations.tests.builders import make_destination
from spaces.models import AuditEntry, Space, User

URL = "https://example.org/hook"


def test_a_new_webhook_works_at_once(space: Space, owner: User) -> None:
    destination = create_destination(
        space=space, actor=owner, connector="webhook", name="Hook", settings={"url": URL, "sharedSecret": "s3cret"}
    )

    mapping = destination.mappings.get()
    assert (mapping.action, mapping.is_enabled) == ("send", True)
    assert mapping.fields["data"] == {"@path": "$."}
    assert destination.settings == {"url": URL}


def test_a_preset_without_the_setting_it_needs_is_installed_disabled(space: Space) -> None:
    destination = make_destination(space=space, settings={})

    assert destination.mappings.get().is_enabled is False


def test_secrets_are_stored_encrypted_and_never_audited(space: Space, owner: User) -> None:
    destination = create_destination(
        space=space, actor=owner, connector="webhook", name="Hook", settings={"url": URL, "sharedSecret": "s3cret"}
    )

    assert b"s3cret" not in bytes(destination.secrets)
    assert decrypt(destination.secrets) == {"sharedSecret": "s3cret"}
    entry = AuditEntry.objects.get(action="destination.created")
    assert "s3cret" not in str(entry.after)


def test_all_problems_are_reported_at_once(space: Space, owner: User) -> None:
    with pytest.raises(InvalidError) as refused:
        create_destination(
            space=space,
            actor=owner,
            connector="webhook_list",
            name=" ",
            settings={"batchSize": 0, "intervalMinutes": "soon", "urll": "x"},
            requests_per_second=0,
        )

    assert {error.path for error in refused.value.errors} == {
        "/name",
        "/requests_per_second",
        "/settings/batchSize",
        "/settings/intervalMinutes",
        "/settings/url",
        "/settings/urll",
    }
    assert Destination.objects.count() == 0


def test_an_unknown_connector_names_those_there_are(space: Space, owner: User) -> None:
    with pytest.raises(InvalidError) as refused:
        create_destination(space=space, actor=owner, connector="nope", name="X", settings={})

    assert [error.path for error in refused.value.errors] == ["/connector"]
    assert "webhook_list" in refused.value.detail


@pytest.mark.parametrize(
    ("written", "slug"),
    [
        ("webhook", "webhook"),
        ("Webhook (Actions)", "webhook"),
        ("Webhook", "webhook_classic"),
        ("Webhook (classic)", "webhook_classic"),
        ("webhook-list", "webhook_list"),
        ("Webhook List", "webhook_list"),
    ],
)
def test_a_connector_is_found_by_slug_or_name(space: Space, owner: User, written: str, slug: str) -> None:
    destination = create_destination(space=space, actor=owner, connector=written, name="X", settings={"url": URL})

    assert destination.connector == slug


def test_a_name_is_taken_once_a_space_until_it_is_deleted(space: Space, owner: User) -> None:
    first = make_destination(space=space, name="Hook")

    with pytest.raises(InvalidError, match="already a destination"):
        make_destination(space=space, name="Hook")
    delete_destination(destination=first, actor=owner)

    assert make_destination(space=space, name="Hook").pk != first.pk


def test_a_blank_secret_keeps_the_stored_one_and_none_removes_it(space: Space, owner: User) -> None:
    destination = make_destination(space=space, settings={"url": URL, "sharedSecret": "s3cret"})

    kept = update_destination(
        destination=destination, actor=owner, settings={"url": "https://other.example/", "sharedSecret": ""}
    )
    assert decrypt(kept.secrets) == {"sharedSecret": "s3cret"}
    assert kept.settings == {"url": "https://other.example/"}

    removed = update_destination(destination=destination, actor=owner, settings={"url": URL, "sharedSecret": None})
    assert decrypt(removed.secrets) == {}


def test_a_changed_secret_is_audited_by_name_only(space: Space, owner: User) -> None:
    destination = make_destination(space=space, settings={"url": URL, "sharedSecret": "old-one"})

    update_destination(destination=destination, actor=owner, settings={"url": URL, "sharedSecret": "new-one"})

    entry = AuditEntry.objects.get(action="destination.updated")
    assert entry.after == {"hidden_settings": "changed: sharedSecret"}
    assert "one" not in str(entry.before)


def test_saving_over_somebody_elses_change_is_a_conflict(space: Space, owner: User) -> None:
    destination = make_destination(space=space, name="Hook")
    seen = destination.updated_at.isoformat()
    update_destination(destination=destination, actor=owner, name="Changed")

    with pytest.raises(ConflictError):
        update_destination(destination=destination, actor=owner, name="Mine", based_on=seen)

    destination.refresh_from_db()
    assert destination.name == "Changed"


def test_disabling_is_audited_once(space: Space, owner: User) -> None:
    destination = make_destination(space=space)

    set_destination_enabled(destination=destination, actor=owner, is_enabled=False)
    set_destination_enabled(destination=destination, actor=owner, is_enabled=False)

    assert AuditEntry.objects.filter(action="destination.disabled").count() == 1


def test_deleting_forgets_the_secrets(space: Space, owner: User) -> None:
    destination = make_destination(space=space, settings={"url": URL, "sharedSecret": "s3cret"})

    delete_destination(destination=destination, actor=owner)

    destination.refresh_from_db()
    assert bytes(destination.secrets) == b""
    assert destination.deleted_at is not None
