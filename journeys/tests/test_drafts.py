"""Drafts: saved while incomplete, nobody's work is lost, undo and redo over reloads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from audiences.services.definitions import DefinitionError
from common.errors import ConflictError, InvalidError
from journeys.models import Journey, JourneyEdit, JourneyVersion, VersionState
from journeys.selectors.history import edits, history
from journeys.services.drafts import StaleDraftError, create_journey, redo, save_draft, save_mine_as_copy, undo
from journeys.tests.factories import make_definition
from spaces.models import AuditEntry
from tests.factories import make_member, make_space

pytestmark = pytest.mark.django_db

WAIT = {"id": "wait", "type": "delay", "after": "entry", "duration": {"hours": 1}}
LONGER = {**WAIT, "duration": {"days": 2}}


def create(space, owner, *steps, name="Welcome"):
    definition = make_definition(*steps, name=name)
    return create_journey(space=space, name=name, definition=definition, created_by=owner)


def save(version, owner, *steps, label="Edit", revision=None, name="Welcome"):
    return save_draft(
        version=version,
        definition=make_definition(*steps, name=name),
        revision=version.revision if revision is None else revision,
        label=label,
        author=owner,
    )


def step_ids(version):
    return [step["id"] for step in version.definition["steps"]]


def test_a_new_journey_is_a_draft_that_may_be_empty(space, owner):
    version = create_journey(space=space, name="  First   purchase ", description=" Says hello. ", created_by=owner)

    assert (version.number, version.state, version.revision) == (1, VersionState.DRAFT, 1)
    assert (version.journey.name, version.journey.key) == ("First purchase", "first_purchase")
    assert version.journey.description == "Says hello."
    assert version.definition["name"] == "First purchase"
    assert version.definition["steps"] == []
    assert version.definition["entry"]["condition"] is None
    assert AuditEntry.objects.get(action="journey.created").object_id == version.journey.public_id


@pytest.mark.parametrize(
    ("name", "code"),
    [("", "required"), ("   ", "required"), ("x" * 74, "too_long"), ("a\x07b", "invalid"), ("Welcome", "taken")],
)
def test_a_name_that_cannot_be_is_refused_at_its_field(space, owner, name, code):
    create(space, owner)

    with pytest.raises(InvalidError) as refused:
        create_journey(space=space, name=name, created_by=owner)

    assert [(error.path, error.code) for error in refused.value.errors] == [("/name", code)]
    assert Journey.objects.count() == 1


def test_the_longest_name_is_kept_and_another_space_may_use_the_same(space, owner):
    other = make_space(workspace=space.workspace)

    first = create_journey(space=space, name="x" * 73, created_by=owner)
    second = create_journey(space=other, name="x" * 73, created_by=owner)

    assert (first.journey.name, second.journey.name) == ("x" * 73, "x" * 73)


def test_an_incomplete_draft_is_saved(space, owner):
    version = create(space, owner)

    saved = save(version, owner, {"id": "a", "type": "condition", "after": "entry", "name": "", "condition": None})

    assert (saved.revision, step_ids(saved)) == (2, ["a"])


def test_json_that_is_no_journey_is_refused_with_all_problems(space, owner):
    version = create(space, owner, WAIT)
    wrong = {"version": 2, "nmae": "x", "steps": [{"id": "a b", "type": "teleport", "after": 3}]}

    with pytest.raises(DefinitionError) as refused:
        save_draft(version=version, definition=wrong, revision=1, label="", author=owner)

    paths = {error.path for error in refused.value.errors}
    assert {"/version", "/nmae", "/steps/0/id", "/steps/0/type", "/steps/0/after"} <= paths
    version.refresh_from_db()
    assert (version.revision, step_ids(version)) == (1, ["wait"])


def test_a_save_on_an_old_revision_is_refused_and_says_who_saved(space, owner):
    other = make_member(workspace=space.workspace).user
    version = create(space, owner)
    save(version, other, WAIT, revision=1)

    with pytest.raises(StaleDraftError) as refused:
        save(version, owner, LONGER, revision=1)

    assert (refused.value.status, refused.value.revision, refused.value.changed_by) == (409, 2, str(other))
    version.refresh_from_db()
    assert version.definition["steps"][0]["duration"] == {"hours": 1}


def test_saving_the_same_again_changes_nothing_whatever_the_revision(space, owner):
    version = save(create(space, owner), owner, WAIT)

    again = save(version, owner, WAIT, revision=1)

    assert (again.revision, again.edit) == (2, 1)
    assert JourneyEdit.objects.filter(version=version).count() == 2


def test_what_was_refused_can_be_kept_as_a_copy(space, owner):
    version = save(create(space, owner), owner, WAIT)
    mine = make_definition(LONGER, name="Welcome")

    copy = save_mine_as_copy(version=version, definition=mine, author=owner)
    another = save_mine_as_copy(version=version, definition=mine, author=owner)

    assert (copy.journey.name, another.journey.name) == ("Copy of Welcome", "Copy of Welcome (2)")
    assert copy.definition["steps"][0]["duration"] == {"days": 2}
    version.refresh_from_db()
    assert version.definition["steps"][0]["duration"] == {"hours": 1}


def test_undo_and_redo_walk_the_edits_and_grow_the_revision(space, owner):
    version = create(space, owner)
    version = save(version, owner, WAIT, label="Add Delay")
    version = save(version, owner, LONGER, label="Change Delay")

    undone = undo(version=version, revision=3, author=owner)
    labels = history(undone)
    first = undo(version=undone, revision=4, author=owner)
    redone = redo(version=first, revision=5, author=owner)

    assert undone.definition["steps"][0]["duration"] == {"hours": 1}
    assert (labels.undo, labels.redo) == ("Add Delay", "Change Delay")
    assert step_ids(first) == []
    assert (step_ids(redone), redone.revision) == (["wait"], 6)
    assert (history(redone).undo, history(redone).redo) == ("Add Delay", "Change Delay")


def test_an_edit_after_undo_drops_what_could_be_redone(space, owner):
    version = save(create(space, owner), owner, WAIT, label="Add Delay")
    version = undo(version=version, revision=2, author=owner)

    version = save(version, owner, LONGER, label="Add longer Delay")

    assert history(version).redo is None
    with pytest.raises(ConflictError, match="nothing to redo"):
        redo(version=version, revision=version.revision, author=owner)
    assert [edit.label for edit in edits(version)] == ["Add longer Delay", "Create"]


def test_the_last_hundred_edits_can_be_undone(space, owner):
    version = create(space, owner)
    for hours in range(1, 104):
        version = save(version, owner, {**WAIT, "duration": {"hours": hours}})

    for _ in range(100):
        version = undo(version=version, revision=version.revision, author=owner)

    assert version.definition["steps"][0]["duration"] == {"hours": 3}
    assert history(version).undo is None
    with pytest.raises(ConflictError, match="nothing to undo"):
        undo(version=version, revision=version.revision, author=owner)


def test_undo_on_an_old_revision_is_refused(space, owner):
    version = save(create(space, owner), owner, WAIT)

    with pytest.raises(StaleDraftError):
        undo(version=version, revision=1, author=owner)

    version.refresh_from_db()
    assert step_ids(version) == ["wait"]


def test_a_published_version_is_not_saved(space, owner):
    version = create(space, owner)
    JourneyVersion.objects.filter(pk=version.pk).update(state=VersionState.PUBLISHED)

    with pytest.raises(ConflictError, match="not a draft"):
        save(version, owner, WAIT)

    assert JourneyVersion.objects.get().definition["steps"] == []


def test_the_journey_is_called_as_its_first_draft_until_that_name_is_taken(space, owner):
    create(space, owner, name="Taken")
    version = create(space, owner, name="Welcome")

    renamed = save(version, owner, name="Hello")
    clashing = save(renamed, owner, name="Taken")
    overlong = save(clashing, owner, name="x" * 80)

    assert renamed.journey.name == "Hello"
    assert clashing.journey.name == "Hello"
    assert (overlong.journey.name, overlong.definition["name"]) == ("Hello", "x" * 80)


def test_every_save_leaves_an_audit_entry(space, owner):
    version = save(create(space, owner), owner, WAIT, label="Add Delay")
    undo(version=version, revision=2, author=owner)

    entries = AuditEntry.objects.filter(object_id=version.journey.public_id).order_by("id")

    assert [entry.action for entry in entries] == ["journey.created", "journey.draft_saved", "journey.draft_undone"]
    assert entries[1].after == {"version": 1, "revision": 2, "edit": "Add Delay"}


@pytest.mark.django_db(transaction=True)
def test_of_saves_at_the_same_time_one_is_stored_and_the_others_are_told(space, owner):
    version = create(space, owner)
    steps = [{**WAIT, "id": f"wait{number}", "duration": {"hours": number}} for number in range(1, 7)]

    with ThreadPoolExecutor(len(steps)) as pool:
        answers = list(pool.map(lambda step: _saved_alone(version, owner, step), steps))

    stored = JourneyVersion.objects.get(pk=version.pk)
    assert sorted(answers) == ["saved"] + ["stale"] * 5
    assert (stored.revision, step_ids(stored)) == (2, [steps[answers.index("saved")]["id"]])
    assert JourneyEdit.objects.filter(version=version).count() == 2


def _saved_alone(version, owner, step):
    """In a thread of its own, which closes its connection."""
    try:
        save(version, owner, step, revision=1)
    except StaleDraftError:
        return "stale"
    finally:
        connection.close()
    return "saved"
