"""The life of a journey: each row of the tables in journeys.md §5 and §5.2 about actions."""

from __future__ import annotations

from datetime import timedelta

import pytest

from audiences.models import Audience, ChangedProfiles, ComputationKey
from common.errors import ConflictError, InvalidError
from delivery.models import Connection
from delivery.tests.builders import make_destination
from journeys.models import Journey, JourneyStep, VersionState
from journeys.selectors.journeys import current_of, draft_of
from journeys.services import lifecycle
from journeys.services.drafts import create_journey, save_draft
from journeys.services.live_edits import edit_live_step
from journeys.services.publishing import publish
from journeys.services.review import review
from journeys.services.versions import discard_draft, new_version, restore
from journeys.tests.factories import here, make_definition, run_backfills, runs_of, waiting, where
from journeys.tests.stage import send_step
from spaces.models import AuditEntry

pytestmark = pytest.mark.django_db

WAIT = {"id": "wait", "type": "delay", "after": "entry", "duration": {"days": 10}}
UNTIL = {"id": "until", "type": "condition", "after": "entry", "condition": where({"event": "Order Completed"})}


def live(space, owner, *steps, name="Welcome", **settings):
    definition = make_definition(*steps, name=name, **settings)
    draft = create_journey(space=space, name=name, definition=definition, created_by=owner)
    version = publish(version=draft, published_by=owner)
    run_backfills()
    return version


def next_live(version, owner, *steps, action="pause", **settings):
    draft = new_version(journey=version.journey, created_by=owner)
    definition = make_definition(*steps, name=version.journey.name, **settings)
    draft = save_draft(version=draft, definition=definition, revision=draft.revision, label="", author=owner)
    published = publish(version=draft, token=review(draft).token, previous_action=action, published_by=owner)
    run_backfills()
    version.refresh_from_db()
    return published


def people_of(version):
    return {run.profile_id for run in runs_of(version)}


def test_nobody_enters_while_entry_is_paused_and_people_inside_go_on(stage, owner):
    version = live(stage.space, owner, UNTIL)
    inside, outside = stage.people(2)
    stage.send(inside)

    paused = lifecycle.pause(version=version, paused_by=owner)
    stage.send(outside)
    stage.send(inside, name="Order Completed")

    assert paused.state == VersionState.PAUSED
    assert people_of(version) == {inside.id}
    assert here(version, "until") == {inside.id}


def test_who_qualified_while_paused_does_not_enter_after_resume(stage, owner):
    version = live(stage.space, owner, WAIT)
    lifecycle.pause(version=version, paused_by=owner)
    during, after = stage.people(2)
    stage.send(during)
    stage.go(minutes=1)

    resumed = lifecycle.resume(version=version, resumed_by=owner)
    stage.go(minutes=1)
    stage.send(after)

    assert (resumed.state, resumed.is_resuming) == (VersionState.PUBLISHED, False)
    assert people_of(version) == {after.id}


def test_a_resume_first_judges_what_happened_before(stage, owner):
    """Qualified while paused, not evaluated yet when entry is resumed."""
    version = live(stage.space, owner, WAIT)
    lifecycle.pause(version=version, paused_by=owner)
    during, after = stage.people(2)
    stage.track(during)
    stage.clock.shift(timedelta(seconds=1))

    resumed = lifecycle.resume(version=version, resumed_by=owner)
    behind = lifecycle.finish_resumes()
    with pytest.raises(ConflictError, match="being resumed"):
        new_version(journey=version.journey, created_by=owner)
    stage.settle()
    done = lifecycle.finish_resumes()
    stage.go(seconds=1)
    stage.send(after)

    assert (resumed.state, resumed.is_resuming, behind, done) == (VersionState.PAUSED, True, 1, 0)
    assert people_of(version) == {after.id}
    assert not ChangedProfiles.objects.exists()


def test_a_draining_version_cannot_be_resumed(stage, owner):
    """journeys.md §5: Draining."""
    first = live(stage.space, owner, UNTIL)
    next_live(first, owner, UNTIL, action="pause")

    with pytest.raises(ConflictError):
        lifecycle.resume(version=first, resumed_by=owner)

    first.refresh_from_db()
    assert (first.state, first.is_resuming) == (VersionState.DRAINING, False)


@pytest.mark.parametrize("action", [lifecycle.pause, lifecycle.resume])
def test_a_draft_is_neither_paused_nor_resumed(space, owner, action):
    draft = create_journey(space=space, name="Welcome", created_by=owner)
    who = {"paused_by": owner} if action is lifecycle.pause else {"resumed_by": owner}

    with pytest.raises(ConflictError):
        action(version=draft, **who)

    draft.refresh_from_db()
    assert draft.state == VersionState.DRAFT


