"""What the New and the Builder page share: take the form in, carry out an op, show rows, problems and preview."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django_htmx.http import replace_url, reswap, retarget

from audiences.builder.operations import UnknownOperationError, apply
from audiences.builder.reading import rows_of
from audiences.builder.rows import Group
from audiences.builder.writing import FieldProblem, audience_fields, written
from audiences.models import Audience
from audiences.selectors.audiences import audience_list, get_audience
from audiences.selectors.members import shown_people
from audiences.selectors.preview import PreviewError, PreviewReport, preview_report
from audiences.services.definitions import DefinitionError, checked
from audiences.services.steps import Step, step_source
from audiences.views import builder_drafts
from audiences.views.builder_drafts import Draft
from audiences.views.builder_offered import Offered
from audiences.views.builder_showing import (
    COUNTS,
    QUANTIFIERS,
    UNIT_CHOICES,
    WINDOWS,
    shown_problems,
    shown_rows,
)
from common.errors import FieldError
from delivery.services.trait_sources import kinds_of_traits, trait_kinds
from engine import conditions
from profiles.models import ACCOUNTS, COLLECTION_NAMES, USERS
from spaces.access import SpaceRequest
from spaces.access import rights as rights_of
from spaces.models import Space

CHOICES = {"counts": COUNTS, "windows": WINDOWS, "units": UNIT_CHOICES, "quantifiers": QUANTIFIERS}
"""What the selects of rows offer, whatever the space."""


@dataclass(kw_only=True)
class Surface:
    """One page with a builder: `url` is where its form goes, `template` the whole page, `audience` the one edited."""

    url: str
    template: str
    audience: Audience | None = None
    context: dict[str, Any] = field(default_factory=dict)


@dataclass(kw_only=True)
class Outcome:
    """What an op came to: problems at fields, where the focus goes, a preview or why there is none."""

    problems: list[FieldProblem] = field(default_factory=list)
    focus: str = ""
    preview: PreviewReport | None = None
    preview_error: str = ""


def definition_of(draft: Draft) -> dict[str, Any]:
    """The definition as the draft has it now, complete or not."""
    return written(draft.rows, collection=draft.collection).definition


def problems_of(request: SpaceRequest, draft: Draft, audience: Audience | None) -> list[FieldProblem]:
    """Everything that is wrong with the draft's rows, each at its field."""
    return row_problems(request.space, draft.rows, collection=draft.collection, audience=audience)


def row_problems(
    space: Space, rows: Group, *, collection: str = "users", audience: Audience | None = None
) -> list[FieldProblem]:
    """What is wrong with rows of any form that holds a condition; `audience` is the one whose definition they are."""
    result = written(rows, collection=collection)
    try:
        checked(space=space, definition=result.definition, audience=audience)
    except DefinitionError as error:
        named = audience_fields(rows)
        found = []
        for problem in result.located(error.errors):
            is_reference = problem.code in {"unknown_audience", "other_collection"}
            at = _named_in(problem.detail, named) if is_reference else ""
            found.append(replace(problem, field=at) if at else problem)
        return found
    return result.problems


def rows_context(space: Space, rows: Group, problems: list[FieldProblem]) -> dict[str, Any]:
    """What `audiences/_builder_group.html` needs to show a condition's rows in another page's form.

    That form posts the fields and an `op` (operations.apply) itself: give the template an empty `form_url`.
    """
    root = shown_rows(rows, problems, collection="users", offered=offered_in(space))
    return {"root": root, "form_url": "", **CHOICES}


def offered_in(space: Space, audience: Audience | None = None) -> Offered:
    """What rows can refer to; not the audience itself that is edited. User rows may ask for account audiences too."""
    known = list(audience_list(space).order_by("name"))
    others = [each for each in known if audience is None or each.pk != audience.pk]
    users = [(each.key, each.name) for each in others if each.collection == USERS]
    accounts = [(each.key, each.name) for each in others if each.collection == ACCOUNTS]
    kinds = trait_kinds()
    return Offered(
        names={name: each.name for each in known for name in (each.key, each.public_id)},
        audiences={"users": [*users, *((key, f"{name} (accounts)") for key, name in accounts)], "accounts": accounts},
        steps=sorted(((_step_name(step), step.label) for step in step_source().steps(space=space)), key=_label),
        trait_kinds=kinds,
        kind_of=kinds_of_traits(space) if kinds else {},
    )


def _step_name(step: Step) -> str:
    """The key of a step that sends, else its id: the shorter of its names in a definition."""
    return min(step.names, key=lambda name: (not name.startswith("j_"), name))


def _label(choice: tuple[str, str]) -> str:
    return choice[1].lower()


def _named_in(detail: str, fields: dict[str, str]) -> str:
    """The field of the audience that a sentence about references is about."""
    return next(
        (at for key, at in fields.items() if detail.startswith(f"{key} is ") or f"key or id {key}." in detail), ""
    )


