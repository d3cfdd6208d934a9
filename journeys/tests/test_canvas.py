"""The canvas: where cards stand, which lines and plus points there are, what pages add, and that it is drawn."""

from __future__ import annotations

from itertools import combinations

import pytest
from django.template.loader import render_to_string

from journeys.canvas.layout import layout
from journeys.canvas.model import CanvasModel, Card
from journeys.canvas.overlays import Figure, Mark, Overlay, StepOverlay, counted
from journeys.steps.kinds import Names
from journeys.tests.definitions import big_journey, every_type, journey, on, small_journey, step


def card(canvas: CanvasModel, card_id: str) -> Card:
    return next(card for card in canvas.cards if card.id == card_id)


def drawn(canvas: CanvasModel) -> str:
    return render_to_string("journeys/_canvas.html", {"canvas": canvas, "label": "First purchase"})


def test_a_journey_runs_from_top_to_bottom() -> None:
    canvas = layout(small_journey())

    tops = [
        card(canvas, name).y for name in ("card-entry", "card-wait", "card-bought", "card-bought--true", "card-thanks")
    ]
    assert tops == sorted(set(tops))
    assert card(canvas, "card-entry").middle == card(canvas, "card-wait").middle == card(canvas, "card-bought").middle
    assert card(canvas, "card-bought--true").middle == card(canvas, "card-thanks").middle


