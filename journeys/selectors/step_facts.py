"""What a trace of a call tells of the journey step that sent it (settings.COMPUTATION_TRACERS)."""

from __future__ import annotations

from django.urls import reverse

from delivery.selectors.computations import ComputationFacts
from journeys.models import JourneyStep, Run
from spaces.models import Space


def facts(*, space: Space, computation_id: str, profile_id: int) -> ComputationFacts | None:
    """The step with this id; its address is the newest run of the profile in the journey, else the journey."""
    step = JourneyStep.objects.in_space(space).select_related("journey").filter(public_id=computation_id).first()
    if step is None or step.journey.deleted_at is not None:
        return None
    where = {"space": space.slug, "journey_id": step.journey.public_id}
    run = Run.objects.in_space(space).filter(profile_id=profile_id, journey_id=step.journey_id).order_by("-id").first()
    url = reverse("journeys:overview", kwargs=where)
    explain_url = reverse("journeys:run", kwargs={**where, "run_id": run.id}) if run is not None else ""
    return ComputationFacts(
        kind="journey step",
        name=f"{step.journey.name}, step {step.name or step.step_id}",
        url=url,
        sentence="Sent to everybody who reaches this step of the journey.",
        explain_url=explain_url,
    )
