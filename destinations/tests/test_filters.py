from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from common.errors import ConflictError, InvalidError
from destinations.config import load_config
from destinations.filter_texts import rows_of
from destinations.kit.definition import Audience, ListEntry
from destinations.kit.testing import Recording
from destinations.lists import list_context, send_batch
from destinations.models import Destination, DestinationFilter
from destinations.pipeline import Failed, Filtered, plan
from destinations.services.filters import create_filter, delete_filter, set_filter_enabled, update_filter
from destinations.services.tester import send_test_event
from destinations.tests.builders import audience_event, make_destination
from spaces.models import AuditEntry, Space, User

VIP = "context.personas.computation_key = 'vip'"


def make_filter(destination: Destination, kind: str = "DROP", condition: str = VIP, **more: Any) -> DestinationFilter:
    more.setdefault("name", f"{kind} {destination.filters.count()}")
    return create_filter(destination=destination, actor=None, kind=kind, condition=condition, **more)


def planned(destination: Destination, event: dict[str, Any] | None = None, **options: Any) -> Any:
    config = load_config(destination.pk)
    assert config is not None
    return plan(config, event or audience_event(), **options)


def test_a_filter_on_the_computation_key_drops_matching_calls(space: Space) -> None:
    """F037: usable in filters."""
    destination = make_destination(space=space)
    make_filter(destination, name="Not the VIPs")

    dropped = planned(destination)
    other = audience_event(context={"personas": {"computation_key": "new", "computation_class": "audience"}})

    assert dropped.outcome == Filtered(
        "FILTERED_BY_RULES", "The filter “Not the VIPs” stops the event: the event matches its condition."
    )
    assert [(stage.name, stage.ok) for stage in dropped.stages][-1] == ("filters", False)
    assert planned(destination, other).outcome is None


def test_filters_are_judged_before_settings_and_mappings_and_after_routing(space: Space) -> None:
    """W083: the pipeline order of delivery-and-observability.md §1."""
    destination = make_destination(space=space, connector="webhook_classic")
    make_filter(destination)
    Destination.objects.filter(pk=destination.pk).update(settings={})

    event = audience_event(integrations={})
    routed_away = planned(destination, audience_event(integrations={"All": False}))
    unsupported = planned(destination, audience_event(type="delete"))

    assert isinstance(routed_away.outcome, Filtered)
    assert routed_away.outcome.code == "FILTERED_BY_INTEGRATIONS_OBJECT"
    assert unsupported.outcome.code == "UNSUPPORTED_EVENT_TYPE"
    assert planned(destination, event).outcome.code == "FILTERED_BY_RULES"
    assert isinstance(planned(destination, {**event, "context": {}}).outcome, Failed)


def test_properties_are_taken_out_of_what_is_sent(space: Space) -> None:
    destination = make_destination(space=space)
    make_filter(destination, "DROP_PROPERTIES", fields=["properties.audience_key", "userId"])
    recording = Recording()

    for call in planned(destination).calls:
        recording.run(call.run())

    [request] = recording.requests
    sent = json.loads(request.body or b"")
    assert sent["properties"] == {"vip": True}
    assert "userId" not in sent


def test_a_filter_that_cannot_be_read_lets_nothing_pass(space: Space) -> None:
    """W083: broken FQL drops the event."""
    destination = make_destination(space=space)
    row = make_filter(destination)
    DestinationFilter.objects.filter(pk=row.pk).update(condition='userId = oops"')
    set_filter_enabled(row=make_filter(destination, name="other"), actor=None, is_enabled=False)

    outcome = planned(destination, audience_event(context={})).outcome

    assert outcome.code == "FILTERED_BY_RULES"
    assert 'it cannot be read (The text that starts with " has no closing ". (at character 14))' in outcome.sentence


def test_a_disabled_filter_does_nothing(space: Space) -> None:
    destination = make_destination(space=space)
    row = make_filter(destination)

    set_filter_enabled(row=row, actor=None, is_enabled=False)

    assert planned(destination).outcome is None


