"""The plan of a workspace."""

from __future__ import annotations

from django.db import transaction

from common.errors import InvalidError, NotAllowedError
from spaces import audit
from spaces.access import allows, missing_right
from spaces.entitlements import INCLUDED, Plan, plan_of
from spaces.models import Member, Role, Workspace


@transaction.atomic
def change_plan(*, by: Member, plan: str) -> Workspace:
    """Switch on what the plan includes and off what it does not. NotAllowedError below Owner; InvalidError at /plan."""
    if not allows(by, Role.OWNER):
        raise NotAllowedError(missing_right(by, Role.OWNER))
    if plan not in Plan.values:
        raise InvalidError.at("/plan", f"The plan must be one of {', '.join(Plan.values)}.", "unknown_plan")
    workspace = Workspace.objects.select_for_update(no_key=True).get(pk=by.workspace_id)
    before, chosen = plan_of(workspace), Plan(plan)
    if before != chosen:
        workspace.entitlements = {"plan": chosen.value, **INCLUDED[chosen]}
        workspace.save(update_fields=["entitlements", "updated_at"])
        audit.record(
            actor=by.user,
            action="workspace.plan_changed",
            target=workspace,
            workspace=workspace,
            before={"plan": before.value},
            after={"plan": chosen.value},
        )
    return workspace
