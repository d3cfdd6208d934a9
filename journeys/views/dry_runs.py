"""The pages of dry runs: choose a period, watch the progress, see the numbers on the canvas."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from common.errors import ConflictError, FieldError, InvalidError
from common.templatetags._formats import format_duration, format_percent
from journeys.canvas.layout import layout
from journeys.canvas.overlays import Figure, Overlay, StepOverlay, counted
from journeys.models import DryRun, JourneyVersion
from journeys.selectors.people import people_of
from journeys.services import dry_runs
from journeys.services.histories import Traits
from journeys.steps.kinds import Names
from journeys.steps.titles import called
from journeys.views.context import get_journey, journey_url
from journeys.views.live import names_in
from journeys.views.testing import tested_version, testing_context
from journeys.views.testing_showing import masked_body
from profiles.masking import masked
from profiles.models import Profile
from spaces.access import SpaceRequest, space_view
from spaces.context import route_url
from spaces.models import Role

PERIODS = ((7, "7 days"), (30, "30 days"), (90, "90 days"), (365, "A year"))
DEFAULT_DAYS = 30
TRAIT_WORDS = (
    (Traits.AS_TODAY, "as they are today", "Best when every call carries all traits."),
    (Traits.AS_WRITTEN, "from when each was last written", "Best when traits are written as they change."),
)


@space_view(write=Role.USER)
@require_http_methods(["GET", "POST"])
def dry_run(request: SpaceRequest, journey_id: str) -> HttpResponse:
    """GET shows the form and the latest dry run; POST starts one."""
    journey = get_journey(request, journey_id)
    version = tested_version(request, journey)
    if request.method != "POST":
        runs = dry_runs.runs_of(version)
        return _page(request, version, _chosen(request, runs[0].public_id) if runs else None)
    form = _Form.posted(request.POST)
    period, errors = form.period()
    if period is None:
        return _page(request, version, None, form=form, errors=errors, status=422)
    try:
        run = dry_runs.start(
            version=version,
            from_at=period[0],
            to_at=period[1],
            started_by=request.user,
            traits=form.traits,
        )
    except InvalidError as error:
        return _page(request, version, None, form=form, errors=error.errors, status=422)
    return redirect(_run_url(request, run))


@space_view()
@require_GET
def dry_run_result(request: SpaceRequest, journey_id: str, run_id: str) -> HttpResponse:
    """The page with one dry run; for htmx the part that shows it, which asks again while it runs."""
    run = _run(request, journey_id, run_id)
    return _page(request, run.version, run)


@space_view(write=Role.USER)
@require_POST
def dry_run_cancel(request: SpaceRequest, journey_id: str, run_id: str) -> HttpResponse:
    run = _run(request, journey_id, run_id)
    try:
        dry_runs.cancel(run=run)
        messages.success(request, "The dry run was cancelled.")
    except ConflictError as error:
        messages.info(request, error.detail)
    return redirect(_run_url(request, run))


@dataclass(frozen=True, kw_only=True)
class _Form:
    """The period as typed (UTC), and how traits are taken."""

    start: str
    end: str
    traits: Traits = Traits.AS_TODAY

    @classmethod
    def last_days(cls, days: int) -> _Form:
        now = timezone.now().astimezone(UTC).replace(second=0, microsecond=0)
        return cls(start=_typed(now - timedelta(days=days)), end=_typed(now))

    @classmethod
    def posted(cls, data: Mapping[str, str]) -> _Form:
        is_written = data.get("traits") == Traits.AS_WRITTEN
        return cls(
            start=data.get("from", "").strip(),
            end=data.get("to", "").strip(),
            traits=Traits.AS_WRITTEN if is_written else Traits.AS_TODAY,
        )

    def period(self) -> tuple[tuple[datetime, datetime] | None, list[FieldError]]:
        instants, errors = [], []
        for path, text in (("/from", self.start), ("/to", self.end)):
            try:
                instants.append(datetime.fromisoformat(text).replace(tzinfo=UTC))
            except ValueError:
                errors.append(FieldError(path=path, code="invalid_instant", detail="Give a date and a time (UTC)."))
        return (None, errors) if errors else ((instants[0], instants[1]), [])


def _typed(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M")


def _run(request: SpaceRequest, journey_id: str, run_id: str) -> DryRun:
    journey = get_journey(request, journey_id)
    run = _chosen(request, run_id)
    if run is None or run.version.journey_id != journey.pk:
        raise Http404("This journey has no such dry run.")
    return run


def _chosen(request: SpaceRequest, run_id: str) -> DryRun | None:
    return dry_runs.get_run(request.space, run_id)


def _run_url(request: SpaceRequest, run: DryRun) -> str:
    return route_url(
        "journeys:dry_run_result", request.space, journey_id=run.version.journey.public_id, run_id=run.public_id
    )


def _page(
    request: SpaceRequest,
    version: JourneyVersion,
    run: DryRun | None,
    *,
    form: _Form | None = None,
    errors: list[FieldError] | None = None,
    status: int = 200,
) -> HttpResponse:
    definition = version.definition if run is None else run.definition
    names = names_in(request.space, definition)
    if form is None:
        form = _Form.last_days(DEFAULT_DAYS) if run is None else _form_of(run)
    by_field: dict[str, list[str]] = {}
    for error in errors or []:
        name = error.path.strip("/")
        by_field.setdefault(name if name in {"from", "to"} else "form", []).append(error.detail)
    result = run.result if run is not None and run.state == DryRun.State.DONE else None
    overlay = Overlay(names=names) if not result else dry_run_overlay(result, definition, names)
    context = testing_context(request, version, "dry_run") | {
        "form": form,
        "form_errors": by_field,
        "presets": [
            {"label": label, "start": preset.start, "end": preset.end}
            for days, label in PERIODS
            for preset in [_Form.last_days(days)]
        ],
        "trait_choices": TRAIT_WORDS,
        "run": run,
        "run_url": _run_url(request, run) if run else "",
        "cancel_url": _run_url(request, run) + "cancel/" if run else "",
        "is_open": run is not None and run.state in dry_runs.OPEN,
        "is_outdated": run is not None and run.definition != version.definition,
        "result": result,
        "is_connected": any(step.get("connections") for step in definition["steps"]),
        "canvas": layout(definition, overlay),
        "earlier": [
            {"run": one, "url": _run_url(request, one)}
            for one in dry_runs.runs_of(version)
            if run is None or one.pk != run.pk
        ],
        "started_url": journey_url(request, version.journey, "dry_run", version=request.GET.get("version", "")),
    }
    if result:
        shows_pii = request.member.has_pii_access
        context |= {"sends": _sends(result, definition, shows_pii=shows_pii), "samples": _samples(request, result)}
    template = "journeys/dry_run.html#outcome" if request.htmx else "journeys/dry_run.html"
    return render(request, template, context, status=status)


def _form_of(run: DryRun) -> _Form:
    traits = (run.result or {}).get(dry_runs.TRAITS, Traits.AS_TODAY.value)
    return _Form(start=_typed(run.from_at), end=_typed(run.to_at), traits=Traits(traits))


def dry_run_overlay(result: Mapping[str, Any], definition: Mapping[str, Any], names: Names) -> Overlay:
    """People who entered each step, those there at the end, the median time; shares on the branches."""
    connected = {step["id"] for step in definition["steps"] if step.get("connections")}
    steps: dict[str, StepOverlay] = {}
    branches: dict[tuple[str, str], StepOverlay] = {}
    for step_id, numbers in result["steps"].items():
        figures = [_figure("entered", numbers["entered"])]
        if numbers["sent"] and step_id in connected:
            figures.append(_figure("sent", numbers["sent"]))
        if numbers["waiting"]:
            figures.append(_figure("waiting", numbers["waiting"]))
        median = numbers["median_seconds"]
        note = f"Median time here {format_duration(median)}" if median else ""
        steps[step_id] = StepOverlay(figures=tuple(figures), note=note, lit=bool(numbers["arrived"]))
        total = sum(numbers["branches"].values())
        for branch, count in numbers["branches"].items():
            share = format_percent(count / total) if total else ""
            branches[step_id, branch] = StepOverlay(
                figures=(Figure(label=share, value=counted(count), title=f"{count:,}"),), lit=count > 0
            )
    return Overlay(steps=steps, branches=branches, names=names)


def _figure(label: str, number: int) -> Figure:
    return Figure(label=label, value=counted(number), title=f"{number:,} {label}")


def _sends(result: Mapping[str, Any], definition: Mapping[str, Any], *, shows_pii: bool) -> list[dict[str, Any]]:
    titles = {step["id"]: called(step) for step in definition["steps"]}
    return [
        send
        | {
            "step_name": titles.get(send["step"], send["step"]),
            "samples": [sample if shows_pii else _masked_sample(sample) for sample in send["samples"]],
        }
        for send in result["sends"]
    ]


def _masked_sample(sample: Mapping[str, Any]) -> dict[str, Any]:
    requests = [{**one, "body": masked_body(str(one.get("body", "")))} for one in sample["requests"]]
    return {**sample, "payload": masked(sample["payload"]), "requests": requests}


def _samples(request: SpaceRequest, result: Mapping[str, Any]) -> list[dict[str, Any]]:
    segment_ids = [sample["profile"] for sample in result["samples"]]
    rows = Profile.objects.in_space(request.space).filter(segment_id__in=segment_ids).values_list("segment_id", "id")
    ids = dict(rows)
    people = people_of(request.space, ids.values(), shows_pii=request.member.has_pii_access)
    return [
        {
            "profile": sample["profile"],
            "person": people.get(ids.get(sample["profile"], 0)),
            "url": route_url("profiles:detail", request.space, segment_id=sample["profile"]),
            "trace": [
                {**entry, "at": datetime.fromisoformat(entry["at"])}
                for entry in sample["trace"]
                if entry["kind"] != "left"
            ],
        }
        for sample in result["samples"]
    ]
