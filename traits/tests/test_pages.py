"""The pages of computed traits: list, builder, review, overview, values, settings, destinations."""

from __future__ import annotations

import pytest
from django.urls import reverse
from django.utils import timezone

from audiences.models import ComputationKey, ComputeStatus
from audiences.services.audiences import create_audience
from delivery.models import Connection
from delivery.services.source_connections import connect_source
from delivery.tests.builders import make_destination
from destinations import catalog
from profiles.models import ObservedField
from spaces.models import AuditEntry
from tests import factories
from traits.models import Trait
from traits.services.traits import set_enabled
from traits.tests.building import REVENUE, make_trait, order

pytestmark = pytest.mark.django_db
LIST = next(slug for slug, one in sorted(catalog.definitions().items()) if one.kind == "list")


def url(name, space, **where):
    return reverse(f"traits:{name}", kwargs={"space": space.slug, **where})


@pytest.fixture
def client(client_for, owner):
    return client_for(owner)


@pytest.fixture
def trait(space):
    buyer = factories.make_profile(space=space, traits={"name": "Ann"})
    order(buyer, 450)
    return make_trait(space=space)


FORM = {
    "kind": "aggregation",
    "collection": "users",
    "n.kind": "group",
    "n.implied": "1",
    "n-0.kind": "event",
    "n-0.type": "track",
    "n-0.name": "Order Completed",
    "n-0.window": "within",
    "n-0.amount": "180",
    "n-0.unit": "days",
    "aggregate": "sum",
    "value": "revenue",
    "options": "1",
    "include_historical": "1",
}


def test_an_empty_list_says_what_to_do(client, space):
    answer = client.get(url("list", space))

    assert "No computed traits yet" in answer.content.decode()


def test_the_list_shows_type_status_and_size(client, space, trait):
    text = client.get(url("list", space)).content.decode()
    missing = client.get(url("list", space), {"q": "nothing like it"}).content.decode()

    assert all(part in text for part in ("Total revenue", "total_revenue", "Aggregation", "Live"))
    assert "Clear filters" in missing


def test_building_and_creating_with_a_destination(client, space):
    """F060: type, event, value, window; then name and destination; it computes and is connected."""
    destination = make_destination(space=space)
    hidden = make_destination(space=space, connector=LIST)
    start = client.get(url("new", space))
    build = client.post(start.url, FORM | {"op": "next"})
    review = client.get(build.url).content.decode()

    done = client.post(build.url, {"op": "create", "name": "Total revenue", "destination": [destination.public_id]})

    trait = Trait.objects.get()
    assert destination.name in review
    assert hidden.name not in review
    assert trait.definition == REVENUE | {"event": {"event": "Order Completed", "window": {"within": {"days": 180}}}}
    assert (trait.key, trait.status) == ("total_revenue", ComputeStatus.PREPARING)
    assert done.url == url("overview", space, trait_id=trait.public_id)
    connection = Connection.objects.get()
    assert (connection.computation_class, connection.enter_event) == ("trait", "Trait Computed")
    assert (connection.send_identify, connection.send_track) == (True, False)


def test_what_is_missing_is_said_at_its_field(client, space):
    start = client.get(url("new", space))

    answer = client.post(start.url, FORM | {"op": "next", "n-0.name": "", "value": "", "n-0.amount": "x"})

    text = answer.content.decode()
    assert answer.status_code == 422
    assert 'href="#n-0.name"' in text
    assert 'href="#value"' in text
    assert 'href="#n-0.amount"' in text
    assert not Trait.objects.exists()


def test_the_preview_shows_values_and_their_distribution(client, space):
    for revenue in (10, 20, 450):
        order(factories.make_profile(space=space), revenue)
    start = client.get(url("new", space))

    answer = client.post(start.url, FORM | {"op": "preview"})

    report = answer.context["preview"]
    assert (report.total, [item.value for item in report.sample]) == (3, [10, 20, 450])
    assert (report.distribution.low, report.distribution.high, report.distribution.sum) == (10, 450, 480)
    assert [bucket.profiles for bucket in report.distribution.buckets] == [2, 0, 0, 0, 0, 0, 0, 0, 0, 1]
    assert "Sum of “revenue”" in answer.content.decode()


