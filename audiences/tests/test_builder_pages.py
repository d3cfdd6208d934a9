"""The builder's pages through the browser's eyes, without script: create, edit, preview, refusals."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from audiences.models import Audience, ComputeRun, Membership
from audiences.services.audiences import create_audience
from delivery.models import Connection
from delivery.services.source_connections import connect_source
from destinations.models import Destination
from spaces.models import Space, User
from tests import factories

ClientFor = Callable[[User], Client]
BOUGHT = {"version": 1, "collection": "users", "where": {"all": [{"event": "Order Completed"}]}}
ROWS = {
    "n.kind": "group",
    "n.joiner": "all",
    "n-0.kind": "event",
    "n-0.type": "track",
    "n-0.name": "Order Completed",
    "n-0.count_operator": "gte",
    "n-0.count": "2",
    "n-0.window": "within",
    "n-0.amount": "30",
    "n-0.unit": "days",
}


def text_of(response: Any) -> str:
    return html.unescape(response.content.decode())


class FormReader(HTMLParser):
    """What a browser without script would post of the builder's form, buttons apart."""

    def __init__(self) -> None:
        super().__init__()
        self.is_inside, self.select = False, ""
        self.found: dict[str, list[str]] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        name, value = given.get("name") or "", given.get("value") or ""
        self.is_inside = self.is_inside or given.get("id") == "builder"
        if not self.is_inside:
            return
        if tag == "select":
            self.select = name
        elif tag == "option" and (self.select not in self.found or "selected" in given):
            self.found[self.select] = [value]
        elif tag == "input" and (given.get("type") != "checkbox" or "checked" in given):
            self.found.setdefault(name, []).append(value)

    def handle_endtag(self, tag: str) -> None:
        self.is_inside = self.is_inside and tag != "form"


def fields_of(response: HttpResponse) -> dict[str, list[str]]:
    reader = FormReader()
    reader.feed(response.content.decode())
    return reader.found


def buyer(space: Space, orders: int = 2, **traits: Any) -> Any:
    profile = factories.make_profile(space=space, traits=traits)
    for _ in range(orders):
        factories.make_event(profile=profile, ts=timezone.now() - timedelta(days=1))
    return profile


@pytest.fixture
def audience(space: Space, owner: User) -> Audience:
    made = create_audience(space=space, name="Buyers", definition=BOUGHT, created_by=owner)
    ComputeRun.objects.filter(audience=made).update(state=ComputeRun.State.DONE)
    return made


@pytest.fixture
def webhook(space: Space) -> Destination:
    return Destination.objects.create(space=space, name="Hook", connector="webhook")


def at(space: Space, path: str) -> str:
    return f"/s/{space.slug}/audiences/{path}"


def builder_url(audience: Audience, query: str = "") -> str:
    return at(audience.space, f"{audience.public_id}/builder/{query}")


def test_new_starts_with_a_draft_of_its_own(space: Space, editor: User, client_for: ClientFor) -> None:
    client = client_for(editor)

    moved = client.get(at(space, "new/"))
    response = client.get(moved["Location"])

    assert moved.status_code == 302
    assert re.fullmatch(at(space, r"new/\?draft=\w{12}"), moved["Location"])
    assert response.status_code == 200
    assert fields_of(response)["n-0.kind"] == ["event"]


