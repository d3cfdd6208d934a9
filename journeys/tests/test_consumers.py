from __future__ import annotations

import pytest

from audiences.models import Audience
from audiences.services import audiences as audience_services
from audiences.services.consumers import Consumer, consumers
from common.errors import ConflictError
from journeys.services.drafts import create_journey
from spaces.models import Space, User

ORDERED = {"version": 1, "collection": "users", "where": {"event": "Order Completed"}}


@pytest.fixture
def audience(space: Space, owner: User) -> Audience:
    made = audience_services.create_audience(space=space, name="Big spenders", definition=ORDERED, created_by=owner)
    return audience_services.set_enabled(audience=made, is_enabled=False, changed_by=owner)


def _journey(space: Space, owner: User, *, entry: dict[str, object], split: dict[str, object]) -> str:
    definition = {
        "version": 1,
        "name": "Win back",
        "settings": {"exit_after": None, "reentry_after": None},
        "entry": {
            "name": "All",
            "condition": {"version": 1, "collection": "users", "where": entry},
            "use_historical": True,
        },
        "steps": [
            {
                "id": "s",
                "type": "true_false",
                "after": "entry",
                "name": "Spends?",
                "true_name": "Yes",
                "false_name": "No",
                "condition": {"version": 1, "collection": "users", "where": split},
            }
        ],
    }
    version = create_journey(space=space, name="Win back", definition=definition, created_by=owner)
    return version.journey.public_id


@pytest.mark.parametrize("is_entry", [True, False])
def test_an_audience_that_a_journey_names_is_not_deleted(
    space: Space, owner: User, audience: Audience, is_entry: bool
) -> None:
    naming, other = {"audience": audience.key, "member": True}, {"event": "Signed Up"}
    entry, split = (naming, other) if is_entry else (other, naming)
    public_id = _journey(space, owner, entry=entry, split=split)

    with pytest.raises(ConflictError, match="journey Win back"):
        audience_services.delete_audience(audience=audience, deleted_by=owner)

    assert consumers(space=space, audience=audience) == [
        Consumer(kind="journey", name="Win back", url=f"/s/{space.slug}/journeys/{public_id}/")
    ]
    audience.refresh_from_db()
    assert audience.deleted_at is None


def test_a_journey_that_names_no_audience_holds_none(space: Space, owner: User, audience: Audience) -> None:
    _journey(space, owner, entry={"event": "Signed Up"}, split={"event": "Order Completed"})

    audience_services.delete_audience(audience=audience, deleted_by=owner)

    audience.refresh_from_db()
    assert audience.deleted_at is not None