def test_the_preview_of_texts_lists_the_most_common(client, space):
    for category in ("shoes", "shoes", "hats"):
        order(factories.make_profile(space=space), properties={"category": category})
    start = client.get(url("new", space))

    answer = client.post(start.url, FORM | {"kind": "last", "value": "category", "op": "preview"})

    common = answer.context["preview"].distribution.common
    assert [(item.value, item.profiles, item.percent) for item in common] == [("shoes", 2, 67), ("hats", 1, 33)]


def test_the_overview_shows_the_most_common_values(client, space, trait):
    """W053."""
    text = client.get(url("overview", space, trait_id=trait.public_id)).content.decode()

    assert "Sum of “revenue” over all times the user performed “Order Completed”." in text
    assert "450" in text
    assert trait.public_id in text


def test_the_values_page_lists_who_has_which(client, space, trait):
    text = client.get(url("values", space, trait_id=trait.public_id)).content.decode()

    assert "Ann" in text
    assert "450" in text


def test_an_edit_says_what_it_would_change_and_computes_again(client, space, trait):
    order(factories.make_profile(space=space), 5)
    address = url("builder", space, trait_id=trait.public_id)
    form = FORM | {"aggregate": "max", "revision": "1"}
    preview = client.post(address, form | {"op": "preview"})
    saved = client.post(address, form | {"op": "save"})

    trait.refresh_from_db()
    assert preview.context["preview"].changed == 1
    assert saved.status_code == 302
    assert (trait.definition["aggregate"], trait.revision, trait.status) == ("max", 2, ComputeStatus.PREPARING)


def test_somebody_elses_edit_is_not_overwritten(client, space, trait):
    Trait.objects.update(revision=2)

    answer = client.post(
        url("builder", space, trait_id=trait.public_id), FORM | {"aggregate": "max", "revision": "1", "op": "save"}
    )

    assert answer.status_code == 409
    assert Trait.objects.get().definition == REVENUE


def test_a_clone_starts_from_the_definition(client, space, trait):
    answer = client.get(url("clone", space, trait_id=trait.public_id))

    text = client.get(answer.url).content.decode()
    assert "Total revenue (copy)" in text
    assert 'value="revenue"' in text


def test_only_event_destinations_are_offered(client, space, trait):
    """F065."""
    destination = make_destination(space=space)
    hidden = make_destination(space=space, connector=LIST)

    text = client.get(url("choose_destination", space, trait_id=trait.public_id)).content.decode()
    refused = client.get(url("add_destination", space, trait_id=trait.public_id, destination_id=hidden.public_id))

    assert destination.name in text
    assert hidden.name not in text
    assert refused.status_code == 404


def test_a_destination_that_a_source_feeds_is_offered_with_the_reason_alone(client, space):
    fed = make_destination(space=space)
    connect_source(source=factories.make_source(space=space, name="Website"), destination=fed, actor=None)
    start = client.get(url("new", space))
    build = client.post(start.url, FORM | {"op": "next"})

    review = client.get(build.url).content.decode()

    assert f"{fed.name} gets the events of Website directly" in review
    assert f'value="{fed.public_id}"' not in review


