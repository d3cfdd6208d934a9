from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client, override_settings
from django.utils import timezone
from rest_framework.test import APIClient

from alerts.models import AlertEvent, AlertMessage, AlertRule
from alerts.services import evaluating
from audiences.models import Audience
from destinations.models import Destination
from spaces.models import AuditEntry, Space, User

ClientFor = Callable[[User], Client]
MakeRule = Callable[..., AlertRule]


def fire(space: Space) -> AlertEvent:
    Destination.objects.filter(space=space).update(paused_at=timezone.now(), pause_reason="Refused.")
    evaluating.evaluate_all()
    return AlertEvent.objects.get(is_firing=True)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "history/",
        "new/",
        "new/?kind=delivery_rate",
        "new/?kind=nonsense",
        "destinations/{d}/",
        "audiences/{a}/",
        "{r}/",
    ],
)
def test_pages_answer(
    client_for: ClientFor,
    viewer: User,
    space: Space,
    destination: Destination,
    audience: Audience,
    make_rule: MakeRule,
    path: str,
) -> None:
    rule = make_rule("destination_disabled", destination=destination)
    fire(space)
    path = path.format(d=destination.public_id, a=audience.public_id, r=rule.public_id)

    assert client_for(viewer).get(f"/s/{space.slug}/alerts/{path}").status_code == 200


def test_alert_is_made_changed_and_deleted_by_forms(
    client_for: ClientFor, editor: User, space: Space, destination: Destination
) -> None:
    client = client_for(editor)
    base = f"/s/{space.slug}/alerts"
    sent = {"destination": destination.public_id, "threshold": "90", "hours": "2", "least": "5", "in_app": "on"}

    wrong = client.post(f"{base}/new/?kind=delivery_rate", sent | {"threshold": "101", "hours": "0"})
    made = client.post(f"{base}/new/?kind=delivery_rate", sent)
    rule = AlertRule.objects.get()
    changed = client.post(f"{base}/{rule.public_id}/", {"threshold": "80", "hours": "1", "least": "5", "in_app": "on"})
    off = client.post(f"{base}/{rule.public_id}/enabled/", {"enabled": "0"})
    rule.refresh_from_db()
    deleted = client.post(f"{base}/{rule.public_id}/delete/")

    assert wrong.status_code == 422
    assert "Use a percentage up to 100." in wrong.content.decode()
    assert "Use 1 to 336 hours." in wrong.content.decode()
    assert [answer.status_code for answer in (made, changed, off, deleted)] == [302] * 4
    assert (rule.threshold, rule.hours, rule.is_enabled) == (80.0, 1, False)
    assert AlertRule.objects.count() == 0
    actions = AuditEntry.objects.filter(object_type="alertrule").order_by("id").values_list("action", flat=True)
    assert list(actions) == ["alert.created", "alert.updated", "alert.updated", "alert.deleted"]


@pytest.mark.parametrize(
    ("values", "path"),
    [
        ({"in_app": False}, "/in_app"),
        ({"emails": ["not an address"]}, "/emails"),
        ({"emails": ["a@example.com"]}, "/emails"),
        ({"webhook_url": "ftp://example.com"}, "/webhook_url"),
        ({"webhook_url": "nonsense"}, "/webhook_url"),
        ({"threshold": 0}, "/threshold"),
        ({"source": "unknown"}, "/source"),
        ({"destination": "unknown"}, "/destination"),
    ],
)
def test_bad_input_is_refused_at_its_field(
    api_for: Callable[..., APIClient],
    owner: User,
    space: Space,
    destination: Destination,
    values: dict[str, Any],
    path: str,
) -> None:
    body = {"kind": "delivery_rate", "destination": destination.public_id} | values

    answer = api_for(owner, space).post(f"/api/v1/spaces/{space.slug}/alerts/", body, format="json")

    assert answer.status_code == 400
    assert path in [error["path"] for error in answer.json()["errors"]]
    assert AlertRule.objects.count() == 0


