"""Account audiences from events of users to what destinations are sent, and user audiences over them."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from audiences.models import Audience
from audiences.services import audiences as services
from audiences.services.compute import compute_block, recheck_block
from audiences.services.connections import ConnectionSpec, connect
from audiences.services.definitions import DefinitionError
from audiences.services.first_syncs import open_runs, sync_slice
from audiences.tests.test_compute import member_ids, order, run_backfill, touch
from delivery.models import Connection, ListChange
from delivery.services.connections import ConnectionNotValidError, set_enabled
from delivery.tests.builders import make_destination, rows
from delivery.tests.emitting import clear, payloads
from tests import factories

pytestmark = pytest.mark.django_db
EVERYTHING = 'type = "track" or type = "identify" or type = "group"'


def accounts(where):
    return {"version": 1, "collection": "accounts", "where": where}


def users_who(quantifier, match):
    return accounts({"users": quantifier, "match": match})


BOUGHT = {"event": "Order Completed"}


def make_audience(space, owner, definition, name="Firms"):
    audience = services.create_audience(space=space, name=name, definition=definition, created_by=owner)
    run_backfill()
    return Audience.objects.get(pk=audience.pk)


def user(space, name, **ids):
    return factories.make_profile(space=space, ids={"user_id": name, **ids})


def connected(space, owner, audience, **options):
    destination = make_destination(space=space, trigger=EVERYTHING, **options.pop("destination", {}))
    spec = ConnectionSpec(destination=destination, **options)
    return connect(audience=audience, spec=spec, connected_by=owner)


def sync_all():
    for run in open_runs():
        while sync_slice(run):
            pass


def said(connection):
    """`group g1 True`, `identify u1 False` … of everything that waits, sorted."""
    found = []
    for call in payloads(connection):
        members = call.get("traits") or call["properties"]
        whom = call.get("groupId") or call.get("userId")
        found.append(f"{call['type']} {whom} {members['firms']}")
    return sorted(found)


@pytest.mark.parametrize(
    ("quantifier", "members"), [("any", {"both", "one"}), ("all", {"both"}), ("none", {"neither", "empty"})]
)
def test_any_all_or_none_of_the_users(space, owner, quantifier, members):
    """Spec §8: an account without users is false for any and all, true for none."""
    buyers = [factories.make_profile(space=space) for _ in range(3)]
    others = [factories.make_profile(space=space) for _ in range(2)]
    for buyer in buyers:
        order(space, buyer)
    made = {
        "both": factories.make_account(space=space, users=buyers[:2]),
        "one": factories.make_account(space=space, users=[buyers[2], others[0]]),
        "neither": factories.make_account(space=space, users=others[1:]),
        "empty": factories.make_account(space=space),
    }

    audience = make_audience(space, owner, users_who(quantifier, BOUGHT))

    assert member_ids(audience) == {made[name].id for name in members}
    assert audience.size == len(members)


def test_an_event_of_a_user_moves_the_account_in_real_time(space, owner):
    buyer = factories.make_profile(space=space)
    account = factories.make_account(space=space, users=[buyer])
    audience = make_audience(space, owner, users_who("any", BOUGHT))
    before = member_ids(audience)
    order(space, buyer)
    touch(space, buyer, events=["track:Order Completed"], traits=[])

    compute_block(space=space)

    assert before == set()
    assert member_ids(audience) == {account.id}


def test_a_window_of_a_user_lets_the_account_leave_by_itself(space, owner):
    """No batch class: nothing happens but time."""
    buyer = factories.make_profile(space=space)
    account = factories.make_account(space=space, users=[buyer])
    order(space, buyer)
    audience = make_audience(space, owner, users_who("any", BOUGHT | {"window": {"within": {"minutes": 30}}}))
    before = member_ids(audience)

    with time_machine.travel(timezone.now() + timedelta(minutes=30, seconds=1), tick=False):
        due = recheck_block(space=space)

    assert before == {account.id}
    assert due == 1
    assert member_ids(audience) == set()


def test_account_traits_and_audiences_need_no_quantifier(space, owner):
    big = factories.make_account(space=space, traits={"seats": 500})
    factories.make_account(space=space, traits={"seats": 5})
    inner = make_audience(space, owner, accounts({"trait": "seats", "greater_than": 100}), name="Big")

    outer = make_audience(space, owner, accounts({"audience": inner.key, "member": True}), name="Outer")

    assert member_ids(inner) == {big.id}
    assert member_ids(outer) == {big.id}


def test_a_user_audience_follows_the_accounts_of_the_users(space, owner):
    """Spec §3.3: the user belongs to an account in that audience; also for users who did nothing."""
    buyer, colleague, stranger = (factories.make_profile(space=space) for _ in range(3))
    factories.make_account(space=space, users=[buyer, colleague])
    factories.make_account(space=space, users=[stranger])
    firms = make_audience(space, owner, users_who("any", BOUGHT))
    inside = {"version": 1, "collection": "users", "where": {"audience": firms.key, "member": True}}
    people = make_audience(space, owner, inside, name="People of firms")
    order(space, buyer)
    touch(space, buyer, events=["track:Order Completed"], traits=[])

    compute_block(space=space)

    assert member_ids(people) == {buyer.id, colleague.id}


def test_a_user_audience_follows_when_time_lets_the_account_leave(space, owner):
    buyer = factories.make_profile(space=space)
    factories.make_account(space=space, users=[buyer])
    order(space, buyer)
    firms = make_audience(space, owner, users_who("any", BOUGHT | {"window": {"within": {"hours": 1}}}))
    inside = {"version": 1, "collection": "users", "where": {"audience": firms.key, "member": True}}
    people = make_audience(space, owner, inside, name="People of firms")
    before = member_ids(people)

    with time_machine.travel(timezone.now() + timedelta(hours=1, seconds=1), tick=False):
        recheck_block(space=space)

    assert before == {buyer.id}
    assert member_ids(people) == set()


def test_an_audience_of_users_is_asked_of_the_users(space, owner):
    inside = {"version": 1, "collection": "users", "where": BOUGHT}
    buyers = make_audience(space, owner, inside, name="Buyers")

    with pytest.raises(DefinitionError) as caught:
        services.create_audience(
            space=space, name="Wrong", definition=accounts({"audience": buyers.key, "member": True}), created_by=owner
        )
    right = make_audience(space, owner, users_who("all", {"audience": buyers.key, "member": True}), name="Right")
    buyer = factories.make_profile(space=space)
    account = factories.make_account(space=space, users=[buyer])
    order(space, buyer)
    touch(space, buyer, account)
    compute_block(space=space)

    assert [(error.path, error.code) for error in caught.value.errors] == [("/where", "other_collection")]
    assert member_ids(right) == {account.id}


def test_users_and_accounts_cannot_be_made_to_wait_for_each_other(space, owner):
    firms = make_audience(space, owner, users_who("any", BOUGHT))
    inside = {"version": 1, "collection": "users", "where": {"audience": firms.key, "member": True}}
    people = make_audience(space, owner, inside, name="People")

    with pytest.raises(DefinitionError) as caught:
        services.update_audience(
            audience=firms,
            changed_by=owner,
            definition=users_who("any", {"audience": people.key, "member": True}),
        )

    assert [(error.path, error.code, error.detail) for error in caught.value.errors] == [
        ("/where/match", "cycle", "The audience would create a cycle by referencing another audience")
    ]


def test_group_is_one_call_an_account_and_identify_one_a_user(space, owner):
    """F142, F143, F144: on entering and on leaving, also of users who never did anything."""
    buyer, colleague = user(space, "buyer"), user(space, "colleague")
    factories.make_account(space=space, ids={"group_id": "g1"}, users=[buyer, colleague])
    order(space, buyer)
    window = BOUGHT | {"window": {"within": {"hours": 1}}}
    audience = make_audience(space, owner, users_who("any", window))
    connection = connected(space, owner, audience, send_group=True)
    sync_all()
    entered = said(connection)
    [group] = [call for call in payloads(connection) if call["type"] == "group"]
    clear(connection)

    with time_machine.travel(timezone.now() + timedelta(hours=1, seconds=1), tick=False):
        recheck_block(space=space)

    assert entered == ["group g1 True", "identify buyer True", "identify colleague True"]
    assert said(connection) == ["group g1 False", "identify buyer False", "identify colleague False"]
    assert (group["groupId"], group["traits"], "userId" in group) == ("g1", {"firms": True}, False)
    assert group["context"]["personas"]["computation_class"] == "audience"


def test_identify_is_preselected_for_accounts(space, owner):
    """F159."""
    audience = make_audience(space, owner, users_who("any", BOUGHT))

    connection = connected(space, owner, audience)

    assert (connection.send_identify, connection.send_track, connection.send_group) == (True, False, False)


def test_track_can_stand_for_identify(space, owner):
    member = user(space, "u1")
    factories.make_account(space=space, users=[member])
    audience = make_audience(space, owner, users_who("none", BOUGHT))
    connection = connected(space, owner, audience, send_identify=False, send_track=True)

    sync_all()

    [call] = payloads(connection)
    assert (call["type"], call["event"], call["userId"]) == ("track", "Audience Entered", "u1")
    assert call["properties"] == {"audience_key": "firms", "firms": True}


def test_group_calls_are_refused_for_users(space, owner):
    definition = {"version": 1, "collection": "users", "where": BOUGHT}
    audience = make_audience(space, owner, definition)

    with pytest.raises(ConnectionNotValidError) as caught:
        connected(space, owner, audience, send_group=True)

    assert [(error.path, error.code) for error in caught.value.errors] == [("/send_group", "users")]
    assert not Connection.objects.exists()


def test_a_user_of_two_accounts_leaves_with_the_last(space, owner):
    shared = user(space, "shared")
    first = factories.make_account(space=space, traits={"on": True}, users=[shared])
    second = factories.make_account(space=space, traits={"on": True}, users=[shared])
    audience = make_audience(space, owner, accounts({"trait": "on", "equals": True}))
    connection = connected(space, owner, audience)
    sync_all()
    entered = said(connection)
    clear(connection)
    switch_off(space, first)
    after_first = said(connection)
    switch_off(space, second)

    assert entered == ["identify shared True"]
    assert after_first == []
    assert said(connection) == ["identify shared False"]


def switch_off(space, account):
    type(account).objects.filter(id=account.id).update(traits={"on": False})
    touch(space, account, events=[], traits=["on"])
    compute_block(space=space)


def test_a_user_who_comes_to_an_account_inside_is_sent(space, owner):
    account = factories.make_account(space=space, traits={"on": True}, users=[user(space, "first")])
    audience = make_audience(space, owner, accounts({"trait": "on", "equals": True}))
    connection = connected(space, owner, audience, send_group=True)
    sync_all()
    clear(connection)
    late = user(space, "late")
    rows(
        "INSERT INTO account_link (space_id, account_id, profile_id, created_at) VALUES (%s, %s, %s, now()) "
        "RETURNING 1",
        space.pk, account.id, late.id,
    )  # fmt: skip
    touch(space, late, account)

    compute_block(space=space)

    assert said(connection) == ["identify late True"]


def test_the_list_holds_every_user_of_every_account(space, owner):
    """F070."""
    members = [user(space, f"u{number}", email=f"u{number}@example.com") for number in range(3)]
    factories.make_account(space=space, traits={"on": True}, users=members[:2])
    second = factories.make_account(space=space, traits={"on": True}, users=members[1:])
    factories.make_account(space=space, traits={"on": False}, users=[user(space, "outside", email="o@example.com")])
    audience = make_audience(space, owner, accounts({"trait": "on", "equals": True}))
    connection = connected(space, owner, audience, destination={"connector": "webhook_list"})
    sync_all()
    listed = set(ListChange.objects.filter(is_add=True).values_list("profile_id", flat=True))
    ListChange.objects.all().delete()

    switch_off(space, second)

    assert listed == {member.id for member in members}
    left = ListChange.objects.filter(connection_id=connection.pk).values_list("profile_id", "is_add")
    assert set(left) == {(members[2].id, False)}


def test_what_was_missed_while_paused_is_made_up_for(space, owner):
    member = user(space, "u1")
    account = factories.make_account(space=space, ids={"group_id": "g1"}, traits={"on": True}, users=[member])
    audience = make_audience(space, owner, accounts({"trait": "on", "equals": True}))
    connection = connected(space, owner, audience, send_group=True)
    sync_all()
    clear(connection)
    set_enabled(connection=connection, is_enabled=False, actor=owner)
    switch_off(space, account)
    while_paused = said(connection)
    set_enabled(connection=connection, is_enabled=True, actor=owner)

    sync_all()

    assert while_paused == []
    assert said(connection) == ["group g1 False", "identify u1 False"]
