from __future__ import annotations

import pytest

from common.errors import ConflictError, InvalidError
from destinations.models import Mapping as MappingRow
from destinations.selectors import matching_mappings
from destinations.services.mappings import (
    create_mapping,
    delete_mapping,
    duplicate_mapping,
    set_mapping_enabled,
    update_mapping,
)
from destinations.tests.builders import audience_event, make_destination, make_mapping
from spaces.models import AuditEntry, Space, User


def test_two_enabled_and_one_disabled_matching_mappings_are_counted(space: Space) -> None:
    """F151."""
    destination = make_destination(space=space)
    make_mapping(destination=destination, trigger='event = "Audience Entered"')
    make_mapping(destination=destination, trigger='type = "track"', is_enabled=False)
    make_mapping(destination=destination, trigger='event = "Order Completed"')

    found = matching_mappings(destination, [audience_event()])

    assert (found.total, found.enabled, found.disabled) == (3, 2, 1)
    assert found.label == "2 enabled, 1 disabled"
    assert found.is_applicable


def test_a_mapping_that_accepts_only_the_exit_call_matches(space: Space) -> None:
    """F151."""
    destination = make_destination(space=space, settings={})
    destination.mappings.all().delete()
    make_mapping(destination=destination, trigger='event = "Audience Exited"')

    found = matching_mappings(destination, [audience_event(), audience_event(event="Audience Exited")])

    assert found.total == 1


@pytest.mark.parametrize("connector", ["webhook_classic", "webhook_list"])
def test_without_mappings_the_count_is_not_applicable(space: Space, connector: str) -> None:
    """F152."""
    destination = make_destination(space=space, connector=connector)

    found = matching_mappings(destination, [audience_event()])

    assert found.is_applicable is False
    assert found.label == "Not applicable"


def test_a_new_mapping_is_disabled_and_last(space: Space, owner: User) -> None:
    destination = make_destination(space=space)

    mapping = create_mapping(destination=destination, actor=owner, action="send", name="Mine")

    assert mapping.is_enabled is False
    assert mapping.position == 1
    assert mapping.trigger == 'context.personas.computation_class = "audience"'


def test_the_fifty_first_mapping_is_refused(space: Space) -> None:
    destination = make_destination(space=space)
    rows = [
        MappingRow(destination=destination, action="send", name=f"M{number}", trigger='type = "track"')
        for number in range(49)
    ]
    MappingRow.objects.bulk_create(rows)

    with pytest.raises(ConflictError, match="at most 50"):
        make_mapping(destination=destination)

    assert destination.mappings.count() == 50


def test_every_problem_of_a_mapping_is_reported(space: Space, owner: User) -> None:
    destination = make_destination(space=space)

    with pytest.raises(InvalidError) as refused:
        create_mapping(
            destination=destination,
            actor=owner,
            action="send",
            name="",
            trigger="type = 'track'",
            fields={"data": {"@nope": 1}, "colour": "red"},
        )

    assert {error.path for error in refused.value.errors} >= {
        "/name",
        "/trigger",
        "/fields/data",
        "/fields/colour",
        "/fields/method",
    }
    assert destination.mappings.count() == 1


def test_a_duplicate_is_an_exact_disabled_copy(space: Space, owner: User) -> None:
    destination = make_destination(space=space)
    original = destination.mappings.get()

    copy = duplicate_mapping(mapping=original, actor=owner)

    assert copy.name == "Send audience calls (Copy)"
    assert (copy.trigger, copy.fields, copy.is_enabled) == (original.trigger, original.fields, False)


def test_every_change_makes_the_workers_compile_again(space: Space, owner: User) -> None:
    destination = make_destination(space=space)
    seen = [destination.updated_at]
    mapping = destination.mappings.get()

    for change in (
        lambda: update_mapping(mapping=mapping, actor=owner, name="Other"),
        lambda: set_mapping_enabled(mapping=mapping, actor=owner, is_enabled=False),
        lambda: delete_mapping(mapping=mapping, actor=owner),
    ):
        change()
        destination.refresh_from_db()
        seen.append(destination.updated_at)

    assert len(set(seen)) == 4


def test_changes_are_audited(space: Space, owner: User) -> None:
    mapping = make_destination(space=space).mappings.get()

    update_mapping(mapping=mapping, actor=owner, name="Other")
    set_mapping_enabled(mapping=mapping, actor=owner, is_enabled=False)
    delete_mapping(mapping=mapping, actor=owner)

    actions = AuditEntry.objects.filter(action__startswith="mapping.").order_by("pk").values_list("action", flat=True)
    assert list(actions) == ["mapping.updated", "mapping.disabled", "mapping.deleted"]


def test_a_connector_without_mappings_takes_none(space: Space) -> None:
    destination = make_destination(space=space, connector="webhook_classic")

    with pytest.raises(ConflictError, match="has no mappings"):
        make_mapping(destination=destination)
