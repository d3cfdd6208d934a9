from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from django.db import connection
from django.test.utils import CaptureQueriesContext

from audiences.models import Audience, Membership
from journeys.services.histories import Arrival, Loader, Wanted, blocks
from profiles.models import EventType
from spaces.models import Space
from tests.factories import NOW, make_account, make_event, make_profile, make_space

HOUR = timedelta(hours=1)
ORDERS = frozenset({("track", "Order Completed")})


def loader(space: Space, **changes: object) -> Loader:
    wanted = changes.pop("wanted", Wanted(events=ORDERS, with_properties=True))
    return Loader(space=space, wanted=wanted, until=NOW, **changes)  # type: ignore[arg-type]


def test_a_person_comes_with_traits_identifiers_and_events_in_their_order(space: Space) -> None:
    person = make_profile(
        space=space,
        traits={"plan": "pro"},
        ids=[("user_id", "U1"), ("email", "Old@x.org"), ("email", "new@x.org")],
        created_at=NOW - 9 * HOUR,
    )
    later = make_event(profile=person, ts=NOW - HOUR, received_at=NOW, properties={"revenue": 12.5})
    earlier = make_event(profile=person, ts=NOW - 2 * HOUR, received_at=NOW)

    [found] = loader(space).block(after=0)

    assert (found.profile_id, found.segment_id) == (person.id, person.segment_id)
    assert (found.traits, found.written) == ({"plan": "pro"}, {"plan": NOW - 9 * HOUR})
    assert found.identifiers == {"user_id": ["U1"], "email": ["Old@x.org", "new@x.org"]}
    assert [(event.id, event.timestamp) for event in found.events] == [
        (str(earlier.id), NOW - 2 * HOUR),
        (str(later.id), NOW - HOUR),
    ]
    assert found.events[1].properties == {"revenue": Decimal("12.5")}


def test_a_replay_receives_events_when_they_happened(space: Space) -> None:
    person = make_profile(space=space)
    make_event(profile=person, ts=NOW - 5 * HOUR, received_at=NOW - HOUR)

    replayed = loader(space).block(after=0)[0].events[0]
    received = loader(space, arrival=Arrival.RECEIVED).block(after=0)[0].events[0]

    assert replayed.received_at == NOW - 5 * HOUR
    assert received.received_at == NOW - HOUR


def test_what_was_not_received_by_the_end_is_replayed_only_as_it_happened(space: Space) -> None:
    person = make_profile(space=space)
    make_event(profile=person, ts=NOW - HOUR, received_at=NOW + HOUR)
    make_event(profile=person, ts=NOW + HOUR, received_at=NOW - HOUR)

    replayed = loader(space).block(after=0)[0].events
    received = loader(space, arrival=Arrival.RECEIVED).block(after=0)[0].events

    assert [event.timestamp for event in replayed] == [NOW - HOUR]
    assert received == ()


def test_only_wanted_events_are_read(space: Space) -> None:
    person = make_profile(space=space)
    make_event(profile=person, name="Cart Viewed")
    make_event(profile=person, type=EventType.PAGE, name="Home")
    make_event(profile=person, type=EventType.SCREEN, name="Home")
    wanted = Wanted(events=ORDERS | {("page", None)}, with_properties=False)

    [found] = loader(space, wanted=wanted).block(after=0)

    assert [(event.type, event.name) for event in found.events] == [("page", "Home")]


def test_who_cannot_enter_is_passed_over(space: Space) -> None:
    buyer = make_profile(space=space)
    make_event(profile=buyer)
    make_event(profile=make_profile(space=space), name="Cart Viewed")
    make_profile(space=space)
    own = loader(space, wanted=Wanted(events=ORDERS, with_properties=True, entering=ORDERS))

    found = own.block(after=0)

    assert [person.profile_id for person in found] == [buyer.id]
    assert own.count() == 1
    assert loader(space).count() == 3


def test_accounts_and_other_spaces_are_not_people_of_this_one(space: Space) -> None:
    make_account(space=space)
    make_profile(space=make_space())

    assert loader(space).block(after=0) == []
    assert loader(space).count() == 0


def test_stored_members_of_asked_audiences_are_known(space: Space) -> None:
    person = make_profile(space=space)
    ids = []
    for number, is_member in enumerate((True, False, True)):
        audience = Audience.objects.create(space=space, key=f"a{number}", name=f"A {number}", definition={})
        Membership.objects.create(
            space_id=space.pk, audience_id=audience.pk, profile_id=person.id, is_member=is_member, changed_at=NOW
        )
        ids.append(audience.pk)

    [found] = loader(space, audience_ids=ids[:2]).block(after=0)

    assert found.memberships == {ids[0]}


def test_blocks_go_through_everybody_once_with_few_statements(space: Space) -> None:
    people = [make_profile(space=space) for _ in range(7)]
    for person in people:
        make_event(profile=person)

    with CaptureQueriesContext(connection) as queries:
        found = [[person.profile_id for person in block] for block in blocks(loader(space), limit=3)]

    assert found == [[p.id for p in people[0:3]], [p.id for p in people[3:6]], [people[6].id]]
    assert len(queries) == 3 * 3 + 1