def test_branches_stand_side_by_side_under_their_split_in_evaluation_order() -> None:
    canvas = layout(small_journey())

    true, false, split = (card(canvas, f"card-bought{end}") for end in ("--true", "--false", ""))
    assert true.y == false.y == split.bottom + 40
    assert true.x + true.width < false.x
    assert (true.name, true.number, false.name, false.number) == ("Buyers", 1, "Others", 2)
    assert abs((true.middle + false.middle) // 2 - split.middle) <= 40


@pytest.mark.parametrize("definition", [small_journey(), every_type(), big_journey(100)], ids=["3", "14", "100"])
def test_nothing_overlaps(definition: dict[str, object]) -> None:
    canvas = layout(definition, Overlay(is_editable=True))

    boxes = [*canvas.cards, *canvas.pluses]
    over = [
        (one.id, other.id)
        for one, other in combinations(boxes, 2)
        if one.x < other.x + other.width
        and other.x < one.x + one.width
        and one.y < other.y + other.height
        and other.y < one.y + one.height
    ]
    assert over == []
    assert all(box.x >= 0 and box.x + box.width <= canvas.width and box.bottom <= canvas.height for box in boxes)


def test_every_path_ends_completed_but_for_those_that_connect() -> None:
    canvas = layout(every_type())

    ends = {each.parent for each in canvas.cards if each.kind == "end"}
    assert ends == {"card-long", "card-thanks", "card-remind", "card-nudge"}


def test_a_connect_draws_a_line_to_its_target() -> None:
    canvas = layout(every_type())

    edges = [(edge.source, edge.target) for edge in canvas.edges if edge.kind == "connect"]
    assert edges == [("card-joins", "card-week")]
    assert card(canvas, "card-joins").name == "Wait 1 week"


def test_a_delay_without_a_name_is_called_by_how_long_it_is() -> None:
    canvas = layout(
        journey(
            step("wait", "delay", "entry", duration={"days": 1}),
            step("named", "delay", "wait", name="Cool off", duration={"weeks": 2}),
            step("unset", "delay", "named", duration=None),
        )
    )

    said = [(each.name, each.summary) for each in canvas.cards if each.type == "delay" and each.kind == "step"]
    assert said == [("Wait 1 day", "Delay"), ("Cool off", "Wait 2 weeks"), ("Delay", "Set how long to wait")]


@pytest.mark.parametrize(("number", "shown"), [(0, "0"), (99_999, "99,999"), (100_000, "100k"), (1_284_000, "1.3M")])
def test_numbers_fit_into_the_strip_of_a_card(number: int, shown: str) -> None:
    assert counted(number) == shown


def test_only_a_large_canvas_offers_to_find_a_step() -> None:
    assert "data-canvas-find" in drawn(layout(big_journey(20)))
    assert "data-canvas-find" not in drawn(layout(small_journey()))


def test_there_is_a_plus_wherever_a_step_may_be_added() -> None:
    canvas = layout(every_type(), Overlay(is_editable=True))

    assert {plus.place for plus in canvas.pluses} == {
        "entry", "wait", "shops", "reads", "quiet", "test:a", "test:b", "short", "long", "week", "bought:true",
        "bought:false", "thanks", "remind", "nudge",
    }  # fmt: skip


def test_only_an_editable_canvas_has_plus_points() -> None:
    assert layout(small_journey()).pluses == []


def test_a_branch_of_a_multi_branch_split_without_its_condition_can_be_given_one() -> None:
    branches = [{"id": "a", "name": "A"}, {"id": "b", "name": "B"}]
    definition = journey(
        step("way", "multi_branch", "entry", branches=branches), step("c", "condition", on("way", "a"))
    )

    canvas = layout(definition, Overlay(is_editable=True))

    assert {plus.place for plus in canvas.pluses} == {"entry", "way:b", "c"}


def test_steps_that_nothing_leads_to_stand_apart() -> None:
    definition = journey(
        step("wait", "delay", "entry", duration={"days": 1}),
        step("lost", "delay", "gone", duration={"days": 1}),
        step("after", "delay", "lost", duration={"days": 1}),
        step("ring1", "delay", "ring2", duration={"days": 1}),
        step("ring2", "delay", "ring1", duration={"days": 1}),
    )

    canvas = layout(definition)

    assert {each.step for each in canvas.cards if each.is_unreached} == {"lost", "after", "ring1", "ring2"}
    assert card(canvas, "card-after").y > card(canvas, "card-lost").y
    assert card(canvas, "card-lost").x > card(canvas, "card-wait").x + card(canvas, "card-wait").width
    assert [each.step for each in canvas.cards].count("ring1") == 1


@pytest.mark.parametrize(
    "definition", [{}, {"steps": None, "entry": None}, {"steps": [{"type": "delay"}, 3, {"id": "x"}]}]
)
def test_an_incomplete_definition_is_drawn(definition: dict[str, object]) -> None:
    canvas = layout(definition)

    assert card(canvas, "card-entry").name == "Entry condition"
    assert "Completed" in drawn(canvas)


def test_a_page_adds_numbers_badges_marks_notes_and_links() -> None:
    overlay = Overlay(
        steps={
            "wait": StepOverlay(
                figures=(Figure(label="here", value="12", href="/people/"), Figure(label="passed", value="1,204")),
                badges=(("amber", "Changed"),),
                note="arrived 10:00",
                mark=Mark(kind="error", text="Give a duration."),
            )
        },
        branches={("bought", "true"): StepOverlay(figures=(Figure(label="40 %", value="5"),))},
        href=lambda step_id: f"/step/{step_id}/",
        opens="#sheet",
    )

    html = drawn(layout(small_journey(), overlay))

    assert '<a class="jfigure" href="/people/"><strong>12</strong> here</a>' in html
    assert "<strong>1,204</strong> passed" in html
    assert '<span class="jchip jchip--amber">Changed</span>' in html
    assert "arrived 10:00" in html
    assert 'data-tip="Give a duration."' in html
    assert "<strong>5</strong> 40 %" in html
    assert 'href="/step/wait/" hx-get="/step/wait/" hx-target="#sheet" data-panel="step:wait"' in html


def test_the_path_is_lit_where_both_ends_are() -> None:
    lit = StepOverlay(lit=True)
    overlay = Overlay(
        steps={"entry": lit, "wait": lit, "bought": lit, "thanks": StepOverlay(lit=False)},
        branches={("bought", "false"): lit, ("bought", "true"): StepOverlay(lit=False)},
    )

    canvas = layout(small_journey(), overlay)

    assert {(edge.source, edge.target) for edge in canvas.edges if edge.lit} == {
        ("card-entry", "card-wait"),
        ("card-wait", "card-bought"),
        ("card-bought", "card-bought--false"),
        ("card-bought--false", "end-bought--false"),
    }


def test_branches_and_connects_follow_the_steps_of_the_path() -> None:
    lit = StepOverlay(lit=True)
    overlay = Overlay(steps=dict.fromkeys(("entry", "wait", "way", "reads", "week"), lit))

    canvas = layout(every_type(), overlay)

    dark = {each.id for each in canvas.cards if each.kind == "branch" and not each.lit}
    assert dark == {
        f"card-{name}" for name in ("way--a", "way--c", "test--a", "test--b", "bought--true", "bought--false")
    }
    assert {(edge.source, edge.target) for edge in canvas.edges if edge.lit} >= {
        ("card-way--b", "card-reads"),
        ("card-reads", "card-joins"),
        ("card-joins", "card-week"),
    }


def test_chips_name_destinations_and_mark_deleted_ones() -> None:
    names = Names(destinations={"other": "Acme CRM"})
    definition = journey(
        step("a", "send_to_destinations", "entry", name="A", connections=[{"destination": "other"}]),
        step("b", "show_ad", "a", name="B", connections=[{"destination": "gone"}], remove_after={"days": 1}),
    )

    canvas = layout(definition, Overlay(names=names))

    assert [chip.text for chip in card(canvas, "card-a").chips] == ["Acme CRM"]
    assert [(chip.text, chip.tone) for chip in card(canvas, "card-b").chips] == [
        ("Deleted destination", "red"),
        ("Off after 1 day", ""),
    ]


def test_a_journey_of_a_hundred_steps_has_them_all() -> None:
    canvas = layout(big_journey(100))

    assert sum(1 for each in canvas.cards if each.kind == "step") == 100
    assert drawn(canvas).count('data-kind="step"') == 100