def test_an_audience_is_made_without_script(
    space: Space, editor: User, client_for: ClientFor, webhook: Destination
) -> None:
    client, draft = client_for(editor), "?draft=d123456"
    buyer(space)
    started = fields_of(client.get(at(space, f"new/{draft}")))

    added = client.post(at(space, f"new/{draft}"), started | {"n-0.name": "Order Completed", "op": "add:n:trait"})
    posted = fields_of(added) | {"n-1.t.name": "plan", "n-1.t.operator": "missing", "n-0.count": "2", "op": "next"}
    built = client.post(at(space, f"new/{draft}"), posted)
    sent = client.post(
        built["Location"],
        {
            "destination": webhook.public_id,
            f"{webhook.public_id}-send_track": "1",
            f"{webhook.public_id}-enter_event": "In",
            f"{webhook.public_id}-exit_event": "Out",
            "op": "next",
        },
    )
    review = client.get(sent["Location"])
    created = client.post(sent["Location"], {"name": "Big spenders", "key": "big", "op": "create"})

    made = Audience.objects.get(space=space)
    connection = Connection.objects.get(computation_id=made.public_id)
    assert 'data-test="builder.estimate">1<' in text_of(review)
    assert "About 1 call" in text_of(review)
    assert created["Location"] == at(space, f"{made.public_id}/")
    assert (made.name, made.key, made.created_by) == ("Big spenders", "big", editor)
    assert made.definition["where"] == {
        "all": [{"event": "Order Completed", "count": {"gte": 2}}, {"trait": "plan", "exists": False}]
    }
    assert (connection.send_identify, connection.send_track) == (False, True)
    assert (connection.enter_event, connection.exit_event) == ("In", "Out")


def test_problems_are_shown_at_their_fields_and_nothing_moves_on(
    space: Space, editor: User, client_for: ClientFor
) -> None:
    client = client_for(editor)

    response = client.post(at(space, "new/?draft=d123456"), ROWS | {"n-0.name": "", "n-0.amount": "soon", "op": "next"})

    assert response.status_code == 422
    assert 'id="n-0.name-error"' in text_of(response)
    assert 'id="n-0.amount-error"' in text_of(response)
    assert fields_of(response)["n-0.amount"] == ["soon"]


def test_an_audience_that_does_not_exist_is_a_problem_of_its_row(
    space: Space, editor: User, client_for: ClientFor
) -> None:
    rows = ROWS | {"n-1.kind": "audience", "n-1.audience": "gone", "n-1.member": "1", "op": "next"}

    response = client_for(editor).post(at(space, "new/?draft=d123456"), rows)

    assert response.status_code == 422
    assert 'id="n-1.audience-error"' in text_of(response)


def test_a_reload_finds_the_draft_again(space: Space, editor: User, client_for: ClientFor) -> None:
    client = client_for(editor)
    client.post(at(space, "new/?draft=d123456"), ROWS | {"n-0.name": "Half a na", "op": "keep"})

    response = client.get(at(space, "new/?draft=d123456"))

    assert fields_of(response)["n-0.name"] == ["Half a na"]


def test_a_key_that_was_used_is_refused_at_the_key(
    space: Space, editor: User, client_for: ClientFor, audience: Audience
) -> None:
    client = client_for(editor)
    client.post(at(space, "new/?draft=d123456"), ROWS | {"op": "next"})

    response = client.post(at(space, "new/?draft=d123456&step=review"), {"name": "Other", "key": "buyers"})

    assert response.status_code == 422
    assert 'id="id_key_error"' in text_of(response)
    assert Audience.objects.filter(space=space).count() == 1


def test_two_events_of_one_name_are_refused_at_the_destination(
    space: Space, editor: User, client_for: ClientFor, webhook: Destination
) -> None:
    client, name = client_for(editor), webhook.public_id
    client.post(at(space, "new/?draft=d123456"), ROWS | {"op": "next"})

    response = client.post(
        at(space, "new/?draft=d123456&step=destinations"),
        {"destination": name, f"{name}-send_track": "1", f"{name}-enter_event": "A", f"{name}-exit_event": "A"},
    )

    assert response.status_code == 422
    assert "Entering and leaving need different event names." in text_of(response)


