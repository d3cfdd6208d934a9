"""The entry and exit settings of a version as a list of facts."""

from __future__ import annotations

from typing import Any

from journeys.models import JourneyVersion
from journeys.steps.durations import duration_words


def settings_facts(version: JourneyVersion) -> list[dict[str, str]]:
    """`label` and `value` of each setting, in words."""
    given = version.definition.get("settings") or {}
    entry = version.definition.get("entry") or {}
    history = (
        "Used for the entry condition" if entry.get("use_historical") else "Not used: only events from publishing on"
    )
    exclusion = "On: people of earlier versions never enter" if version.excludes_earlier else "Off"
    return [
        {"label": "Exit", "value": _after(given.get("exit_after"), "after entry", "Never: people stay for ever")},
        {"label": "Re-entry", "value": _after(given.get("reentry_after"), "after an exit", "Off: once a person")},
        {"label": "Historical data", "value": history},
        {"label": "Version exclusion", "value": exclusion},
    ]


def _after(duration: Any, after: str, otherwise: str) -> str:
    words = duration_words(duration)
    return f"{words} {after}" if words else otherwise