def test_the_eleventh_filter_is_refused(space: Space) -> None:
    """W083: at most 10 filters a destination."""
    destination = make_destination(space=space)
    for _number in range(10):
        make_filter(destination)

    with pytest.raises(ConflictError):
        make_filter(destination)

    assert destination.filters.count() == 10


@pytest.mark.parametrize(
    ("given", "paths"),
    [
        ({"name": " "}, ["/name"]),
        ({"name": "x" * 65}, ["/name"]),
        ({"kind": "EXPLODE"}, ["/kind"]),
        ({"condition": "lenght(event) = 1 and contains(event)"}, ["/condition", "/condition"]),
        ({"kind": "SAMPLE", "sample_percent": 120.0, "sample_path": "not a path"}, ["/sample_percent", "/sample_path"]),
        ({"kind": "SAMPLE", "sample_percent": float("nan")}, ["/sample_percent"]),
        ({"kind": "DROP_PROPERTIES"}, ["/fields"]),
        ({"kind": "DROP_PROPERTIES", "fields": ["type", "properties.a b"]}, ["/fields", "/fields"]),
        ({"kind": "ALLOW_PROPERTIES", "fields": ["userId"]}, ["/fields"]),
    ],
)
def test_a_filter_that_is_not_valid_names_its_fields(space: Space, given: dict[str, Any], paths: list[str]) -> None:
    destination = make_destination(space=space)

    with pytest.raises(InvalidError) as caught:
        create_filter(destination=destination, actor=None, **{"name": "A", "kind": "DROP", "condition": VIP, **given})

    assert [error.path for error in caught.value.errors] == paths
    assert destination.filters.count() == 0


def test_changes_are_in_the_audit_trail(space: Space, owner: User) -> None:
    destination = make_destination(space=space)
    row = create_filter(destination=destination, actor=owner, name="A", kind="DROP", condition=VIP)
    update_filter(row=row, actor=owner, changes={"name": "B"})
    set_filter_enabled(row=row, actor=owner, is_enabled=False)
    delete_filter(row=row, actor=owner)

    entries = AuditEntry.objects.filter(action__startswith="filter.").order_by("pk")

    assert [entry.action for entry in entries] == [
        "filter.created",
        "filter.updated",
        "filter.disabled",
        "filter.deleted",
    ]
    assert (entries[1].before, entries[1].after) == ({"name": "A"}, {"name": "B"})


def test_the_tester_tells_the_verdict_and_obeys_it_only_when_asked(space: Space) -> None:
    """W084: the event tester ignores destination filters."""
    destination = make_destination(space=space, settings={"url": "http://127.0.0.1:1/hook"})
    make_filter(destination, name="Not the VIPs")

    ignored = send_test_event(destination=destination, sent_by=None, event=audience_event()).result
    applied = send_test_event(
        destination=destination, sent_by=None, event=audience_event(), applies_filters=True
    ).result

    [stage] = [stage for stage in ignored["stages"] if stage["name"] == "filters"]
    assert stage["ok"] is False
    assert stage["detail"] == (
        "The filter “Not the VIPs” stops the event: the event matches its condition. "
        "This test goes on all the same: filters are not applied to it."
    )
    assert len(ignored["calls"]) == 1
    assert (applied["outcome"], applied["code"], applied["calls"]) == ("filtered", "FILTERED_BY_RULES", [])


def test_lists_are_filtered_entry_by_entry(space: Space) -> None:
    destination = make_destination(
        space=space, connector="webhook_list", settings={"url": "https://example.org/l", "batchSize": 10}
    )
    make_filter(destination, condition="userId = 'u2'")
    config = load_config(destination.pk)
    assert config is not None
    audience = Audience(id="a", key="vip", name="VIP", space_id="s")
    entries = [
        ListEntry(message_id=f"m{user}", id_type="user_id", id_value=user, event=audience_event(userId=user))
        for user in ("u1", "u2", "u3")
    ]
    recording = Recording()

    verdicts = recording.run(
        send_batch(
            config, list_context(config, audience, settings={}, external_id=""), audience, entries[:2], entries[2:]
        )
    )

    assert [verdict.outcome for verdict in verdicts] == ["delivered", "filtered", "delivered"]
    assert verdicts[1].code == "FILTERED_BY_RULES"
    assert b'"u2"' not in (recording.requests[0].body or b"")