def test_a_destination_that_a_source_feeds_is_shown_with_the_reason_and_cannot_be_ticked(
    space: Space, editor: User, client_for: ClientFor, webhook: Destination
) -> None:
    client, url, name = client_for(editor), at(space, "new/?draft=d123456"), webhook.public_id
    client.post(url, ROWS | {"op": "next"})
    client.post(f"{url}&step=destinations", {"destination": name, f"{name}-send_track": "1", "op": "next"})
    reason = f"{webhook.name} gets the events of Website directly"

    connect_source(source=factories.make_source(space=space, name="Website"), destination=webhook, actor=None)
    created = client.post(f"{url}&step=review", {"name": "Buyers", "key": "buyers", "op": "create"})
    ticked = client.post(f"{url}&step=destinations", {"destination": name, f"{name}-send_track": "1", "op": "next"})
    left_out = client.post(f"{url}&step=destinations", {"op": "next"})

    assert (created.status_code, ticked.status_code, left_out.status_code) == (422, 422, 302)
    assert reason in text_of(created)
    assert reason in text_of(ticked)
    assert f'value="{name}"' not in text_of(ticked)
    assert not Audience.objects.exists()


def test_a_draft_that_is_gone_starts_again(space: Space, editor: User, client_for: ClientFor) -> None:
    response = client_for(editor).get(at(space, "new/?draft=d123456&step=review"))

    assert response["Location"] == at(space, "new/?draft=d123456")


def test_the_key_follows_the_name(space: Space, editor: User, client_for: ClientFor, audience: Audience) -> None:
    response = client_for(editor).get(at(space, "key/?name=Buyers!"), headers={"HX-Request": "true"})

    assert 'value="buyers_2"' in text_of(response)


def test_preview_counts_parts_coverage_and_the_difference(
    space: Space, editor: User, client_for: ClientFor, audience: Audience
) -> None:
    stays, comes, goes = buyer(space, name="Ada"), buyer(space, name="Ben"), buyer(space, orders=1, name="Cem")
    factories.make_identifier(profile=stays, id_type="email", value="ada@example.com")
    for profile in (stays, goes):
        Membership.objects.create(
            space_id=space.pk,
            audience_id=audience.pk,
            profile_id=profile.id,
            is_member=True,
            changed_at=timezone.now(),
        )
    rows = ROWS | {"n-1.kind": "identifier", "n-1.identifier": "user_id", "n-1.exists": "1", "op": "preview"}

    response = client_for(editor).post(builder_url(audience), rows, headers={"HX-Request": "true"})

    page = " ".join(re.sub(r"<[^>]+>", " ", text_of(response)).split())
    assert response.status_code == 200
    assert page.startswith("The definition has changed since. 2 profiles match now")
    assert re.search(r"\+1 / .1 against the saved definition", page)
    assert "at least 2 times within the last 30 days 2" in page
    assert "Have an identifier “user_id” 3" in page
    assert "email 50 %" in page
    assert comes.segment_id in text_of(response)
    assert goes.segment_id not in text_of(response)


def test_a_preview_of_a_wrong_definition_shows_its_problems(space: Space, editor: User, client_for: ClientFor) -> None:
    response = client_for(editor).post(
        at(space, "new/?draft=d123456"), ROWS | {"n-0.name": "", "op": "preview"}, headers={"HX-Request": "true"}
    )

    assert response.status_code == 422
    assert response["HX-Retarget"] == "#definition"


def test_a_saved_edit_is_computed_by_the_new_definition(
    editor: User, client_for: ClientFor, audience: Audience
) -> None:
    response = client_for(editor).post(builder_url(audience), ROWS | {"revision": "1", "op": "save"})

    audience.refresh_from_db()
    assert response["Location"] == at(audience.space, f"{audience.public_id}/")
    assert audience.revision == 2
    assert audience.definition["where"] == {
        "all": [{"event": "Order Completed", "count": {"gte": 2}, "window": {"within": {"days": 30}}}]
    }
    assert audience.runs.filter(state=ComputeRun.State.WAITING).count() == 1


def test_saving_what_means_the_same_changes_nothing(editor: User, client_for: ClientFor, audience: Audience) -> None:
    client = client_for(editor)

    response = client.post(builder_url(audience), fields_of(client.get(builder_url(audience))) | {"op": "save"})

    audience.refresh_from_db()
    assert response.status_code == 302
    assert (audience.revision, audience.definition) == (1, BOUGHT)