def test_connecting_renaming_pausing_and_removing(client, space, trait):
    """F087: the Track name is changed in the connection's sheet."""
    destination = make_destination(space=space)
    where = {"trait_id": trait.public_id}
    client.post(
        url("add_destination", space, **where, destination_id=destination.public_id),
        {"send_identify": "1", "enter_event": "Trait Computed", "exit_event": "x", "setup": "default",
         "value_format": "boolean"},
    )  # fmt: skip
    connection = Connection.objects.get()
    where["connection_id"] = connection.public_id
    sheet = client.get(url("connection", space, **where)).content.decode()
    client.post(
        url("connection", space, **where),
        {"connection-send_track": "1", "connection-enter_event": "Revenue Changed", "connection-exit_event": "x",
         "connection-setup": "default", "connection-value_format": "boolean"},
    )  # fmt: skip
    connection.refresh_from_db()
    renamed = (connection.send_identify, connection.send_track, connection.enter_event)
    client.post(url("connection_toggle", space, **where), {"enabled": "0"})
    connection.refresh_from_db()
    paused = connection.is_enabled
    client.post(url("connection_remove", space, **where))

    connection.refresh_from_db()
    assert "Event when a person leaves" not in sheet
    assert renamed == (False, True, "Revenue Changed")
    assert paused is False
    assert connection.removed_at is not None


@pytest.mark.parametrize("tab", ["mappings", "tester", "recent"])
def test_every_tab_of_a_connection_opens(client, space, trait, tab):
    destination = make_destination(space=space)
    client.post(
        url("add_destination", space, trait_id=trait.public_id, destination_id=destination.public_id),
        {"send_identify": "1", "enter_event": "Trait Computed", "exit_event": "x", "setup": "default",
         "value_format": "boolean"},
    )  # fmt: skip
    connection = Connection.objects.get()

    answer = client.get(
        url("connection", space, trait_id=trait.public_id, connection_id=connection.public_id), {"tab": tab}
    )

    assert answer.status_code == 200


def test_disabling_and_deleting_keep_the_key_reserved(client, space, trait):
    """W044, W055."""
    where = {"trait_id": trait.public_id}
    client.post(url("delete", space, **where), {"confirm_name": trait.name})
    refused = Trait.objects.live().count()
    client.post(url("toggle", space, **where), {"enabled": "0"})
    client.post(url("delete", space, **where), {"confirm_name": trait.name})

    assert refused == 1
    assert Trait.objects.live().count() == 0
    assert ComputationKey.objects.filter(key="total_revenue").exists()
    actions = list(AuditEntry.objects.order_by("id").values_list("action", flat=True))
    assert actions[-3:] == ["trait.created", "trait.disabled", "trait.deleted"]


def test_settings_name_the_consumers(client, space, trait, owner):
    create_audience(
        space=space,
        name="Big spenders",
        definition={"version": 1, "collection": "users", "where": {"trait": "total_revenue", "greater_than": 100}},
        created_by=owner,
    )

    text = client.get(url("settings", space, trait_id=trait.public_id)).content.decode()

    assert "Big spenders" in text


def test_a_key_of_a_custom_trait_is_refused(client, space):
    ObservedField.objects.create(
        space_id=space.pk, scope="trait", event_type=0, event_name="", path="plan", value_type="string",
        samples=[], last_seen_at=timezone.now(),
    )  # fmt: skip
    start = client.get(url("new", space))
    build = client.post(start.url, FORM | {"op": "next"})

    answer = client.post(build.url, {"op": "create", "name": "Plan"})

    assert answer.status_code == 422
    assert "custom trait plan already" in answer.content.decode()
    assert not Trait.objects.exists()
    assert not ComputationKey.objects.exists()


def test_refresh_computes_everybody_again(client, space, trait):
    client.post(url("refresh", space, trait_id=trait.public_id))

    trait.refresh_from_db()
    assert (trait.status, trait.runs.count()) == (ComputeStatus.PREPARING, 2)


def test_a_profile_shows_its_computed_traits(client, space, trait):
    profile = factories.make_profile(space=space)

    text = client.get(url("profile_traits", space, segment_id=profile.segment_id)).content.decode()

    assert "Total revenue" in text
    assert "no value" in text


def test_a_disabled_trait_cannot_be_refreshed(client, space, trait, owner):
    set_enabled(trait=trait, is_enabled=False, changed_by=owner)

    client.post(url("refresh", space, trait_id=trait.public_id))

    trait.refresh_from_db()
    assert trait.status == ComputeStatus.DISABLED
