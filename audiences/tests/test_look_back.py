"""A definition that looks back some days only: older events never count, all else is asked as it is now (W035)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from audiences.builder.fields import from_fields, to_fields
from audiences.builder.reading import rows_of
from audiences.builder.writing import written
from audiences.models import Audience, Membership
from audiences.selectors.explaining import explain_membership
from audiences.selectors.preview import preview_report
from audiences.services.audiences import create_audience
from audiences.services.compute import compute_block, recheck_block
from audiences.tests.test_compute import run_backfill, touch
from engine.conditions import ConditionError, describe, parse
from profiles.models import Profile
from spaces.models import Space, User
from tests import factories

pytestmark = pytest.mark.django_db
ORDER = {"event": "Order Completed"}
MONTHS = {"days": 90}


def definition(where: Any, look_back: Any = MONTHS) -> dict[str, Any]:
    return {"version": 1, "collection": "users", "look_back": look_back, "where": where}


def buyer(space: Space, *days: float, **options: Any) -> Profile:
    profile = factories.make_profile(space=space, **options)
    for ago in days:
        factories.make_event(profile=profile, ts=timezone.now() - timedelta(days=ago))
    return profile


def audience_of(space: Space, where: Any, **options: Any) -> Audience:
    made = create_audience(space=space, name="Lately", definition=definition(where, **options), created_by=None)
    run_backfill()
    made.refresh_from_db()
    return made


def members(audience: Audience) -> set[int]:
    return set(Membership.objects.filter(audience_id=audience.pk, is_member=True).values_list("profile_id", flat=True))


def test_events_older_than_ninety_days_are_ignored(space: Space) -> None:
    """W035: 89 days ago counts, 91 does not; so does each of several."""
    recent, old, both = buyer(space, 89), buyer(space, 91), buyer(space, 91, 2)

    once = audience_of(space, ORDER)
    twice = create_audience(
        space=space, name="Twice", definition=definition(ORDER | {"count": {"gte": 2}}), created_by=None
    )
    run_backfill()

    assert members(once) == {recent.id, both.id}
    assert members(twice) == set()
    assert old.id not in members(once)


def test_conditions_on_traits_are_unaffected(space: Space) -> None:
    """W035: the trait was set long ago, and counts."""
    old = buyer(space, 200, traits={"plan": "pro"}, created_at=timezone.now() - timedelta(days=200))

    audience = audience_of(space, {"trait": "plan", "equals": "pro"})
    never = create_audience(
        space=space,
        name="Never lately",
        definition=definition({"all": [{"trait": "plan", "equals": "pro"}, ORDER | {"count": {"eq": 0}}]}),
        created_by=None,
    )
    run_backfill()

    assert members(audience) == members(never) == {old.id}


def test_it_rolls_on_by_itself(space: Space) -> None:
    """W035: the member leaves 90 days after the order; nothing new happened."""
    profile = buyer(space, 80)
    audience = audience_of(space, ORDER)
    told = explain_membership(audience=audience, profile=profile, shows_pii=True)

    assert told.changes_at is not None
    with time_machine.travel(told.changes_at - timedelta(seconds=1), tick=False):
        early = (recheck_block(space=space), members(audience))
    with time_machine.travel(told.changes_at, tick=False):
        late = (recheck_block(space=space), members(audience))

    assert timedelta(days=9) < told.changes_at - timezone.now() < timedelta(days=10)
    assert early == (0, {profile.id})
    assert late == (1, set())


def test_an_old_event_that_comes_late_lets_nobody_in(space: Space) -> None:
    profile = buyer(space)
    audience = audience_of(space, ORDER)
    factories.make_event(profile=profile, ts=timezone.now() - timedelta(days=100), received_at=timezone.now())
    touch(space, profile, events=["track:Order Completed"], traits=[])
    compute_block(space=space)

    assert members(audience) == set()


def test_a_window_counts_as_far_as_it_is_looked_back(space: Space) -> None:
    inside, outside = buyer(space, 50), buyer(space, 100)

    wide = audience_of(space, ORDER | {"window": {"within": {"days": 365}}})
    told = explain_membership(audience=wide, profile=outside, shows_pii=True)

    assert members(wide) == {inside.id}
    assert told.root.window is not None
    start, end = told.root.window
    assert start is not None
    assert end is not None
    assert end - start == timedelta(days=90)


def test_the_preview_looks_back_as_well(space: Space) -> None:
    buyer(space, 10)
    buyer(space, 100)

    where = {"any": [ORDER, ORDER | {"count": {"gte": 2}}]}

    found = preview_report(space=space, definition=definition(where), include_anonymous=True)

    assert found.total == 1
    assert [part.size for part in found.parts] == [1, 0]


def test_the_sentence_says_how_far() -> None:
    text = describe(parse(definition(ORDER)))

    assert text == "Users who performed “Order Completed” at least 1 time, counting only events of the last 90 days."


@pytest.mark.parametrize("wrong", [{"days": 0}, {"months": 3}, 90, {"days": 1, "weeks": 1}, None])
def test_what_is_no_duration_is_refused_at_its_place(wrong: Any) -> None:
    with pytest.raises(ConditionError) as refusal:
        parse(definition(ORDER, wrong))

    assert [problem.path.split("/")[1] for problem in refusal.value.problems] == ["look_back"]


@pytest.mark.parametrize("where", [ORDER, {"all": [ORDER, {"trait": "plan", "exists": True}]}, {"not": ORDER}])
def test_the_builder_keeps_it(where: Any) -> None:
    posted: dict[str, list[str]] = {}
    for name, value in to_fields(rows_of(definition(where))):
        posted.setdefault(name, []).append(value)

    assert written(from_fields(posted)).definition == definition(where)


def test_it_is_set_and_refused_in_the_builder(space: Space, editor: User, client_for: Callable[[User], Client]) -> None:
    buyer(space, 10)
    buyer(space, 100)
    audience = audience_of(space, {"all": [ORDER]}, look_back={"weeks": 1})
    url = f"/s/{space.slug}/audiences/{audience.public_id}/builder/"
    rows = {
        "n.kind": "group", "n.joiner": "all", "n-0.kind": "event", "n-0.type": "track", "n-0.name": "Order Completed",
        "n-0.count_operator": "gte", "n-0.count": "1", "revision": "1",
    }  # fmt: skip
    client = client_for(editor)

    page = client.get(url).content.decode()
    wrong = client.post(url, rows | {"n.look_back": "0", "n.look_back_unit": "days", "op": "save"})
    client.post(url, rows | {"n.look_back": "90", "n.look_back_unit": "days", "op": "save"})
    run_backfill()

    audience.refresh_from_db()
    assert 'name="n.look_back" type="number" min="1" step="1" value="1"' in page
    assert wrong.status_code == 422
    assert "Definition, look back" in wrong.content.decode()
    assert 'id="n.look_back-error"' in wrong.content.decode()
    assert (audience.definition, audience.revision) == (definition({"all": [ORDER]}), 2)
    assert len(members(audience)) == 1
    assert (
        "Events of the last 90 days count"
        in client.get(f"/s/{space.slug}/audiences/{audience.public_id}/").content.decode()
    )