def test_an_edit_of_an_older_revision_is_answered_409_and_kept(
    editor: User, client_for: ClientFor, audience: Audience
) -> None:
    Audience.objects.filter(pk=audience.pk).update(revision=2)

    response = client_for(editor).post(builder_url(audience), ROWS | {"revision": "1", "op": "save"})

    audience.refresh_from_db()
    assert response.status_code == 409
    assert 'data-test="builder.conflict"' in text_of(response)
    assert fields_of(response)["n-0.count"] == ["2"]
    assert audience.definition == BOUGHT


def test_mine_is_saved_as_a_copy(editor: User, client_for: ClientFor, audience: Audience) -> None:
    client = client_for(editor)

    moved = client.post(builder_url(audience), ROWS | {"revision": "1", "op": "copy"})
    response = client.get(moved["Location"])

    assert moved["Location"].startswith(at(audience.space, "new/?draft="))
    assert fields_of(response)["n-0.count"] == ["2"]


def test_saving_while_an_evaluation_is_open_is_409(editor: User, client_for: ClientFor, audience: Audience) -> None:
    audience.runs.update(state=ComputeRun.State.RUNNING)

    shown = client_for(editor).get(builder_url(audience))
    response = client_for(editor).post(builder_url(audience), ROWS | {"revision": "1", "op": "save"})

    assert "Locked while the audience is computed" in text_of(shown)
    assert response.status_code == 409


def test_clone_opens_new_with_the_definition(editor: User, client_for: ClientFor, audience: Audience) -> None:
    client = client_for(editor)

    moved = client.get(at(audience.space, f"{audience.public_id}/clone/"))
    response = client.get(moved["Location"])

    assert fields_of(response)["n-0.name"] == ["Order Completed"]
    assert Audience.objects.filter(space=audience.space).count() == 1


def test_pasted_json_becomes_rows(space: Space, editor: User, client_for: ClientFor) -> None:
    client, url = client_for(editor), at(space, "new/?draft=d123456")
    shown = client.post(url, ROWS | {"op": "show_json"})

    response = client.post(url, {"json": json.dumps(BOUGHT), "op": "use_json"})

    assert '"days": 30' in text_of(shown)
    assert fields_of(response)["n-0.name"] == ["Order Completed"]
    assert fields_of(response)["n-0.count"] == ["1"]


def test_problems_of_pasted_json_carry_their_paths(space: Space, editor: User, client_for: ClientFor) -> None:
    client, url = client_for(editor), at(space, "new/?draft=d123456")
    client.post(url, ROWS | {"op": "show_json"})
    wrong = BOUGHT | {"where": {"all": [{"event": "", "count": {"gte": -1}}]}}

    response = client.post(url, {"json": json.dumps(wrong), "op": "use_json"})
    back = client.post(url, {"json": "{", "op": "cancel_json"})

    assert response.status_code == 422
    assert "<code>/where/all/0/event</code>" in text_of(response)
    assert "<code>/where/all/0/count/gte</code>" in text_of(response)
    assert fields_of(back)["n-0.amount"] == ["30"]


def test_what_the_form_cannot_say_is_shown_and_survives_a_save(
    space: Space, editor: User, client_for: ClientFor
) -> None:
    kept = {"not": {"audience": "buyers", "member": True}}
    create_audience(space=space, name="Buyers", definition=BOUGHT, created_by=editor)
    definition = BOUGHT | {"where": {"all": [{"event": "A"}, kept]}}
    made = create_audience(space=space, name="Odd", definition=definition, created_by=editor)
    ComputeRun.objects.update(state=ComputeRun.State.DONE)
    client = client_for(editor)
    shown = client.get(builder_url(made))

    client.post(builder_url(made), fields_of(shown) | {"n-0.name": "B", "op": "save"})

    made.refresh_from_db()
    assert "Not (are part of the audience “buyers”)" in text_of(shown)
    assert made.definition["where"] == {"all": [{"event": "B"}, kept]}


def test_a_viewer_sees_the_definition_and_may_not_change_it(
    viewer: User, client_for: ClientFor, audience: Audience
) -> None:
    client = client_for(viewer)

    shown = client.get(builder_url(audience))
    refused = client.post(builder_url(audience), ROWS | {"op": "save"})

    assert '<fieldset class="builder-fieldset" disabled>' in text_of(shown)
    assert refused.status_code == 403
    assert client.get(at(audience.space, "new/")).status_code == 403


