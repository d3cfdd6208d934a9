"""The outline: the journey as a nested list, and every edit of it by plain forms."""

from __future__ import annotations

from collections.abc import Callable

from django.test import Client
from django.urls import reverse

from engine.journeys.places import Place
from journeys.canvas.outline import outline
from journeys.services.drafts import create_journey
from journeys.tests.definitions import every_type, journey, on, small_journey, step
from spaces.models import Space, User


def test_branches_hold_their_paths() -> None:
    entry, wait, bought = outline(small_journey())

    assert [entry.id, wait.id, bought.id] == ["entry", "wait", "bought"]
    assert (wait.after, bought.after, wait.is_last) == (Place("wait"), None, False)
    assert [(way.name, [item.id for item in way.items]) for way in bought.ways] == [
        ("Buyers", ["thanks"]),
        ("Others", []),
    ]
    assert bought.ways[0].items[0].is_last


def test_a_branch_that_begins_with_its_condition_has_no_place_before_it() -> None:
    split = outline(every_type())[2]

    assert [way.start for way in split.ways] == [None, None, None]
    assert split.ways[1].items[1].name == "Go on at Wait 1 week"


def test_steps_that_nothing_leads_to_come_last() -> None:
    items = outline(journey(step("lost", "delay", "gone"), step("more", "delay", "lost")))

    assert [(item.id, item.is_unreached) for item in items] == [("entry", False), ("lost", True), ("more", False)]


def test_a_journey_is_built_without_script(space: Space, owner: User, client_for: Callable[[User], Client]) -> None:
    browser = client_for(owner)
    version = create_journey(space=space, name="Plain", created_by=owner)
    where = {"space": space.slug, "journey_id": version.journey.public_id}
    edit = reverse("journeys:builder_edit", kwargs=where)

    def post(**data: str) -> None:
        version.refresh_from_db()
        browser.post(edit, {"revision": version.revision, "view": "outline", **data})
        version.refresh_from_db()

    post(op="add", kind="true_false", place="entry")
    split = version.definition["steps"][0]["id"]
    post(op="add", kind="delay", place=f"{split}:true")
    delay = version.definition["steps"][1]["id"]
    post(op="add", to=delay, place=f"{split}:false")
    post(op="copy", target=delay)
    post(op="paste", place=delay)
    pasted = next(each["id"] for each in version.definition["steps"] if each["after"] == delay)
    post(op="move", target=pasted, place="entry")
    page = browser.get(reverse("journeys:outline", kwargs=where)).content.decode()
    post(op="undo")

    hangs = {each["id"]: each["after"] for each in version.definition["steps"]}
    assert hangs[delay] == on(split, "true")
    assert page.count('data-test="outline.item"') == 5
    assert 'aria-label="Undo: Move Delay"' in page
    assert hangs[pasted] == delay