def test_archiving_ends_everything_and_keeps_data(stage, owner):
    hook = stage.hook()
    version = live(stage.space, owner, UNTIL, send_step("hi", "until", hook))
    inside, outside = stage.people(2)
    stage.send(inside)

    archived = lifecycle.archive(version=version, archived_by=owner)
    stage.go(seconds=1)
    stage.send(inside, name="Order Completed")
    stage.send(outside)

    assert (archived.state, archived.archived_at is not None) == (VersionState.ARCHIVED, True)
    assert [(run.profile_id, run.end_reason) for run in runs_of(version)] == [(inside.id, "archived")]
    assert stage.sent(version, "hi") == []
    assert not Connection.objects.filter(removed_at=None).exists()
    assert Audience.objects.get().is_enabled is False
    with pytest.raises(ConflictError):
        lifecycle.archive(version=archived, archived_by=owner)


def test_a_clone_shares_nothing_with_its_original(space, owner):
    """F011."""
    hook = make_destination(space=space)
    version = live(space, owner, send_step("hi", "entry", hook))

    copy = lifecycle.clone(version=version, cloned_by=owner)

    mine, theirs = (JourneyStep.objects.get(journey=one.journey, step_id="hi") for one in (version, copy))
    assert (copy.journey.name, copy.state, copy.number) == ("Copy of Welcome", VersionState.DRAFT, 1)
    assert copy.definition == {**version.definition, "name": "Copy of Welcome"}
    assert mine.key != theirs.key
    assert theirs.key.startswith("j_o_copy_of_welcome__hi_")
    assert mine.public_id != theirs.public_id
    assert ComputationKey.objects.filter(kind="journey_step").count() == 2


def test_deleting_the_original_never_affects_the_clone(space, owner):
    version = live(space, owner, WAIT)
    copy = lifecycle.clone(version=version, cloned_by=owner)
    lifecycle.archive(version=version, archived_by=owner)

    lifecycle.delete(journey=version.journey, deleted_by=owner)
    published = publish(version=copy, published_by=owner)

    assert published.state == VersionState.PUBLISHED
    assert Journey.objects.filter(deleted_at=None).get() == copy.journey


def test_a_live_journey_is_archived_before_it_is_deleted(space, owner):
    version = live(space, owner, WAIT)

    with pytest.raises(ConflictError, match="Archive it first"):
        lifecycle.delete(journey=version.journey, deleted_by=owner)

    version.journey.refresh_from_db()
    assert version.journey.deleted_at is None


def test_a_deleted_journey_frees_its_name_and_keeps_its_keys(space, owner):
    hook = make_destination(space=space)
    version = live(space, owner, send_step("hi", "entry", hook))
    key = JourneyStep.objects.get(step_id="hi").key
    lifecycle.archive(version=version, archived_by=owner)

    lifecycle.delete(journey=version.journey, deleted_by=owner)
    again = create_journey(space=space, name="Welcome", created_by=owner)

    assert again.journey.pk != version.journey.pk
    assert ComputationKey.objects.filter(key=key).exists()
    assert Audience.objects.get().deleted_at is not None
    assert AuditEntry.objects.filter(action="journey.deleted").count() == 1


def test_people_of_an_archived_draining_version_never_enter_the_newer_one(stage, owner):
    """journeys.md §5.2: pause V1, publish V2, archive V1 before exits."""
    first = live(stage.space, owner, UNTIL, exit_after={"days": 7})
    person = stage.person()
    stage.send(person)
    stage.go(minutes=1)
    second = next_live(first, owner, UNTIL, exit_after={"days": 7})

    warning = lifecycle.warning_before_archiving(first)
    lifecycle.archive(version=first, archived_by=owner)
    stage.go(days=10)
    stage.send(person)

    assert "can never enter it" in warning
    assert people_of(second) == set()


def test_people_of_a_version_archived_on_publishing_may_enter_the_newer_one(stage, owner):
    """journeys.md §5.2: exit on, archive V1, publish V2."""
    first = live(stage.space, owner, UNTIL, exit_after={"days": 7})
    person = stage.person()
    stage.send(person)
    stage.go(minutes=1)

    second = next_live(first, owner, UNTIL, exit_after={"days": 7}, action="archive")
    stage.go(minutes=1)
    stage.send(person)

    assert [run.end_reason for run in runs_of(first)] == ["replaced"]
    assert waiting(second, "until") == {person.id}


def test_there_is_nothing_to_warn_of_without_exits_or_a_newer_version(space, owner):
    version = live(space, owner, WAIT)
    next_live(version, owner, UNTIL)

    assert lifecycle.warning_before_archiving(version) == ""
    assert lifecycle.warning_before_archiving(current_of(version.journey)) == ""