@pytest.mark.parametrize("path", ["new/", "key/", "{id}/builder/", "{id}/clone/"])
def test_outsider_gets_404(path: str, outsider: User, client_for: ClientFor, audience: Audience) -> None:
    response = client_for(outsider).get(at(audience.space, path.format(id=audience.public_id)))

    assert response.status_code == 404


def test_a_preview_takes_problems_away_that_are_corrected(space: Space, editor: User, client_for: ClientFor) -> None:
    client, url, htmx = client_for(editor), at(space, "new/?draft=d123456"), {"HX-Request": "true"}

    plain = client.post(url, ROWS | {"had_problems": "0", "op": "preview"}, headers=htmx)
    corrected = client.post(url, ROWS | {"had_problems": "1", "op": "preview"}, headers=htmx)

    assert "hx-swap-oob" not in text_of(plain)
    assert 'id="definition" data-focus="" hx-swap-oob="true"' in text_of(corrected)


def test_without_history_only_traits_count_at_first(
    space: Space, editor: User, client_for: ClientFor, webhook: Destination
) -> None:
    client, url = client_for(editor), at(space, "new/?draft=d123456")
    buyer(space)
    client.post(url, ROWS | {"options": "1", "op": "next"})
    client.post(f"{url}&step=destinations", {"destination": webhook.public_id, f"{webhook.public_id}-send_track": "1"})

    review = client.get(f"{url}&step=review")

    assert 'data-test="builder.estimate">0<' in text_of(review)
    assert "only people who enter from now on are sent" in text_of(review)


def test_odd_characters_in_names_are_no_server_error(
    space: Space, editor: User, client_for: ClientFor, webhook: Destination
) -> None:
    client, url, name = client_for(editor), at(space, "new/?draft=d123456"), webhook.public_id
    client.post(url, ROWS | {"op": "next"})
    long = client.post(
        f"{url}&step=destinations",
        {"destination": name, f"{name}-send_track": "1", f"{name}-enter_event": "x" * 256},
    )
    client.post(
        f"{url}&step=destinations",
        {"destination": name, f"{name}-send_track": "1", f"{name}-enter_event": "In"},
    )

    created = client.post(f"{url}&step=review", {"name": "A\x00B", "description": "\x00"})

    assert long.status_code == 422
    assert created.status_code == 302
    assert Audience.objects.get(space=space).name == "AB"


def test_a_nul_in_a_value_is_a_problem_of_its_field(space: Space, editor: User, client_for: ClientFor) -> None:
    response = client_for(editor).post(
        at(space, "new/?draft=d123456"), ROWS | {"n-0.name": "Order\x00", "op": "preview"}
    )

    assert response.status_code == 422
    assert 'id="n-0.name-error"' in text_of(response)


def test_a_definition_of_very_many_conditions_can_be_posted(space: Space, editor: User, client_for: ClientFor) -> None:
    event = {name.removeprefix("n-0."): value for name, value in ROWS.items() if name.startswith("n-0.")}
    rows = {f"n-{index}.{name}": value for index in range(199) for name, value in event.items()}
    client, url = client_for(editor), at(space, "new/?draft=d123456")

    response = client.post(url, {"n.kind": "group", "n.joiner": "any", **rows, "op": "next"})

    assert response.status_code == 302
    assert response["Location"] == f"{url}&step=destinations"


def test_leaving_history_out_is_explained_by_triggered_campaigns(
    space: Space, owner: User, client_for: ClientFor
) -> None:
    """F125."""
    shown = text_of(client_for(owner).get(f"/s/{space.slug}/audiences/new/", follow=True))

    help_text = re.search(r'id="historical-help">([^<]+)<', shown)
    assert help_text is not None
    assert "triggered campaigns" in help_text[1]
    assert "nobody who qualified long ago" in help_text[1]
