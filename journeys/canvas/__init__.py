"""The canvas of a journey, laid out by the server: one fragment for builder, test, dry run, review and live overview.

How a page shows it:

    from journeys.canvas.layout import layout
    from journeys.canvas.overlays import Figure, Mark, Overlay, StepOverlay

    overlay = Overlay(
        steps={"entry": StepOverlay(figures=(Figure(label="entered", value="1,284", href="…"),), lit=True)},
        branches={("split", "true"): StepOverlay(figures=(Figure(label="40 %", value="512"),))},
        href=lambda step_id: reverse(…),        # where a card leads; "" = the card is no link
    )
    context["canvas"] = layout(version.definition, overlay)      # the definition's JSON, complete or not

    {% include "journeys/_canvas.html" with canvas=canvas label="First purchase" only %}

The page's head needs `<link rel="stylesheet" href="{% static 'journeys/canvas.css' %}">` and its scripts
`<script type="module" src="{% static 'journeys/canvas.js' %}"></script>` (places the cards, pan, zoom, arrow keys).
To refresh it in place swap `#canvas-plane` with `journeys/_canvas_plane.html`: pan and zoom stay.

`Overlay`            what a page adds, by step id (`"entry"` too) and by (step id, branch):
  `figures`          the numbers strip under the card (at most three; each with label, value, href, title)
  `badges`           small (tone, text) pairs beside the name; tones: green blue amber red grey violet
  `note`             a line under the strip, e.g. "arrived 10:00, left 11:00"
  `note_url`         loaded into the note once it is on the page (a count that takes a while)
  `lit`              True on the path taken, False beside it (dimmed), None when there is no path. Branches and connects
                     without a say follow their steps; say it for a branch on which nothing follows
  `mark`             Mark(kind, text): kind is error, warning, added, changed or removed
  `href`             overrides `Overlay.href` for the card
`Overlay(is_editable=True)` gives plus points on every edge (the builder only).
`Overlay(names=Names(destinations={"<public id>": "Acme CRM"}, audiences={…}))` names what chips show.
`Overlay(opens="#sheet", panel="step")`: cards load their href into the side sheet (htmx) as ?panel=step:<id>.
"""

from __future__ import annotations
