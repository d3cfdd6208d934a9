"""The forms of the builder: a new journey, and the settings of one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.http import QueryDict

from journeys.models import JourneyVersion
from journeys.selectors.journeys import fixed_settings
from journeys.steps.durations import UNITS, duration_fields, posted_duration

REENTRY_UNITS = UNITS[1:]
LONGEST_NAME = 73


@dataclass(kw_only=True)
class SettingsForm:
    """Name, description, entry and exit settings as texts; `errors` by field."""

    name: str = ""
    description: str = ""
    exits: bool = False
    exit_days: str = "30"
    reenters: bool = False
    reentry_amount: str = "30"
    reentry_unit: str = "days"
    errors: dict[str, str] = field(default_factory=dict)

    @property
    def settings(self) -> dict[str, Any]:
        """As the definition has them; what is not a number stays unset."""
        posted = QueryDict(mutable=True)
        posted.update({"exit_amount": self.exit_days, "exit_unit": "days"})
        posted.update({"reentry_amount": self.reentry_amount, "reentry_unit": self.reentry_unit})
        return {
            "exit_after": posted_duration(posted, "exit") if self.exits else None,
            "reentry_after": posted_duration(posted, "reentry") if self.reenters else None,
        }

    def check(self) -> bool:
        """Say what is wrong with the numbers; the name is the service's to judge."""
        given = self.settings
        if self.exits and given["exit_after"] is None:
            self.errors["exit_days"] = "Give the number of days as a whole number from 1."
        if self.reenters and given["reentry_after"] is None:
            self.errors["reentry_amount"] = "Give the time as a whole number from 1."
        if self.reenters and not self.exits:
            self.errors["reenters"] = "Re-entry begins after an exit: turn on exit settings too."
        return not self.errors


def posted_settings(posted: QueryDict) -> SettingsForm:
    unit = posted.get("reentry_unit", "days")
    return SettingsForm(
        name=posted.get("name", ""),
        description=posted.get("description", ""),
        exits=posted.get("exits") == "1",
        exit_days=posted.get("exit_days", ""),
        reenters=posted.get("reenters") == "1",
        reentry_amount=posted.get("reentry_amount", ""),
        reentry_unit=unit if unit in REENTRY_UNITS else "days",
    )


def can_set(version: JourneyVersion) -> bool:
    """Whether entry and exit settings may be changed: until the first publication, or to take a change back."""
    fixed = fixed_settings(version.journey)
    return fixed is None or fixed != (version.definition.get("settings") or {})


def settings_fields(version: JourneyVersion) -> SettingsForm:
    """The form as the version has it."""
    settings = version.definition.get("settings") or {}
    exit_after, reentry_after = settings.get("exit_after"), settings.get("reentry_after")
    reentry = duration_fields(reentry_after or {"days": 30})
    return SettingsForm(
        name=str(version.definition.get("name") or ""),
        description=version.journey.description,
        exits=exit_after is not None,
        exit_days=_days(exit_after),
        reenters=reentry_after is not None,
        reentry_amount=reentry["amount"],
        reentry_unit=reentry["unit"],
    )


def _days(raw: Any) -> str:
    """An exit time in days, also when the API wrote it in another unit that is whole days."""
    found = duration_fields(raw or {"days": 30})
    if found["unit"] == "weeks" and found["amount"].isdecimal():
        return str(int(found["amount"]) * 7)
    return found["amount"] if found["unit"] == "days" else ""
