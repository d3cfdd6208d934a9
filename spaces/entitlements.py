"""What the plan of a workspace includes (F059). What it leaves out is hidden, and refused on every page and operation.

`Workspace.entitlements` is `{"plan": …, "engage": bool}`; a feature that is absent is on, so a workspace without a plan
has everything. Data stays as it is: what was live goes on, and is there again when the plan includes it.
"""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.db import models

from spaces.models import Workspace

ENGAGE = "engage"
# The packages whose pages and operations are the feature.
FEATURES = {ENGAGE: ("audiences", "traits", "journeys", "warehouse_output")}


class Plan(models.TextChoices):
    EVERYTHING = "everything", "Everything included"
    FREE = "free", "Free"
    TEAM = "team", "Team"
    BUSINESS = "business", "Business"
    BUSINESS_ENGAGE = "business_engage", "Business with the Engage add-on"
    FOUNDATIONS = "engage_foundations", "Engage Foundations (Business, Unify and Engage)"


INCLUDED: dict[Plan, dict[str, bool]] = {
    Plan.EVERYTHING: {},
    Plan.FREE: {ENGAGE: False},
    Plan.TEAM: {ENGAGE: False},
    Plan.BUSINESS: {ENGAGE: False},
    Plan.BUSINESS_ENGAGE: {ENGAGE: True},
    Plan.FOUNDATIONS: {ENGAGE: True},
}


def plan_of(workspace: Workspace) -> Plan:
    name = workspace.entitlements.get("plan")
    return Plan(name) if name in Plan.values else Plan.EVERYTHING


def includes(workspace: Workspace, feature: str) -> bool:
    return workspace.entitlements.get(feature) is not False


def missing_feature(workspace: Workspace, module: str) -> str:
    """The sentence for a page or operation of this module that the plan leaves out; "" when nothing is missing."""
    package = module.partition(".")[0]
    for feature, packages in FEATURES.items():
        if package in packages and not includes(workspace, feature):
            return (
                f"The plan of {workspace.name}, {plan_of(workspace).label}, does not include Engage: audiences, "
                "computed traits and journeys. A workspace owner can change the plan in Settings."
            )
    return ""


def refuse_missing(workspace: Workspace, module: str) -> None:
    if sentence := missing_feature(workspace, module):
        raise PermissionDenied(sentence)