def take_json(draft: Draft, collection: str | None) -> list[FieldProblem]:
    """Read the JSON view's text into the draft's rows; problems leave both as they were."""
    try:
        definition = json.loads(draft.json or "")
        condition = conditions.parse(definition)
    except (json.JSONDecodeError, RecursionError) as error:
        detail = f"This is not JSON: {error}." if isinstance(error, ValueError) else "This is nested too deeply."
        return [FieldProblem(field="json", path="", code="invalid_json", detail=detail)]
    except conditions.ConditionError as error:
        return [
            FieldProblem(field="json", path=problem.path, code=problem.code, detail=problem.detail)
            for problem in error.problems
        ]
    if collection is not None and condition.collection != collection:
        detail = "An audience keeps its collection. Create a new audience instead."
        return [FieldProblem(field="json", path="/collection", code="fixed", detail=detail)]
    draft.rows = rows_of(definition)
    draft.collection = condition.collection
    draft.json = None
    return []


def carry_out(request: SpaceRequest, draft: Draft, surface: Surface, op: str) -> Outcome:
    """Take the posted form into the draft and do what the op says, apart from leaving the page."""
    draft.take(request.POST)
    audience = surface.audience
    fixed = COLLECTION_NAMES[audience.collection] if audience else None
    draft.collection = fixed or draft.collection
    outcome = Outcome()
    if op == "show_json":
        draft.json = json.dumps(definition_of(draft), indent=2, ensure_ascii=False)
        outcome.focus = "builder-json"
    elif op == "cancel_json":
        draft.json = None
    elif draft.json is not None and op not in {"keep", "refresh"}:
        outcome.problems = take_json(draft, fixed)
    if not outcome.problems and ":" in op:
        rows = draft.rows
        try:
            outcome.focus = apply(rows, op)
        except UnknownOperationError:
            detail = "The form has changed since you pressed that; here is how it is now."
            outcome.problems = [FieldProblem(field="", path="", code="unknown_operation", detail=detail)]
        draft.rows = rows
    elif not outcome.problems and op in {"preview", "next", "save"}:
        outcome.problems = problems_of(request, draft, audience)
    if op == "preview" and not outcome.problems:
        _preview(request, draft, audience, outcome)
    if rights_of(request.member).edit:
        builder_drafts.keep(request, draft)
    return outcome


def _preview(request: SpaceRequest, draft: Draft, audience: Audience | None, outcome: Outcome) -> None:
    try:
        report = preview_report(
            space=request.space,
            definition=definition_of(draft),
            include_anonymous=audience.include_anonymous if audience else draft.include_anonymous,
            historical_from=audience.historical_from if audience else None,
            audience=audience,
            overlap_with=overlap_audience(request.space, draft),
        )
    except PreviewError as error:
        outcome.preview_error = error.detail
    else:
        shows_pii = request.member.has_pii_access
        outcome.preview = replace(report, sample=shown_people(report.sample, shows_pii=shows_pii))


def overlap_audience(space: Space, draft: Draft) -> Audience | None:
    """The audience that the preview compares with, if it is one of the draft's collection."""
    found = get_audience(space, draft.overlap) if draft.overlap else None
    return found if found is not None and COLLECTION_NAMES[found.collection] == draft.collection else None


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
        return render(request, "audiences/_builder_previewed.html", context)
    response = render(request, "audiences/_builder_definition.html", context, status=status)
    response = reswap(retarget(response, "#definition"), "outerHTML")
    return replace_url(response, surface.url)


def page_context(request: SpaceRequest, draft: Draft, surface: Surface, outcome: Outcome) -> dict[str, Any]:
    audience = surface.audience
    offered = offered_in(request.space, audience)
    known = audience_list(request.space).order_by("name")
    return surface.context | {
        "audience": audience,
        "draft": draft,
        "form_url": surface.url,
        "root": shown_rows(
            draft.rows,
            outcome.problems,
            collection=draft.collection,
            offered=offered,
        ),
        "can_drag": True,
        "problems": shown_problems(draft.rows, outcome.problems),
        "focus": outcome.focus,
        "preview": outcome.preview,
        "preview_error": outcome.preview_error,
        "comparable": [
            (each.public_id, each.name)
            for each in known
            if COLLECTION_NAMES[each.collection] == draft.collection and (audience is None or each.pk != audience.pk)
        ],
        **CHOICES,
    }


def field_errors(errors: list[FieldError]) -> dict[str, str]:
    """The sentences of a refusal by the first step of their paths."""
    found: dict[str, str] = {}
    for error in errors:
        name = error.path.strip("/").partition("/")[0]
        found[name] = " ".join(filter(None, [found.get(name), error.detail]))
    return found
