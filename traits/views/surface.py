"""What the New and the Builder page share: take the form in, carry out an op, show it, its problems and a preview."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django_htmx.http import replace_url, reswap, retarget

from audiences.builder.operations import UnknownOperationError, apply
from audiences.builder.rows import EventRow, Row
from audiences.builder.values import as_json
from audiences.builder.writing import FieldProblem
from audiences.views.builder_showing import shown_problems
from audiences.views.builder_surface import rows_context
from engine.traits import KINDS
from engine.traits.kinds import EVENTS
from engine.traits.predictions import KIND as PREDICTION
from engine.traits.predictions import LONGEST_DAYS, PEOPLE, SCORES, SHORTEST_DAYS, USUAL_DAYS
from engine.traits.predictions import ORIGIN as MODEL
from spaces.access import SpaceRequest
from spaces.access import rights as rights_of
from traits.builder import LABELS, definition_of, located
from traits.models import Trait
from traits.selectors.masking import shown_report
from traits.selectors.predict import ReadinessReport, readiness_report
from traits.selectors.preview import PreviewError, PreviewReport, preview_report
from traits.services.definitions import TraitDefinitionError, checked
from traits.services.origins import origin_named
from traits.views import drafts
from traits.views.drafts import Draft

AGGREGATES = (("sum", "sum"), ("avg", "average"), ("min", "minimum"), ("max", "maximum"))
HORIZONS = {"lowest": SHORTEST_DAYS, "highest": LONGEST_DAYS, "usual": USUAL_DAYS}
COMING_TYPES = (("track", "performs"), ("page", "views the page"), ("screen", "views the screen"))
EVENT_TYPES = (("track", "performed"), ("page", "viewed the page"), ("screen", "viewed the screen"))


@dataclass(kw_only=True)
class Surface:
    """One page with a builder: `url` is where its form goes, `template` the whole page, `trait` the one edited."""

    url: str
    template: str
    trait: Trait | None = None
    context: dict[str, Any] = field(default_factory=dict)


@dataclass(kw_only=True)
class Outcome:
    """What an op came to: problems at fields, where the focus goes, a preview or why there is none.

    `readiness` is the preview of a prediction: whether there is enough to learn from.
    """

    problems: list[FieldProblem] = field(default_factory=list)
    focus: str = ""
    preview: PreviewReport | None = None
    readiness: ReadinessReport | None = None
    preview_error: str = ""


def problems_of(request: SpaceRequest, draft: Draft, trait: Trait | None) -> list[FieldProblem]:
    """Everything that is wrong with the draft, each at its field."""
    try:
        checked(space=request.space, definition=definition_of(draft.fields), trait=trait)
    except TraitDefinitionError as error:
        return located(draft.fields, error.errors)
    return located(draft.fields, [])


def carry_out(request: SpaceRequest, draft: Draft, surface: Surface, op: str) -> Outcome:
    """Take the posted form into the draft and do what the op says, apart from leaving the page."""
    draft.take(request.POST, is_new=surface.trait is None)
    outcome = Outcome()
    if ":" in op:
        rows = draft.fields.rows
        try:
            outcome.focus = apply(rows, op)
        except UnknownOperationError:
            detail = "The form has changed since you pressed that; here is how it is now."
            outcome.problems = [FieldProblem(field="", path="", code="unknown_operation", detail=detail)]
        draft.fields.rows = rows
    elif op in {"preview", "next", "save"}:
        outcome.problems = problems_of(request, draft, surface.trait)
    if op == "preview" and not outcome.problems:
        _preview(request, draft, surface.trait, outcome)
    if rights_of(request.member).edit:
        drafts.keep(request, draft)
    return outcome


def _preview(request: SpaceRequest, draft: Draft, trait: Trait | None, outcome: Outcome) -> None:
    received_from = trait.historical_from if trait else None
    try:
        if draft.fields.kind == PREDICTION:
            definition = definition_of(draft.fields)
            outcome.readiness = readiness_report(
                space=request.space, definition=definition, trait=trait, received_from=received_from
            )
            return
        report = preview_report(
            space=request.space,
            definition=definition_of(draft.fields),
            historical_from=received_from,
            trait=trait,
        )
    except PreviewError as error:
        outcome.preview_error = error.detail
    else:
        outcome.preview = shown_report(
            report, definition=definition_of(draft.fields), shows_pii=request.member.has_pii_access
        )


def answer(request: SpaceRequest, draft: Draft, surface: Surface, outcome: Outcome, *, op: str = "") -> HttpResponse:
    """The page, or for htmx its part that changed. 422 when something is wrong with what was entered."""
    status = 422 if outcome.problems else 200
    context = page_context(request, draft, surface, outcome)
    if not request.htmx:
        return render(request, surface.template, context, status=status)
    if op == "keep":
        return render(request, "audiences/_builder_kept.html", context)
    if op == "preview" and not outcome.problems:
        context["is_oob"] = request.POST.get("had_problems") == "1"
        return render(request, "traits/_previewed.html", context)
    response = render(request, "traits/_definition.html", context, status=status)
    response = reswap(retarget(response, "#definition"), "outerHTML")
    return replace_url(response, surface.url)


def page_context(request: SpaceRequest, draft: Draft, surface: Surface, outcome: Outcome) -> dict[str, Any]:
    rows = draft.fields.rows
    kind = KINDS[draft.fields.kind]
    found = rows_context(request.space, rows, outcome.problems)
    return (
        found
        | surface.context
        | {
            "trait": surface.trait,
            "draft": draft,
            "fields": draft.fields,
            "kind": kind,
            "kinds": [each for each in KINDS.values() if each.origin in {EVENTS, MODEL}],
            "origin": origin_named(kind.origin),
            "is_prediction": kind.origin == MODEL,
            "people_choices": list(PEOPLE.items()),
            "score_choices": list(SCORES.items()),
            "horizons": HORIZONS,
            "aggregates": AGGREGATES,
            "event_types": COMING_TYPES if kind.origin == MODEL else EVENT_TYPES,
            "form_url": surface.url,
            "row": found["root"].children[0],
            "value_params": _value_params(rows.children[0]),
            "problems": _shown(draft, outcome.problems),
            "wrong": {problem.field: problem.detail for problem in outcome.problems if problem.field in LABELS},
            "focus": outcome.focus,
            "preview": outcome.preview,
            "readiness": outcome.readiness,
            "preview_error": outcome.preview_error,
        }
    )


def _value_params(row: Row) -> str:
    """What the picker of the value asks for: properties of the event."""
    event = {"type": row.type, "event": row.name} if isinstance(row, EventRow) else {}
    return as_json({"kind": "property", **event})


def _shown(draft: Draft, problems: list[FieldProblem]) -> list[Any]:
    """The lines of the summary; fields of the form itself are called by their labels."""
    return [
        replace(line, label=LABELS.get(line.field, line.label.replace("Condition 1, ", "").replace("Condition 1", "")))
        for line in shown_problems(draft.fields.rows, problems)
    ]
