"""Journeys as code: export and import give the same bytes, plans tell what would change."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings

from audiences.services.definitions import DefinitionError
from journeys.models import Journey, JourneyVersion
from journeys.services.definitions import canonical
from journeys.services.differing import changed_steps, value_changes
from journeys.services.drafts import create_journey
from journeys.services.exchange import apply, as_text, export_text, import_journey, plan
from journeys.services.publishing import publish
from journeys.tests.factories import make_definition, where
from journeys.tests.strategies_journeys import definitions
from tests.factories import make_space

pytestmark = pytest.mark.django_db

WAIT = {"id": "wait", "type": "delay", "after": "entry", "duration": {"hours": 1}}
UNTIL = {"id": "until", "type": "condition", "after": "entry", "condition": where({"event": "Order Completed"})}
SEND = {"id": "hi", "type": "send_to_destinations", "after": "entry", "name": "Hi", "connections": []}


def connected(*ids, **more):
    return {
        **SEND,
        "connections": [{"destination": one, "send_identify": True, "send_track": True, **more} for one in ids],
    }


@given(definition=definitions(["abcdefghij", "klmnopqrst"]))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_journey_goes_through_the_database_and_back_byte_by_byte(space, owner, definition):
    other = make_space(workspace=space.workspace)
    Journey.objects.all().delete()
    first = import_journey(space=space, definition=definition, name="Welcome", imported_by=owner)
    exported = export_text(JourneyVersion.objects.get(pk=first.pk))

    second = import_journey(space=other, definition=json.loads(exported), imported_by=owner)

    assert export_text(JourneyVersion.objects.get(pk=second.pk)) == exported


def test_the_order_of_keys_in_the_input_does_not_matter():
    definition = make_definition(UNTIL, connected("b", settings={"z": 1, "a": 2}), name="Welcome")
    shuffled = json.loads(json.dumps(definition, sort_keys=True))

    assert as_text(shuffled) == as_text(definition)


def test_read_only_keys_are_accepted_and_left_out():
    definition = make_definition(SEND, name="Welcome")
    with_key = make_definition({**SEND, "key": "j_o_something"}, name="Welcome")

    assert canonical(with_key) == canonical(definition)


def test_importing_into_a_published_journey_starts_the_next_version(space, owner):
    version = create_journey(space=space, name="Welcome", definition=make_definition(WAIT), created_by=owner)
    publish(version=version, published_by=owner)

    draft = apply(journey=version.journey, definition=make_definition(UNTIL, name="Welcome"), applied_by=owner)

    assert (draft.number, draft.state, [step["id"] for step in draft.definition["steps"]]) == (2, "draft", ["until"])


def test_an_import_that_is_no_journey_changes_nothing(space, owner):
    version = create_journey(space=space, name="Welcome", definition=make_definition(WAIT), created_by=owner)
    publish(version=version, published_by=owner)

    with pytest.raises(DefinitionError):
        apply(journey=version.journey, definition={"version": 3}, applied_by=owner)
    with pytest.raises(DefinitionError):
        import_journey(space=space, definition=[1], imported_by=owner)

    assert [one.number for one in JourneyVersion.objects.all()] == [1]


def test_a_plan_names_a_step_whose_type_is_fixed(space, owner):
    version = create_journey(space=space, name="Welcome", definition=make_definition(WAIT), created_by=owner)
    publish(version=version, published_by=owner)

    planned = plan(journey=version.journey, definition=make_definition(UNTIL | {"id": "wait"}, name="Welcome"))

    assert ("/steps/0/id", "type_fixed") in {(one.path, one.code) for one in planned.problems}


@pytest.mark.parametrize(
    ("before", "after", "changes"),
    [
        ([WAIT], [WAIT], []),
        ([WAIT, UNTIL], [UNTIL, WAIT], []),
        ([WAIT], [WAIT | {"duration": {"hours": 2}}], [("replace", "/steps/wait/duration/hours")]),
        ([], [WAIT], [("add", "/steps/wait")]),
        ([WAIT], [], [("remove", "/steps/wait")]),
        (
            [connected("a")],
            [connected("b", "a", enter_event="Hi")],
            [("add", "/steps/hi/connections/a/enter_event"), ("add", "/steps/hi/connections/b")],
        ),
    ],
)
def test_value_changes_go_by_the_ids_of_steps_and_connections(before, after, changes):
    one, other = (canonical(make_definition(*steps, name="Welcome")) for steps in (before, after))

    assert [(change.op, change.path) for change in value_changes(one, other)] == changes


@pytest.mark.parametrize(
    ("after", "altered"),
    [
        ([WAIT | {"name": "Other"}, UNTIL], ()),
        ([WAIT | {"duration": {"hours": 2}}, UNTIL], ("wait",)),
        ([WAIT, UNTIL | {"after": "wait"}], ("until",)),
        ([WAIT, UNTIL | {"condition": where({"event": "Paid"})}], ("until",)),
    ],
)
def test_a_step_is_altered_when_its_people_would_be_treated_otherwise(after, altered):
    before = canonical(make_definition(WAIT, UNTIL, name="Welcome"))

    found = changed_steps(before, canonical(make_definition(*after, name="Welcome")))

    assert (found.added, found.removed, found.altered) == ((), (), altered)