def test_renaming_reaches_draft_and_live_version_and_keeps_keys(space, owner):
    hook = make_destination(space=space)
    version = live(space, owner, send_step("hi", "entry", hook))
    key = JourneyStep.objects.get(step_id="hi").key
    draft = new_version(journey=version.journey, created_by=owner)

    journey = lifecycle.update_journey(journey=version.journey, name=" Hello  there ", changed_by=owner)

    version.refresh_from_db()
    draft.refresh_from_db()
    assert (journey.name, journey.key) == ("Hello there", "hello_there")
    assert (version.definition["name"], draft.definition["name"], draft.revision) == ("Hello there", "Hello there", 2)
    assert JourneyStep.objects.get(step_id="hi").key == key
    assert AuditEntry.objects.get(action="journey.changed").after == {"name": "Hello there"}


def test_a_name_that_is_taken_is_refused(space, owner):
    live(space, owner, WAIT, name="Taken")
    version = live(space, owner, WAIT)

    with pytest.raises(InvalidError) as refused:
        lifecycle.update_journey(journey=version.journey, name="Taken", changed_by=owner)

    assert [(error.path, error.code) for error in refused.value.errors] == [("/name", "taken")]
    version.journey.refresh_from_db()
    assert version.journey.name == "Welcome"


def test_a_draft_of_a_new_version_can_be_discarded_but_not_the_only_one(space, owner):
    only = create_journey(space=space, name="Only", created_by=owner)
    version = live(space, owner, WAIT)
    draft = new_version(journey=version.journey, created_by=owner)

    discard_draft(version=draft, discarded_by=owner)
    with pytest.raises(ConflictError, match="Delete the journey"):
        discard_draft(version=only, discarded_by=owner)

    assert draft_of(version.journey) is None
    assert draft_of(only.journey) is not None


def test_restoring_starts_a_draft_where_there_is_none(space, owner):
    first = live(space, owner, WAIT)
    next_live(first, owner, UNTIL)

    draft = restore(version=first, author=owner)

    assert (draft.number, draft.state, draft.definition["steps"]) == (3, VersionState.DRAFT, first.definition["steps"])


def test_editing_a_live_step_reaches_delivery_and_the_draft(stage, owner):
    old, new = stage.hook(), stage.hook()
    version = live(stage.space, owner, send_step("hi", "entry", old))
    person = stage.person()
    stage.send(person)
    draft = new_version(journey=version.journey, created_by=owner)
    connections = send_step("hi", "entry", new)["connections"]

    changed = edit_live_step(version=version, step_id="hi", name="Read it", connections=connections, changed_by=owner)

    draft.refresh_from_db()
    step = changed.definition["steps"][0]
    assert (step["name"], step["connections"][0]["destination"]) == ("Read it", new.public_id)
    assert draft.definition["steps"][0] == step
    connection = Connection.objects.get(removed_at=None)
    assert (connection.destination_id, connection.computation_name) == (new.pk, "Read it")
    assert connection.first_syncs.count() == 1
    assert JourneyStep.objects.get(step_id="hi").name == "Read it"
    entry = AuditEntry.objects.get(action="journey.step_changed")
    assert (entry.before["name"], entry.after["name"]) == ("hi", "Read it")


def test_the_draft_keeps_its_own_edit_of_a_live_step(space, owner):
    hook = make_destination(space=space)
    version = live(space, owner, send_step("hi", "entry", hook))
    draft = new_version(journey=version.journey, created_by=owner)
    own = make_definition(send_step("hi", "entry", hook, name="My name"), name="Welcome")
    save_draft(version=draft, definition=own, revision=1, label="", author=owner)

    edit_live_step(version=version, step_id="hi", name="Read it", changed_by=owner)

    draft.refresh_from_db()
    assert draft.definition["steps"][0]["name"] == "My name"


def test_only_destination_steps_of_the_current_version_are_edited_in_place(space, owner):
    hook = make_destination(space=space)
    first = live(space, owner, send_step("hi", "entry", hook), WAIT | {"after": "hi"})
    next_live(first, owner, send_step("hi", "entry", hook))

    refused = []
    for version, step in [(first, "hi"), (current_of(first.journey), "entry"), (current_of(first.journey), "wait")]:
        with pytest.raises(ConflictError) as error:
            edit_live_step(version=version, step_id=step, name="x", changed_by=owner)
        refused.append(error.value.status)

    assert refused == [409, 409, 409]


def test_every_action_leaves_an_audit_entry(space, owner):
    version = live(space, owner, WAIT)
    lifecycle.pause(version=version, paused_by=owner)
    lifecycle.resume(version=version, resumed_by=owner)
    lifecycle.clone(version=version, cloned_by=owner)
    lifecycle.archive(version=version, archived_by=owner)
    lifecycle.delete(journey=version.journey, deleted_by=owner)

    entries = AuditEntry.objects.filter(object_id=version.journey.public_id).order_by("id")

    assert [entry.action for entry in entries] == [
        "journey.created",
        "journey.published",
        "journey.paused",
        "journey.resumed",
        "journey.cloned",
        "journey.archived",
        "journey.deleted",
    ]
    assert all(entry.actor_id == owner.pk for entry in entries)
    assert (entries[2].before["state"], entries[2].after["state"]) == ("published", "paused")
