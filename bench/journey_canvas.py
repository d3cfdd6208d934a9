"""How long the canvas of 100 steps takes to lay out and render, at p95: `python -m bench.journey_canvas`.

One JSON line: {"name": "journey_canvas", "value", "unit": "ms", …}. The target is 300 ms.
"""

# ruff: noqa: PLC0415 - Django is set up before its modules are imported

from __future__ import annotations

import os
import statistics
import time

from bench.common import line

ROUNDS = 120
TARGET_MS = 300


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "engage_admin.settings")
    import django

    django.setup()
    from django.template.loader import render_to_string

    from journeys.canvas.layout import layout
    from journeys.canvas.overlays import Figure, Overlay, StepOverlay
    from journeys.tests.definitions import big_journey

    definition = big_journey(100)
    names = ["entry", *(step["id"] for step in definition["steps"])]
    figures = (Figure(label="here", value="1,204", href="#"), Figure(label="passed", value="80.2 %"))
    overlay = Overlay(
        steps={name: StepOverlay(figures=figures) for name in names}, href=lambda step: f"#{step}", is_editable=True
    )
    taken = []
    for _ in range(ROUNDS + 5):
        started = time.perf_counter()
        html = render_to_string("journeys/_canvas.html", {"canvas": layout(definition, overlay), "label": "Journey"})
        taken.append((time.perf_counter() - started) * 1000)
    if html.count('data-kind="step"') != len(names):
        raise SystemExit("journey_canvas: not every step was drawn.")
    p95 = statistics.quantiles(taken[5:], n=20)[-1]
    line("journey_canvas", p95, "ms", limit=TARGET_MS, ratio=p95 / TARGET_MS, median=round(statistics.median(taken), 1))


if __name__ == "__main__":
    main()
