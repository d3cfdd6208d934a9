"""Creating, editing, switching and deleting: what is refused, and that a refusal changes nothing."""

from __future__ import annotations

import pytest

from audiences.keys import ComputationKeyError, propose_key
from audiences.models import Audience, ComputationKey, ComputeStatus
from audiences.services import audiences as services
from audiences.services.backfill import claim_run, work
from audiences.services.definitions import DefinitionError
from common.errors import ConflictError
from spaces.models import AuditEntry

pytestmark = pytest.mark.django_db

ORDERED = {"version": 1, "collection": "users", "where": {"event": "Order Completed"}}


def create(space, owner, name="Buyers", **rest):
    return services.create_audience(space=space, name=name, created_by=owner, **{"definition": ORDERED, **rest})


def finish_runs():
    while run := claim_run():
        work(run)


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("Last Product Viewed Item", "last_product_viewed_item"),
        ("3 product views in last 60 days", "3_product_views_in_last_60_days"),
        ("  --Dormant  Shoppers!! ", "dormant_shoppers"),
        ("Новые клиенты", "novye_klienty"),
        ("北京", "beijing"),
    ],
)
def test_the_key_is_the_snake_case_name(space, owner, name, key):
    audience = create(space, owner, name=name)

    assert audience.key == key


def test_a_key_is_never_given_twice_even_after_deletion(space, owner):
    audience = create(space, owner)
    services.set_enabled(audience=audience, is_enabled=False, changed_by=owner)
    services.delete_audience(audience=audience, deleted_by=owner)

    with pytest.raises(ComputationKeyError) as refused:
        create(space, owner)

    assert refused.value.errors[0].path == "/name"
    assert "buyers_2" in refused.value.errors[0].detail
    assert propose_key(space=space, name="Buyers") == "buyers_2"
    assert Audience.objects.count() == 1


def test_a_name_without_letters_or_digits_is_refused(space, owner):
    with pytest.raises(ComputationKeyError):
        create(space, owner, name="!!!")

    assert not Audience.objects.exists()
    assert not ComputationKey.objects.exists()


def test_renaming_keeps_the_key(space, owner):
    audience = create(space, owner)

    services.update_audience(audience=audience, changed_by=owner, name="Loyal buyers")

    audience.refresh_from_db()
    assert (audience.name, audience.key) == ("Loyal buyers", "buyers")


def test_all_problems_of_a_definition_are_reported_at_once(space, owner):
    broken = {
        "version": 1,
        "collection": "users",
        "where": {"all": [{"event": "", "count": {"gte": -1}}, {"trait": "plan", "resembles": 1}, {"any": []}]},
    }

    with pytest.raises(DefinitionError) as refused:
        create(space, owner, definition=broken)

    paths = {error.path for error in refused.value.errors}
    assert {"/where/all/0/event", "/where/all/0/count/gte", "/where/all/2/any"} <= paths
    assert any(path.startswith("/where/all/1") for path in paths)
    assert not Audience.objects.exists()


def test_an_unknown_audience_is_a_problem_of_the_definition(space, owner):
    with pytest.raises(DefinitionError) as refused:
        create(space, owner, definition={**ORDERED, "where": {"audience": "nobody", "member": True}})

    assert refused.value.errors[0].code == "unknown_audience"


def test_a_circle_of_references_is_refused(space, owner):
    first = create(space, owner, name="First")
    second = create(space, owner, name="Second", definition={**ORDERED, "where": {"audience": "first", "member": True}})
    finish_runs()

    with pytest.raises(DefinitionError) as refused:
        services.update_audience(
            audience=first,
            changed_by=owner,
            definition={**ORDERED, "where": {"audience": second.key, "member": True}},
        )

    assert refused.value.errors[0].detail == "The audience would create a cycle by referencing another audience"
    first.refresh_from_db()
    assert first.definition == ORDERED


def test_an_edit_on_an_old_revision_is_a_conflict(space, owner):
    audience = create(space, owner)
    finish_runs()
    changed = {**ORDERED, "where": {"event": "Signed Up"}}
    services.update_audience(audience=audience, changed_by=owner, revision=1, definition=changed)

    with pytest.raises(ConflictError):
        services.update_audience(audience=audience, changed_by=owner, revision=1, definition=ORDERED)

    audience.refresh_from_db()
    assert (audience.definition, audience.revision) == (changed, 2)


def test_an_audience_is_locked_while_it_is_computed(space, owner):
    audience = create(space, owner)

    with pytest.raises(ConflictError):
        services.update_audience(
            audience=audience, changed_by=owner, definition={**ORDERED, "where": {"event": "Signed Up"}}
        )

    audience.refresh_from_db()
    assert audience.definition == ORDERED


def test_only_a_disabled_audience_is_deleted(space, owner):
    audience = create(space, owner)

    with pytest.raises(ConflictError):
        services.delete_audience(audience=audience, deleted_by=owner)

    audience.refresh_from_db()
    assert audience.deleted_at is None


def test_an_audience_with_consumers_is_not_deleted(space, owner):
    used = create(space, owner, name="Used")
    create(space, owner, name="User", definition={**ORDERED, "where": {"audience": "used", "member": True}})
    services.set_enabled(audience=used, is_enabled=False, changed_by=owner)

    with pytest.raises(ConflictError, match="User"):
        services.delete_audience(audience=used, deleted_by=owner)

    used.refresh_from_db()
    assert used.deleted_at is None


def test_disabling_and_enabling_change_the_status(space, owner):
    """F157."""
    audience = create(space, owner)
    finish_runs()

    disabled = services.set_enabled(audience=audience, is_enabled=False, changed_by=owner).status
    enabled = services.set_enabled(audience=audience, is_enabled=True, changed_by=owner).status
    finish_runs()
    audience.refresh_from_db()

    assert [disabled, enabled, audience.status] == [
        ComputeStatus.DISABLED,
        ComputeStatus.PREPARING,
        ComputeStatus.LIVE,
    ]


def test_every_change_leaves_an_audit_entry(space, owner):
    audience = create(space, owner)
    services.update_audience(audience=audience, changed_by=owner, name="Loyal buyers")
    services.set_enabled(audience=audience, is_enabled=False, changed_by=owner)
    services.delete_audience(audience=audience, deleted_by=owner)

    entries = AuditEntry.objects.filter(object_id=audience.public_id).order_by("id")

    assert [entry.action for entry in entries] == [
        "audience.created",
        "audience.changed",
        "audience.disabled",
        "audience.deleted",
    ]
    assert (entries[1].before, entries[1].after) == ({"name": "Buyers"}, {"name": "Loyal buyers"})
