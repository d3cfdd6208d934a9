"""Publishing: all problems at once, the review and its token, what becomes of the version before (journeys.md §5)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from audiences.models import Audience, AudiencePurpose, ComputeRun
from common.errors import ConflictError, InvalidError
from delivery.models import Connection, FirstSync, ListSync
from delivery.tests.builders import make_destination
from journeys.models import EndReason, JourneyEdit, JourneyStep, VersionState
from journeys.services import lifecycle
from journeys.services.drafts import create_journey, save_draft
from journeys.services.publishing import NotPublishableError, StaleReviewError, publish
from journeys.services.review import review
from journeys.services.versions import new_version
from journeys.tests.factories import here, make_definition, run_backfills, runs_of, waiting, where
from journeys.tests.stage import send_step
from spaces.models import AuditEntry
from tests.factories import make_profile, make_source

pytestmark = pytest.mark.django_db

WAIT = {"id": "wait", "type": "delay", "after": "entry", "duration": {"days": 10}}
UNTIL = {"id": "until", "type": "condition", "after": "entry", "condition": where({"event": "Order Completed"})}


def draft_of(space, owner, *steps, name="Welcome", **settings):
    definition = make_definition(*steps, name=name, **settings)
    return create_journey(space=space, name=name, definition=definition, created_by=owner)


def next_draft(version, owner, *steps, **settings):
    draft = new_version(journey=version.journey, created_by=owner)
    definition = make_definition(*steps, name=version.journey.name, **settings)
    return save_draft(version=draft, definition=definition, revision=draft.revision, label="", author=owner)


def publish_now(draft, owner, **options):
    published = publish(version=draft, token=review(draft).token, published_by=owner, **options)
    run_backfills()
    return published


def fields(connection):
    return (connection.destination_id, connection.send_identify, connection.enter_event, connection.computation_name)


def test_a_first_publication_computes_the_entry_and_connects_its_steps(space, owner):
    hook = make_destination(space=space)
    draft = draft_of(space, owner, send_step("hi", "entry", hook, name="Opened email"))

    version = publish(version=draft, published_by=owner)

    audience = Audience.objects.get()
    assert (version.state, version.published_by, version.entry_audience) == (VersionState.PUBLISHED, owner, audience)
    assert (audience.purpose, audience.key) == (AudiencePurpose.JOURNEY_ENTRY, audience.public_id)
    assert audience.definition == draft.definition["entry"]["condition"]
    assert (audience.include_anonymous, audience.historical_from) == (False, version.published_at)
    assert ComputeRun.objects.filter(audience=audience, state="waiting").count() == 1
    row = JourneyStep.objects.get(step_id="hi")
    connection = Connection.objects.get()
    assert (connection.computation_id, connection.computation_key) == (row.public_id, row.key)
    assert fields(connection) == (hook.pk, False, "Audience Entered", "Opened email")
    assert not FirstSync.objects.exists()
    assert not JourneyEdit.objects.exists()
    assert AuditEntry.objects.filter(action="journey.published").count() == 1


def test_with_historical_data_all_events_count_for_the_entry(space, owner):
    draft = draft_of(space, owner, WAIT, use_historical=True)

    version = publish(version=draft, published_by=owner)

    assert version.entry_audience.include_historical is True
    assert version.entry_audience.historical_from is None


def test_the_settings_of_a_connection_reach_delivery(space, owner):
    make_profile(space=space, ids=[("email", "ada@example.com")])
    hook = make_destination(space=space)
    step = send_step("hi", "entry", hook)
    step["connections"][0] |= {
        "enter_event": "Welcomed",
        "exit_event": "Left",
        "setup": "customized",
        "traits": [{"segment": "plan", "destination": "tier"}],
        "identifiers": [{"segment": "email", "destination": "email", "strategy": "all"}],
        "value_format": "string",
        "include_audience_key": False,
        "send_mobile_ids": True,
    }

    publish(version=draft_of(space, owner, step), published_by=owner)

    connection = Connection.objects.get()
    assert (connection.enter_event, connection.exit_event, connection.setup) == ("Welcomed", "Left", "customized")
    assert connection.trait_mappings == [{"segment": "plan", "destination": "tier"}]
    assert connection.identifier_mappings == [{"segment": "email", "destination": "email", "strategy": "all"}]
    assert (connection.value_format, connection.include_audience_key, connection.send_mobile_ids) == (
        "string",
        False,
        True,
    )


def test_people_go_through_what_was_published(stage, owner):
    hook = stage.hook()
    old, new = stage.people(2)
    stage.send(old)
    stage.go(seconds=1)
    draft = draft_of(stage.space, owner, send_step("hi", "entry", hook))

    version = publish_now(draft, owner)
    stage.go(seconds=1)
    stage.send(new)

    assert stage.sent(version, "hi") == [(new.id, "Audience Entered")]
    assert here(version, "hi") == {new.id}


def test_a_draft_with_problems_is_refused_with_all_of_them_and_nothing_changes(space, owner):
    steps = [{"id": "hi", "type": "send_to_destinations", "after": "gone", "name": "", "connections": []}]
    draft = draft_of(space, owner, *steps)

    with pytest.raises(NotPublishableError) as refused:
        publish(version=draft, published_by=owner)

    assert {(error.path, error.code) for error in refused.value.errors} == {
        ("/steps/0/after", "orphan"),
        ("/steps/0/connections", "destination_required"),
        ("/steps/0/name", "name_required"),
    }
    draft.refresh_from_db()
    assert draft.state == VersionState.DRAFT
    assert not Audience.objects.exists()
    assert not Connection.objects.exists()


def test_what_delivery_would_refuse_is_a_problem_of_the_draft(space, owner):
    hook = make_destination(space=space)
    step = send_step("hi", "entry", hook)
    step["connections"][0] |= {"enter_event": "Same", "exit_event": "Same"}
    draft = draft_of(space, owner, step)

    found = review(draft)

    assert [(one.path, one.code) for one in found.errors] == [("/steps/0/connections/0/exit_event", "duplicate")]


def test_a_name_that_was_taken_meanwhile_is_a_problem(space, owner):
    draft_of(space, owner, WAIT, name="Taken")
    draft = draft_of(space, owner, WAIT)
    draft = save_draft(
        version=draft, definition={**draft.definition, "name": "Taken"}, revision=1, label="", author=owner
    )

    assert [(one.path, one.code) for one in review(draft).errors] == [("/name", "name_taken")]


def test_without_an_enabled_source_there_is_a_warning(space, owner):
    draft = draft_of(space, owner, WAIT)

    without = [one.code for one in review(draft).warnings]
    make_source(space=space)
    with_one = [one.code for one in review(draft).warnings]

    assert "no_source" in without
    assert "no_source" not in with_one


def test_a_newer_version_needs_the_token_of_its_review(space, owner):
    version = publish_now(draft_of(space, owner, WAIT), owner)
    draft = next_draft(version, owner, {**WAIT, "duration": {"days": 2}})

    with pytest.raises(InvalidError) as refused:
        publish(version=draft, published_by=owner)

    assert [(error.path, error.code) for error in refused.value.errors] == [("/token", "required")]
    draft.refresh_from_db()
    assert draft.state == VersionState.DRAFT


def test_what_changed_since_the_review_is_a_conflict_with_a_fresh_review(stage, owner):
    version = publish_now(draft_of(stage.space, owner, UNTIL), owner)
    stage.send(stage.person())
    draft = next_draft(version, owner, WAIT)
    token = review(draft).token
    stage.send(stage.person())

    with pytest.raises(StaleReviewError) as refused:
        publish(version=draft, token=token, published_by=owner)

    fresh = refused.value.review
    assert refused.value.status == 409
    assert [(group.step_id, group.change, group.people) for group in fresh.groups] == [("until", "removed", 2)]
    assert publish(version=draft, token=fresh.token, published_by=owner).state == VersionState.PUBLISHED


@pytest.mark.parametrize("change", ["draft", "connection", "state"])
def test_the_token_changes_with_draft_connections_and_state(space, owner, change):
    hook = make_destination(space=space)
    version = publish_now(draft_of(space, owner, send_step("hi", "entry", hook)), owner)
    draft = next_draft(version, owner, WAIT)
    before = review(draft).token
    changes = {
        "draft": lambda: save_draft(
            version=draft, definition=make_definition(name="Welcome"), revision=draft.revision, label="", author=owner
        ),
        "connection": lambda: Connection.objects.update(is_enabled=False),
        "state": lambda: lifecycle.pause(version=version, paused_by=owner),
    }

    changes[change]()
    draft.refresh_from_db()

    assert review(draft).token != before


def test_the_review_does_not_change_by_itself(space, owner):
    version = publish_now(draft_of(space, owner, WAIT), owner)
    draft = next_draft(version, owner, UNTIL)

    assert review(draft).token == review(draft).token


def test_pausing_the_version_before_lets_its_people_finish(stage, owner):
    """journeys.md §5.2: off, pause."""
    first = publish_now(draft_of(stage.space, owner, UNTIL), owner)
    person, later = stage.people(2)
    stage.send(person)

    second = publish_now(next_draft(first, owner, UNTIL, WAIT | {"after": "until"}), owner)
    stage.send(later)
    stage.send(person, name="Order Completed")
    first.refresh_from_db()

    assert first.state == VersionState.DRAINING
    assert here(first, "until") == {person.id}
    assert waiting(second, "until") == {later.id}
    assert first.entry_audience.__class__.objects.get(pk=first.entry_audience_id).is_enabled is False
    with pytest.raises(ConflictError, match="drains"):
        lifecycle.resume(version=first, resumed_by=owner)


def test_archiving_the_version_before_replaces_the_runs(stage, owner):
    first = publish_now(draft_of(stage.space, owner, UNTIL), owner)
    person = stage.person()
    stage.send(person)

    second = publish_now(next_draft(first, owner, WAIT), owner, previous_action="archive")
    stage.go(seconds=1)
    first.refresh_from_db()

    assert first.state == VersionState.ARCHIVED
    assert [(run.end_reason, run.profile_id) for run in runs_of(first)] == [(EndReason.REPLACED, person.id)]
    assert second.number == 2


def test_each_group_goes_where_it_was_chosen_to(stage, owner):
    other = {"id": "other", "type": "condition", "after": "entry", "condition": where({"event": "Paid"})}
    split = {
        "id": "split",
        "type": "true_false",
        "after": "entry",
        "condition": where({"trait": "vip", "equals": True}),
        "true_name": "VIP",
        "false_name": "Others",
    }
    first = publish_now(
        draft_of(
            stage.space,
            owner,
            split,
            UNTIL | {"after": {"step": "split", "branch": "true"}},
            other | {"after": {"step": "split", "branch": "false"}},
        ),
        owner,
    )
    vip, plain = stage.person(traits={"vip": True}), stage.person()
    stage.send(vip, plain)
    stage.go(seconds=1)
    draft = next_draft(first, owner, WAIT)

    second = publish_now(draft, owner, choices={"until": "move:wait", "other": "exit"})
    stage.go(seconds=1)

    assert here(second, "wait") == {vip.id}
    assert {run.profile_id: run.end_reason for run in runs_of(first)} == {vip.id: "moved", plain.id: "exited"}


@pytest.mark.parametrize(
    ("choices", "action", "path", "code"),
    [
        ({"entry": "exit"}, "pause", "/choices/entry", "unknown_step"),
        ({"until": "stay"}, "pause", "/choices/until", "unknown_choice"),
        ({"until": "move:nowhere"}, "pause", "/choices/until", "unknown_step"),
        ({"until": "finish"}, "archive", "/choices/until", "impossible"),
        ({}, "forget", "/previous_action", "unknown_choice"),
    ],
)
def test_choices_that_cannot_be_are_refused(space, owner, choices, action, path, code):
    first = publish_now(draft_of(space, owner, UNTIL), owner)
    draft = next_draft(first, owner, WAIT)

    with pytest.raises(InvalidError) as refused:
        publish_now(draft, owner, choices=choices, previous_action=action)

    assert [(error.path, error.code) for error in refused.value.errors] == [(path, code)]
    first.refresh_from_db()
    assert first.state == VersionState.PUBLISHED


def test_a_newer_version_keeps_keys_and_connections_and_drops_what_is_gone(space, owner):
    kept, gone = make_destination(space=space), make_destination(space=space)
    hi = send_step("hi", "entry", kept)
    first = publish_now(draft_of(space, owner, hi, send_step("bye", "hi", gone)), owner)
    before = {row.step_id: row.key for row in JourneyStep.objects.all()}
    connection = Connection.objects.get(destination=kept)

    second = publish_now(next_draft(first, owner, hi, send_step("more", "hi", kept)), owner, previous_action="archive")

    live = Connection.objects.filter(removed_at=None)
    assert {one.destination_id for one in live} == {kept.pk}
    assert live.count() == 2
    connection.refresh_from_db()
    assert connection.removed_at is None
    assert JourneyStep.objects.get(step_id="hi").key == before["hi"]
    assert second.number == 2


def test_the_review_tells_kept_and_new_keys(space, owner):
    hook = make_destination(space=space)
    hi = send_step("hi", "entry", hook)
    first = publish_now(draft_of(space, owner, hi), owner)

    found = review(next_draft(first, owner, hi, send_step("more", "hi", hook)))

    assert [(key.step_id, key.is_new) for key in found.keys] == [("hi", False), ("more", True)]


def test_connections_of_a_draining_version_stay(space, owner):
    hook = make_destination(space=space)
    first = publish_now(draft_of(space, owner, send_step("hi", "entry", hook)), owner)

    publish_now(next_draft(first, owner, WAIT), owner)
    before = Connection.objects.filter(removed_at=None).count()
    lifecycle.archive(version=first, archived_by=owner)

    assert before == 1
    assert Connection.objects.filter(removed_at=None).count() == 0


def test_a_destination_new_to_a_step_that_people_joined_gets_them_too(stage, owner):
    old, new = stage.hook(), stage.hook()
    first = publish_now(draft_of(stage.space, owner, send_step("hi", "entry", old)), owner)
    stage.send(stage.person())
    step = send_step("hi", "entry", old)
    step["connections"] += send_step("hi", "entry", new)["connections"]

    publish_now(next_draft(first, owner, step), owner)

    assert [run.connection.destination_id for run in FirstSync.objects.all()] == [new.pk]


def test_publication_waits_while_a_list_is_being_created(stage, owner):
    """journeys.md §5.2."""
    hook = stage.hook(connector="webhook_list")
    step = {"id": "hi", "type": "send_to_destinations", "after": "entry",
            "connections": [{"destination": hook.public_id}]}  # fmt: skip
    first = publish_now(draft_of(stage.space, owner, step), owner)
    draft = next_draft(first, owner, WAIT)
    nobody = [one.code for one in review(draft).errors]
    stage.send(stage.person())

    arrived = [one.code for one in review(draft).errors]
    stage.clock.shift(timedelta(hours=11))
    late = [one.code for one in review(draft).errors]
    stage.clock.shift(timedelta(hours=-11))
    ListSync.objects.create(connection=Connection.objects.get(), state=ListSync.State.DONE)
    created = [one.code for one in review(draft).errors]

    assert (nobody, arrived, late, created) == ([], ["list_in_creation"], [], [])


def test_there_is_one_draft_at_a_time_and_25_versions(space, owner):
    version = publish_now(draft_of(space, owner, WAIT), owner)
    new_version(journey=version.journey, created_by=owner)

    with pytest.raises(ConflictError, match="one draft at a time"):
        new_version(journey=version.journey, created_by=owner)

    assert version.journey.versions.count() == 2


def test_a_journey_has_at_most_25_versions(space, owner):
    version = publish_now(draft_of(space, owner, WAIT), owner)
    for number in range(2, 26):
        version.journey.versions.create(number=number, definition=version.definition, state=VersionState.ARCHIVED)

    with pytest.raises(ConflictError, match="at most 25 versions"):
        new_version(journey=version.journey, created_by=owner)

    assert version.journey.versions.count() == 25


@pytest.mark.parametrize(
    "settings", [{"exit_after": {"days": 9}}, {"exit_after": None}, {"reentry_after": {"days": 30}}]
)
def test_entry_and_exit_settings_are_fixed_by_the_first_publication(space, owner, settings):
    """journeys.md §5.1: new settings need a new journey."""
    given = {"exit_after": {"days": 7}, "reentry_after": None}
    first = publish_now(draft_of(space, owner, UNTIL, **given), owner)

    changed = next_draft(first, owner, UNTIL, **(given | settings))
    found = review(changed)

    assert [(one.path, one.code) for one in found.errors] == [("/settings", "settings_fixed")]
    with pytest.raises(NotPublishableError):
        publish(version=changed, token=found.token, previous_action="pause", published_by=owner)
    first.refresh_from_db()
    changed.refresh_from_db()
    assert (first.state, changed.state) == (VersionState.PUBLISHED, VersionState.DRAFT)


def test_a_version_is_published_once(space, owner):
    draft = draft_of(space, owner, WAIT)
    publish_now(draft, owner)

    with pytest.raises(ConflictError):
        publish(version=draft, published_by=owner)

    assert Audience.objects.count() == 1
