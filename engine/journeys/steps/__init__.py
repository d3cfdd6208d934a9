"""The types of steps: one module each, listed here and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping

from engine.journeys.steps.base import Step
from engine.journeys.steps.condition import ConditionStep
from engine.journeys.steps.connect import ConnectStep
from engine.journeys.steps.delay import DelayStep
from engine.journeys.steps.multi_branch import MultiBranchStep
from engine.journeys.steps.random import RandomStep
from engine.journeys.steps.send_to_destinations import SendStep
from engine.journeys.steps.show_ad import ShowAdStep
from engine.journeys.steps.true_false import TrueFalseStep

STEP_TYPES: tuple[type[Step], ...] = (
    ConditionStep, DelayStep, TrueFalseStep, MultiBranchStep, RandomStep, ConnectStep, ShowAdStep, SendStep,
)  # fmt: skip

STEP_TYPE: Mapping[str, type[Step]] = {step_type.type: step_type for step_type in STEP_TYPES}
