"""Who follows whom."""

from __future__ import annotations

from engine.journeys.tests.building import branches, by_chance, connect, delay, plan_of, send, split, wait_for


def test_a_connect_makes_its_target_a_following_step():
    plan = plan_of(
        split("split", "entry"), send("sent", ("split", "true")), delay("wait", ("split", "false")),
        connect("link", "wait", "sent"),
    )  # fmt: skip

    assert plan.order == ("entry", "split", "wait", "sent")
    assert plan.children("split", "true") == ("sent",)
    assert plan.children("split", "false") == ("wait",)
    assert plan.children("wait") == ("sent",)
    assert plan.parents("sent") == ("split", "wait")
    assert plan.leaves == {"sent"}
    assert plan.steps["sent"].depth == 3
    assert plan.depth == 3


def test_a_connect_to_a_connect_ends_at_a_real_step():
    plan = plan_of(
        by_chance("draw", "entry", a=40, b=30, c=30), send("sent", ("draw", "a")),
        connect("one", ("draw", "b"), "two"), connect("two", ("draw", "c"), "sent"),
    )  # fmt: skip

    assert plan.children("draw", "b") == ("sent",)
    assert plan.children("draw", "c") == ("sent",)


def test_siblings_keep_the_order_in_which_they_are_written():
    plan = plan_of(
        branches("many", "entry", "x", "y"), wait_for("in_x", ("many", "x")), wait_for("in_y", ("many", "y")),
        send("after_x", "in_x"), send("after_y", "in_y"),
    )  # fmt: skip

    assert plan.order == ("entry", "many", "in_x", "after_x", "in_y", "after_y")
    assert plan.steps["many"].following == ("in_x", "in_y")
    assert plan.sending == ("after_x", "after_y")
    assert set(plan.conditions) == {"in_x", "in_y"}
    assert plan.mentions["in_x"].events == {("track", "Order Completed")}


def test_what_cannot_be_run_is_left_out():
    plan = plan_of(
        delay("a", "entry"), delay("b", "a"), connect("back", "b", "a"), connect("nowhere", "b", "gone"),
        delay("lost", None), delay("on_a_branch_that_is_not", ("a", "true")), connect("self", "a", "self"),
    )  # fmt: skip

    assert plan.order == ("entry", "a", "b")
    assert plan.leaves == {"b"}


def test_a_journey_without_steps_is_its_entry():
    plan = plan_of()

    assert plan.order == ("entry",)
    assert plan.leaves == {"entry"}


def test_a_thousand_steps_in_a_row_are_compiled():
    steps = [delay(f"s{number}", f"s{number - 1}" if number else "entry") for number in range(1_000)]

    plan = plan_of(*steps)

    assert plan.depth == 1_000
    assert plan.leaves == {"s999"}