def test_only_the_maker_and_owners_change_an_alert(
    client_for: ClientFor, editor: User, admin: User, owner: User, space: Space, make_rule: MakeRule
) -> None:
    """Connections alerting: creator or Workspace Owner may edit and delete."""
    rule = make_rule("compute_failed", actor=editor)
    url = f"/s/{space.slug}/alerts/{rule.public_id}/enabled/"

    statuses = [client_for(user).post(url, {"enabled": "0"}).status_code for user in (admin, editor, owner)]

    assert statuses == [403, 302, 302]


def test_outsider_and_viewer_change_nothing(
    client_for: ClientFor, outsider: User, viewer: User, space: Space, make_rule: MakeRule
) -> None:
    rule = make_rule("compute_failed")
    url = f"/s/{space.slug}/alerts/{rule.public_id}/delete/"

    assert [client_for(user).post(url).status_code for user in (outsider, viewer)] == [404, 403]
    assert AlertRule.objects.count() == 1


def test_bell_counts_what_is_unread_for_each_member(
    client_for: ClientFor, owner: User, viewer: User, space: Space, destination: Destination, make_rule: MakeRule
) -> None:
    make_rule("destination_disabled", destination=destination)
    fire(space)
    mine, theirs = client_for(owner), client_for(viewer)
    home = f"/s/{space.slug}/alerts/"

    before = mine.get(home).content.decode()
    mine.post(f"/s/{space.slug}/alerts/seen/")
    after = mine.get(home).content.decode()
    other = theirs.get(home).content.decode()
    read = theirs.post(f"/s/{space.slug}/alerts/seen/").status_code

    assert 'data-test="bell.unread"' in before
    assert before.count('data-test="bell.item"') == 1
    assert 'data-test="bell.unread"' not in after
    assert 'data-test="bell.unread"' in other
    assert read == 302


def test_deleting_a_rule_keeps_its_history_and_sends_nothing_more(
    client_for: ClientFor, owner: User, space: Space, destination: Destination, make_rule: MakeRule
) -> None:
    with override_settings(ENGAGE_SMTP_URL="smtp://mail.example.com"):
        rule = make_rule("destination_disabled", destination=destination, emails=["a@example.com"])
    event = fire(space)

    client_for(owner).post(f"/s/{space.slug}/alerts/{rule.public_id}/delete/")

    event.refresh_from_db()
    assert (event.rule, event.name) == (None, "Destination paused automatically: CRM")
    assert AlertMessage.objects.get().state == "failed"


def test_api_makes_reads_changes_and_tells_the_history(
    api_for: Callable[..., APIClient], owner: User, space: Space, destination: Destination
) -> None:
    api = api_for(owner, space)
    base = f"/api/v1/spaces/{space.slug}/alerts/"
    body = {
        "kind": "destination_disabled",
        "destination": destination.public_id,
        "webhook_url": "https://hooks.slack.com/services/T/B/secret",
    }

    made = api.post(base, body, format="json")
    fire(space)
    read = api.get(f"{base}{made.json()['id']}/")
    listed = api.get(base).json()["results"]
    changed = api.patch(f"{base}{made.json()['id']}/", {"enabled": False, "webhook_url": ""}, format="json")
    told = api.get(f"{base}history/").json()["results"]
    gone = api.delete(f"{base}{made.json()['id']}/")

    assert made.status_code == 201
    assert (made.json()["webhook_host"], made.json()["state"]) == ("hooks.slack.com", "waiting")
    assert "secret" not in made.content.decode()
    assert (read.json()["state"], len(listed)) == ("firing", 1)
    assert (changed.json()["state"], changed.json()["webhook_host"]) == ("disabled", "")
    assert [(event["firing"], [one["channel"] for one in event["messages"]]) for event in told] == [(True, ["webhook"])]
    assert gone.status_code == 204
