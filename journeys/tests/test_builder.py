"""The builder: a new journey, edits by htmx and by plain forms, step sheets, conflicts, undo, rights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from audiences.models import Audience
from journeys.models import Journey, JourneyVersion
from journeys.services.drafts import create_journey, save_draft
from journeys.tests.definitions import big_journey, every_type, on, small_journey
from spaces.models import Space, User
from tests.factories import make_event, make_profile

HTMX = {"HTTP_HX_REQUEST": "true"}


@pytest.fixture
def draft(space: Space, owner: User) -> JourneyVersion:
    return create_journey(space=space, name="First purchase", definition=small_journey(), created_by=owner)


@pytest.fixture
def browser(owner: User, client_for: Callable[[User], Client]) -> Client:
    return client_for(owner)


def url(version: JourneyVersion, name: str = "builder", **more: str) -> str:
    journey = version.journey
    return reverse(f"journeys:{name}", kwargs={"space": journey.space.slug, "journey_id": journey.public_id, **more})


def edit(browser: Client, version: JourneyVersion, *, htmx: bool = True, **posted: Any) -> Any:
    version.refresh_from_db()
    data = {"revision": version.revision, "edit": version.edit, "view": "builder", **posted}
    return browser.post(url(version, "builder_edit"), data, **(HTMX if htmx else {}))


def post_step(browser: Client, version: JourneyVersion, step_id: str, *, htmx: bool = True, **posted: Any) -> Any:
    version.refresh_from_db()
    data = {"revision": version.revision, "edit": version.edit, "view": "builder", **posted}
    return browser.post(url(version, "builder_step", step_id=step_id), data, **(HTMX if htmx else {}))


def steps_of(version: JourneyVersion) -> dict[str, dict[str, Any]]:
    version.refresh_from_db()
    return {each["id"]: each for each in version.definition["steps"]}


def test_a_new_journey_opens_in_the_builder_with_its_entry(space: Space, browser: Client) -> None:
    answer = browser.post(
        reverse("journeys:new", kwargs={"space": space.slug}),
        {"name": "Welcome", "description": "For new people", "exits": "1", "exit_days": "7", "reenters": "1",
         "reentry_amount": "2", "reentry_unit": "weeks"},
    )  # fmt: skip

    journey = Journey.objects.get(space=space)
    version = journey.versions.get()
    assert (journey.name, journey.description) == ("Welcome", "For new people")
    assert version.definition["settings"] == {"exit_after": {"days": 7}, "reentry_after": {"weeks": 2}}
    assert answer["Location"] == f"{url(version)}?panel=step:entry"


@pytest.mark.parametrize(
    ("posted", "problem"),
    [
        ({"name": " "}, "Give the journey a name."),
        ({"name": "x" * 74}, "Use at most 73 characters; this name has 74."),
        ({"name": "First purchase"}, "Another journey of this space is called First purchase"),
        ({"name": "A", "exits": "1", "exit_days": "0"}, "Give the number of days as a whole number from 1."),
        ({"name": "A", "reenters": "1", "reentry_amount": "3"}, "turn on exit settings too"),
    ],
)
def test_a_new_journey_with_bad_settings_is_refused(
    draft: JourneyVersion, browser: Client, posted: dict[str, str], problem: str
) -> None:
    answer = browser.post(reverse("journeys:new", kwargs={"space": draft.journey.space.slug}), posted)

    assert answer.status_code == 422
    assert problem in answer.content.decode()
    assert Journey.objects.count() == 1


@pytest.mark.parametrize("name", ["builder", "outline"])
@pytest.mark.parametrize("panel", ["", "settings", "problems", "changes", "step:entry", "step:gone"])
def test_every_panel_is_shown(draft: JourneyVersion, browser: Client, name: str, panel: str) -> None:
    answer = browser.get(url(draft, name), {"panel": panel})

    assert answer.status_code == 200
    assert 'id="builder-panel"' in answer.content.decode()


@pytest.mark.parametrize("step_id", [each["id"] for each in every_type()["steps"]])
def test_every_type_of_step_has_a_sheet(draft: JourneyVersion, browser: Client, owner: User, step_id: str) -> None:
    save_draft(version=draft, definition=every_type(), revision=draft.revision, label="", author=owner)

    answer = browser.get(url(draft), {"panel": f"step:{step_id}"}, HTTP_HX_TARGET="builder-panel", **HTMX)

    html = answer.content.decode()
    assert answer.status_code == 200
    assert html.lstrip().startswith("<aside")
    assert f'data-step-form="{step_id}"' in html


def test_a_journey_of_a_hundred_steps_is_shown(draft: JourneyVersion, browser: Client, owner: User) -> None:
    save_draft(version=draft, definition=big_journey(100), revision=draft.revision, label="", author=owner)

    canvas, listed = (browser.get(url(draft, name)).content.decode() for name in ("builder", "outline"))

    assert canvas.count('data-kind="step"') == 100
    assert listed.count('data-test="outline.item"') == 100


def test_adding_a_step_answers_the_canvas_the_sheet_and_the_counter(draft: JourneyVersion, browser: Client) -> None:
    answer = edit(browser, draft, op="add", kind="delay", place="bought:false")

    html = answer.content.decode()
    (added,) = [each for each in steps_of(draft).values() if each["after"] == on("bought", "false")]
    assert answer.status_code == 200
    assert added["type"] == "delay"
    assert f'data-step-form="{added["id"]}"' in html
    assert f'data-focus="card-{added["id"]}"' in html
    assert all(
        f'id="{name}"' in html for name in ("canvas-plane", "builder-status", "builder-panel", "builder-publish")
    )
    assert draft.edits.get(number=1).label == "Add Delay"


def test_without_script_the_same_edit_redirects(draft: JourneyVersion, browser: Client) -> None:
    answer = edit(browser, draft, htmx=False, op="add", kind="delay", place="bought:false", view="outline")

    added = next(each["id"] for each in steps_of(draft).values() if each["after"] == on("bought", "false"))
    assert answer.status_code == 302
    assert answer["Location"] == f"{url(draft, 'outline')}?panel=step:{added}"


def test_a_branch_is_connected_to_an_existing_step(draft: JourneyVersion, browser: Client) -> None:
    menu = browser.get(url(draft, "builder_add"), {"after": "bought", "branch": "false"}, **HTMX).content.decode()

    edit(browser, draft, op="add", to="thanks", place="bought:false")

    (connect,) = [each for each in steps_of(draft).values() if each["type"] == "connect"]
    assert 'name="to" value="thanks"' in menu
    assert connect["to"] == "thanks"


def test_the_menu_of_a_multi_branch_offers_only_its_condition(draft: JourneyVersion, browser: Client) -> None:
    edit(browser, draft, op="add", kind="multi_branch", place="bought:false")
    split = next(each for each in steps_of(draft).values() if each["type"] == "multi_branch")
    conditions = [each for each in steps_of(draft).values() if each["type"] == "condition"]
    edit(browser, draft, op="delete", target=conditions[0]["id"], confirmed="1")

    menu = browser.get(url(draft, "builder_add"), {"place": f"{split['id']}:a"}, **HTMX).content.decode()

    assert len(conditions) == 2
    assert menu.count('name="kind"') == 1
    assert 'value="condition"' in menu


def test_deleting_what_others_depend_on_asks_first(draft: JourneyVersion, browser: Client) -> None:
    asked = edit(browser, draft, op="delete", target="bought")
    before = set(steps_of(draft))
    edit(browser, draft, op="delete", target="bought", keep="true", confirmed="1")

    html = asked.content.decode()
    assert 'id="builder-dialog"' in html
    assert "Keep “Buyers”" in html
    assert "Deletes Opened email" in html
    assert before == {"wait", "bought", "thanks"}
    assert steps_of(draft)["thanks"]["after"] == "wait"


def test_undo_and_redo_name_the_edit_and_survive_a_reload(draft: JourneyVersion, browser: Client) -> None:
    edit(browser, draft, op="delete", target="wait")
    after = browser.get(url(draft)).content.decode()
    edit(browser, draft, op="undo")
    undone = steps_of(draft)
    edit(browser, draft, op="redo")

    assert 'aria-label="Undo: Delete Delay"' in after
    assert "wait" in undone
    assert "wait" not in steps_of(draft)


def test_steps_are_copied_into_another_journey(draft: JourneyVersion, browser: Client, owner: User) -> None:
    other = create_journey(space=draft.journey.space, name="Other", created_by=owner)

    edit(browser, draft, op="copy", target="bought")
    edit(browser, other, op="paste", place="entry")

    pasted = list(steps_of(other).values())
    assert [each["type"] for each in pasted] == ["true_false", "send_to_destinations"]
    assert pasted[1]["after"] == on(pasted[0]["id"], "true")
    assert set(steps_of(draft)) == {"wait", "bought", "thanks"}


def test_a_step_moves(draft: JourneyVersion, browser: Client) -> None:
    places = browser.get(url(draft, "builder_move", step_id="wait")).content.decode()

    edit(browser, draft, op="move", target="wait", place="bought:false")

    assert "On the branch Others of Bought?" in places
    assert steps_of(draft)["wait"]["after"] == on("bought", "false")
    assert steps_of(draft)["bought"]["after"] == "entry"


@pytest.mark.parametrize(
    "posted",
    [
        {"op": "add", "kind": "delay", "place": "gone"},
        {"op": "add", "kind": "teleport", "place": "entry"},
        {"op": "move", "target": "bought", "place": "thanks"},
        {"op": "paste", "place": "entry"},
        {"op": "explode"},
        {"op": "connect", "place": "thanks", "to": "wait"},
    ],
)
def test_what_cannot_be_done_says_why_and_changes_nothing(
    draft: JourneyVersion, browser: Client, posted: dict[str, str]
) -> None:
    answer = edit(browser, draft, **posted)

    assert answer.status_code == 422
    assert 'data-test="builder.alert"' in answer.content.decode()
    assert draft.revision == JourneyVersion.objects.get(pk=draft.pk).revision


def test_an_edit_of_an_older_revision_is_409_and_can_be_saved_as_a_copy(draft: JourneyVersion, browser: Client) -> None:
    edit(browser, draft, op="delete", target="wait")

    answer = edit(browser, draft, op="add", kind="random", place="bought:false", revision=1, edit=0)
    html = answer.content.decode()
    posted = "op=add&kind=random&place=bought%3Afalse"
    copied = browser.post(url(draft, "builder_copy"), {"posted": posted, "base": "0", "view": "builder"})

    assert answer.status_code == 409
    assert all(text in html for text in ("Olga Owner saved this draft", "View changes", "Reload", "Save mine as copy"))
    assert set(steps_of(draft)) == {"bought", "thanks"}
    copy = JourneyVersion.objects.exclude(pk=draft.pk).get()
    assert copy.journey.name == "Copy of First purchase"
    assert {each["type"] for each in steps_of(copy).values()} == {
        "delay",
        "true_false",
        "send_to_destinations",
        "random",
    }
    assert copied["Location"].startswith(url(copy))


def test_typing_in_a_sheet_saves_without_swapping_it(draft: JourneyVersion, browser: Client) -> None:
    answer = post_step(browser, draft, "wait", op="keep", name="A while", duration_amount="3", duration_unit="days")

    html = answer.content.decode()
    assert steps_of(draft)["wait"] == {
        "id": "wait", "type": "delay", "after": "entry", "name": "A while", "duration": {"days": 3},
    }  # fmt: skip
    assert 'id="builder-panel"' not in html
    assert 'id="step-problems"' in html
    assert draft.edits.get(number=1).label == "Change Delay"


def test_an_unfinished_number_is_kept_as_unset_and_named_as_a_problem(draft: JourneyVersion, browser: Client) -> None:
    answer = post_step(browser, draft, "wait", op="keep", name="", duration_amount="", duration_unit="days")

    assert steps_of(draft)["wait"]["duration"] is None
    assert 'data-test="step.problem"' in answer.content.decode()


def test_condition_rows_are_built_in_the_sheet(draft: JourneyVersion, browser: Client) -> None:
    rows = {"n.kind": "group", "n.joiner": "all", "n.implied": "0"}
    added = post_step(browser, draft, "bought", name="Bought?", op="add:n:event", **rows)
    row = {"n-0.kind": "event", "n-0.type": "track", "n-0.name": "Order Completed", "n-0.count": "2",
           "n-0.count_operator": "gte", "n-0.window": "any"}  # fmt: skip
    post_step(browser, draft, "bought", name="Bought?", op="keep", **rows, **row)

    assert 'data-focus="n-0.name"' in added.content.decode()
    assert steps_of(draft)["bought"]["condition"] == {
        "version": 1,
        "collection": "users",
        "where": {"all": [{"event": "Order Completed", "count": {"gte": 2}}]},
    }


def test_a_row_that_is_not_filled_in_survives_a_reload(draft: JourneyVersion, browser: Client) -> None:
    rows = {"n.kind": "group", "n.joiner": "all", "n.implied": "0"}
    post_step(browser, draft, "entry", name="New", op="add:n:trait", htmx=False, **rows)

    html = browser.get(url(draft), {"panel": "step:entry"}).content.decode()

    assert 'data-kind="trait"' in html
    assert 'id="n-0.t.name"' in html


def test_conditions_are_imported_from_an_audience(space: Space, draft: JourneyVersion, browser: Client) -> None:
    definition = {"version": 1, "collection": "users", "where": {"trait": "plan", "equals": "pro"}}
    Audience.objects.create(space=space, name="Pro", key="pro", definition=definition)

    post_step(browser, draft, "entry", name="Pros", op="import", **{"import": "pro", "n.kind": "group"})

    draft.refresh_from_db()
    assert draft.definition["entry"] == {"name": "Pros", "condition": definition, "use_historical": False}


def test_the_entry_previews_who_matches(space: Space, draft: JourneyVersion, browser: Client) -> None:
    ada = make_profile(space=space, ids={"user_id": "ada"})
    make_profile(space=space, ids={"user_id": "bob"})
    make_event(profile=ada, name="Signed Up")
    row = {"n.kind": "group", "n.joiner": "all", "n.implied": "1", "n-0.kind": "event", "n-0.type": "track",
           "n-0.name": "Signed Up", "n-0.count": "1", "n-0.count_operator": "gte", "n-0.window": "any"}  # fmt: skip

    html = post_step(browser, draft, "entry", name="New users", op="preview", **row).content.decode()
    estimate = browser.get(url(draft, "builder_estimate")).content.decode()

    assert 'data-test="step.total">1<' in html
    assert html.count('data-test="step.person"') == 1
    assert estimate == "1 profile matches now"


def test_a_random_split_is_evened_out_and_gets_branches(draft: JourneyVersion, browser: Client) -> None:
    edit(browser, draft, op="add", kind="random", place="bought:false")
    split = next(each["id"] for each in steps_of(draft).values() if each["type"] == "random")
    names = {"name": "Test", "branch-a": "Short", "branch-b": "Long", "percent-a": "70", "percent-b": "30"}

    post_step(browser, draft, split, op="branch:add", **names)
    added = steps_of(draft)[split]["branches"]
    post_step(browser, draft, split, op="even_out", **names, **{"branch-c": "Third", "percent-c": "0"})
    evened = steps_of(draft)[split]["branches"]
    post_step(browser, draft, split, op="branch:remove:b", **names)

    assert added == [
        {"id": "a", "name": "Short", "percent": 70},
        {"id": "b", "name": "Long", "percent": 30},
        {"id": "c", "name": "Branch C", "percent": 0},
    ]
    assert [branch["percent"] for branch in evened] == [33.34, 33.33, 33.33]
    assert [branch["id"] for branch in steps_of(draft)[split]["branches"]] == ["a", "c"]


def test_an_ad_can_be_taken_off_after_a_time(draft: JourneyVersion, browser: Client) -> None:
    edit(browser, draft, op="add", kind="show_ad", place="bought:false")
    ad = next(each["id"] for each in steps_of(draft).values() if each["type"] == "show_ad")

    post_step(browser, draft, ad, name="Ad", removes="1", remove_after_amount="14", remove_after_unit="days")
    timed = steps_of(draft)[ad]["remove_after"]
    post_step(browser, draft, ad, name="Ad", removes="0", remove_after_amount="14", remove_after_unit="days")

    assert timed == {"days": 14}
    assert steps_of(draft)[ad]["remove_after"] is None


def test_a_named_send_step_shows_its_key(draft: JourneyVersion, browser: Client) -> None:
    html = browser.get(url(draft), {"panel": "step:thanks"}).content.decode()

    assert "j_o_first_purchase__opened_email_" in html
    assert 'placeholder="New subscribed users"' in html
    assert 'data-test="step.destinations"' in html


def test_settings_and_name_are_saved(draft: JourneyVersion, browser: Client) -> None:
    posted = {"revision": draft.revision, "name": "Second purchase", "exits": "1", "exit_days": "14"}

    browser.post(url(draft, "builder_settings"), posted, **HTMX)

    draft.refresh_from_db()
    assert draft.definition["name"] == "Second purchase"
    assert draft.definition["settings"] == {"exit_after": {"days": 14}, "reentry_after": None}


def test_problems_are_listed_with_a_way_to_each(draft: JourneyVersion, browser: Client) -> None:
    html = browser.get(url(draft), {"panel": "problems"}).content.decode()

    assert f'href="{url(draft)}?panel=step:thanks"' in html
    assert "problems have to be corrected first" in html or "One problem has to be corrected first" in html


def test_a_viewer_sees_everything_and_may_change_nothing(
    draft: JourneyVersion, viewer: User, client_for: Callable[[User], Client]
) -> None:
    reader = client_for(viewer)

    page = reader.get(url(draft), {"panel": "step:wait"})
    refused = edit(reader, draft, op="delete", target="wait")

    html = page.content.decode()
    assert page.status_code == 200
    assert "data-can-change" not in html
    assert 'data-test="canvas.plus"' not in html
    assert refused.status_code == 403


def test_an_unknown_journey_is_404(space: Space, browser: Client) -> None:
    where = {"space": space.slug, "journey_id": "nothing"}

    assert browser.get(reverse("journeys:builder", kwargs=where)).status_code == 404
    assert browser.post(reverse("journeys:builder_edit", kwargs=where), {"op": "undo"}).status_code == 404