def test_a_destination_without_filters_costs_no_query(space: Space, django_assert_num_queries: Any) -> None:
    destination = make_destination(space=space)
    load_config(destination.pk)

    with django_assert_num_queries(1):
        found = load_config(destination.pk)

    assert found is not None
    with django_assert_num_queries(0):
        plan(found, audience_event())


def test_filters_over_the_api(space: Space, owner: User, api_for: Callable[..., APIClient]) -> None:
    destination = make_destination(space=space)
    url = f"/api/v1/spaces/{space.slug}/destinations/{destination.public_id}/filters/"
    api = api_for(owner)
    given = {"title": "Mine", "if": VIP, "actions": [{"type": "DROP"}], "enabled": True}

    made = api.post(url, given, format="json")
    one = f"{url}{made.json()['id']}/"
    fields = {"properties": ["email", "products.price"], "": ["userId"]}
    changed = api.patch(one, {"actions": [{"type": "DROP_PROPERTIES", "fields": fields}]}, format="json")
    refused = api.patch(one, {"if": "event ="}, format="json")
    judged = api.post(
        f"{url}preview/", {"if": VIP, "actions": [{"type": "DROP"}], "event": audience_event()}, format="json"
    )

    assert (made.status_code, made.json()["if"], made.json()["actions"]) == (201, VIP, [{"type": "DROP"}])
    assert changed.json()["actions"] == [{"type": "DROP_PROPERTIES", "fields": fields}]
    assert (refused.status_code, refused.json()["errors"][0]["path"]) == (400, "/condition")
    assert (judged.json()["verdict"], judged.json()["event"]) == ("stopped", None)
    assert [row["title"] for row in api.get(url).json()["results"]] == ["Mine"]
    assert api.delete(one).status_code == 204
    assert destination.filters.count() == 0


def test_filters_on_their_pages(space: Space, owner: User, client_for: Callable[[User], Client]) -> None:
    destination = make_destination(space=space)
    client = client_for(owner)
    url = f"/s/{space.slug}/destinations/{destination.public_id}/filters/"
    given = {"kind": "ONLY_SEND", "condition": VIP, "name": "Only VIPs", "is_enabled": "on", "do": "save"}

    checked = client.post(f"{url}new/", {**given, "do": "check", "event": json.dumps(audience_event(context={}))})
    saved = client.post(f"{url}new/", given)
    row = destination.filters.get()
    editor = client.get(f"{url}{row.public_id}/")
    listed = client.get(url)
    broken = client.post(f"{url}{row.public_id}/", {**given, "condition": "event ="})

    assert 'data-state="stopped"' in checked.content.decode()
    assert (saved.status_code, row.kind, row.condition) == (302, "DROP", f"!({VIP})")
    assert editor.context["form"].initial["kind"] == "ONLY_SEND"
    assert "Sends only events that match" in listed.content.decode()
    assert broken.status_code == 422
    assert "A field, a value or a function is missing here" in broken.content.decode()


@pytest.mark.parametrize(
    ("condition", "rows"),
    [
        ("userId = 'a' and properties.n > 5", [("userId", "is", "a"), ("properties.n", "more", "5")]),
        ("!match(traits.email, '*@x')", [("traits.email", "not_matches", "*@x")]),
        ("contains(event, 'A') and properties.ok = true", [("event", "contains", "A"), ("properties.ok", "true", "")]),
        ("traits.first\\ name != null", [("traits.first\\ name", "not_null", "")]),
        ("properties.n != 2.5", [("properties.n", "is_not_number", "2.5")]),
    ],
)
def test_conditions_of_one_level_become_rows(condition: str, rows: list[tuple[str, str, str]]) -> None:
    found = rows_of(condition)

    assert found is not None
    assert [(row["field"], row["operator"], row["value"]) for row in found["rows"]] == rows


@pytest.mark.parametrize("condition", ["a = 1 and (b = 2 or c = 3)", "type in ['a']", "length(a) > 2", "a = b", "("])
def test_other_conditions_stay_text(condition: str) -> None:
    assert rows_of(condition) is None
