"""Keys of steps: given on the first save, never changed, never given twice (F005, F011)."""

from __future__ import annotations

import re

import pytest

from audiences.models import ComputationKey
from audiences.services.definitions import DefinitionError
from journeys.models import JourneyStep, JourneyVersion, VersionState
from journeys.services import keys
from journeys.services.drafts import create_journey, save_draft, undo
from journeys.services.keys import step_key, step_rows, with_keys
from journeys.tests.factories import make_definition

pytestmark = pytest.mark.django_db

SEND = {"id": "thanks", "type": "send_to_destinations", "after": "entry", "name": "Opened email", "connections": []}


def create(space, owner, *steps, name="First purchase"):
    return create_journey(space=space, name=name, definition=make_definition(*steps, name=name), created_by=owner)


def save(version, owner, *steps, name="First purchase"):
    definition = make_definition(*steps, name=name)
    return save_draft(version=version, definition=definition, revision=version.revision, label="Edit", author=owner)


def key_of(version, step_id="thanks"):
    return step_rows(version.journey)[step_id].key


def test_a_named_step_that_sends_gets_a_key_of_journey_and_step_name(space, owner):
    version = create(space, owner, SEND)

    key = key_of(version)

    assert re.fullmatch(r"j_o_first_purchase__opened_email_[a-z0-9]{6}", key)
    reserved = ComputationKey.objects.get(key=key)
    assert (reserved.kind, reserved.computation_id) == ("journey_step", step_rows(version.journey)["thanks"].public_id)
    assert re.fullmatch(r"aud_[0-9A-Za-z]{27}", reserved.computation_id)


def test_a_step_without_a_name_gets_its_key_with_the_name(space, owner):
    version = create(space, owner, {**SEND, "name": ""})
    before = key_of(version)

    version = save(version, owner, SEND)

    assert before == ""
    assert key_of(version).startswith("j_o_first_purchase__opened_email_")


def test_other_steps_and_the_entry_have_rows_without_keys(space, owner):
    wait = {"id": "wait", "type": "delay", "after": "entry", "duration": {"hours": 1}}

    version = create(space, owner, wait)

    rows = step_rows(version.journey)
    assert {step_id: (row.type, row.key) for step_id, row in rows.items()} == {
        "entry": ("entry", ""),
        "wait": ("delay", ""),
    }
    assert not ComputationKey.objects.exists()


def test_renaming_step_and_journey_keeps_the_key(space, owner):
    version = create(space, owner, SEND)
    key = key_of(version)

    version = save(version, owner, {**SEND, "name": "Read the letter"}, name="Second purchase")

    assert version.journey.key == "second_purchase"
    assert key_of(version) == key
    assert step_rows(version.journey)["thanks"].name == "Read the letter"


def test_a_step_that_comes_back_by_undo_has_its_key_again(space, owner):
    version = create(space, owner, SEND)
    key = key_of(version)
    version = save(version, owner)

    version = undo(version=version, revision=2, author=owner)

    assert version.definition["steps"][0]["id"] == "thanks"
    assert key_of(version) == key


def test_a_key_that_was_used_is_drawn_again(space, owner, monkeypatch):
    drawn = iter(["aaaaaa", "aaaaaa", "bbbbbb"])
    monkeypatch.setattr(keys, "random_text", lambda alphabet, length: next(drawn))

    version = create(space, owner, SEND, {**SEND, "id": "again", "after": "thanks"})

    assert [key_of(version), key_of(version, "again")] == [
        "j_o_first_purchase__opened_email_aaaaaa",
        "j_o_first_purchase__opened_email_bbbbbb",
    ]


@pytest.mark.parametrize(
    ("journey", "step", "key"),
    [
        ("Новые клиенты", "Письмо!", "j_o_novye_klienty__pis_mo_abc123"),
        ("🎉", "🎉", "j_o_tada__tada_abc123"),
        ("!!!", "...", "j_o_journey__step_abc123"),
        ("a" * 73, "b" * 170, f"j_o_{'a' * 73}__{'b' * 169}_abc123"),
        ("北" * 73, "京" * 170, None),
    ],
)
def test_keys_of_any_name_are_legal_and_at_most_255_long(journey, step, key):
    made = step_key(journey_name=journey, step_name=step, suffix="abc123")

    assert re.fullmatch(r"j_o_[a-z0-9_]+__[a-z0-9_]+_abc123", made)
    assert len(made) <= 255
    assert key is None or made == key


def test_the_definition_is_shown_with_its_keys_and_kept_without(space, owner):
    version = create(space, owner, SEND)
    rows = step_rows(version.journey)

    shown = with_keys(version.definition, rows)
    saved = save_draft(version=version, definition=shown, revision=1, label="", author=owner)

    assert list(shown["steps"][0])[:5] == ["id", "type", "after", "name", "key"]
    assert shown["steps"][0]["key"] == rows["thanks"].key
    assert "key" not in saved.definition["steps"][0]
    assert saved.revision == 1


def test_a_step_that_was_published_keeps_its_type(space, owner):
    version = create(space, owner, SEND)
    JourneyVersion.objects.filter(pk=version.pk).update(state=VersionState.PUBLISHED)
    draft = JourneyVersion.objects.create(journey=version.journey, number=2, definition=version.definition)

    with pytest.raises(DefinitionError) as refused:
        save(draft, owner, {"id": "thanks", "type": "delay", "after": "entry", "duration": {"days": 1}})

    assert [(error.path, error.code) for error in refused.value.errors] == [("/steps/0/id", "type_fixed")]
    assert JourneyStep.objects.get(step_id="thanks").type == "send_to_destinations"


def test_while_a_version_runs_the_rows_have_its_names(space, owner):
    version = create(space, owner, SEND)
    JourneyVersion.objects.filter(pk=version.pk).update(state=VersionState.PUBLISHED)
    draft = JourneyVersion.objects.create(journey=version.journey, number=2, definition=version.definition)

    save(draft, owner, {**SEND, "name": "Read the letter"})

    assert step_rows(version.journey)["thanks"].name == "Opened email"
