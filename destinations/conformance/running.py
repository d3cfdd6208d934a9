"""Running a whole file of cases, and telling what passed by tier."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from destinations import catalog
from destinations.conformance import connector_cases, engine_cases, framework_cases

QUIRKS = Path(__file__).resolve().parent.parent.parent / "docs" / "quirks.md"
NO_CONNECTOR = "no such connector"


def run_file(path: Path) -> dict[str, Any]:
    """`{"file", "passed", "cases", "tiers": {tier: {"passed", "cases"}}, "failed": [ids], "refused": [ids],
    "why": {id: what differs}}`; `refused` are cases that docs/quirks.md names and that do not pass, on purpose."""
    data = json.loads(path.read_text(encoding="utf-8"))
    cases, payloads = data["vectors"], data.get("payloads", {})
    known = refused_ids()
    total: Counter[str] = Counter()
    passed: Counter[str] = Counter()
    failed: list[str] = []
    refused: list[str] = []
    why: dict[str, str] = {}
    for case in cases:
        tier = str(case.get("tier") or "core")
        total[tier] += 1
        wrong = run_case(case, payloads)
        if not wrong:
            passed[tier] += 1
        elif case["id"] in known:
            refused.append(case["id"])
        else:
            failed.append(case["id"])
            why[case["id"]] = wrong
    return {
        "file": path.name,
        "passed": sum(passed.values()),
        "cases": len(cases),
        "tiers": {tier: {"passed": passed[tier], "cases": count} for tier, count in sorted(total.items())},
        "failed": failed,
        "refused": refused,
        "why": why,
    }


def run_case(case: Mapping[str, Any], payloads: Mapping[str, Any]) -> str:
    """What differs from the recorded outcome; "" when the case passes."""
    try:
        if "destination" in case:
            definition = catalog.named(case["destination"])
            if definition is None:
                return f"{NO_CONNECTOR}: {case['destination']}"
            return connector_cases.check(case, definition)
        if case["kind"] in engine_cases.KINDS:
            return engine_cases.check(case, payloads)
        if case["kind"] in framework_cases.KINDS:
            return framework_cases.check(case)
    except Exception as error:  # noqa: BLE001 - a case that breaks the code under test is a case that fails
        return f"{type(error).__name__}: {error}"
    return f"cases of the kind {case['kind']!r} cannot be run"


def refused_ids() -> frozenset[str]:
    """Cases that the last column of the table in docs/quirks.md names."""
    found: set[str] = set()
    for line in QUIRKS.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        found.update(re.findall(r"`([a-z0-9-]+)`", cells[-1]) if line.startswith("|") else ())
    return frozenset(found)
