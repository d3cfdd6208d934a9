"""Triggers and mappings per second on one process: `python -m bench.engine`.

One JSON line each: {"name", "value", "unit", "limit", "ratio"}. The limit is the speed of the published Node packages
(@segment/destination-subscriptions, @segment/actions-core) on the same inputs in the same run; it is null where node
or the packages are missing. To have it: `npm install --prefix <folder> @segment/actions-core@3.170.0
@segment/destination-subscriptions@3.37.0 liquidjs@10.30.1` and ENGAGE_BENCH_NODE_PATH=<folder>/node_modules.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from engine import fql, mapping

FOLDER = Path(__file__).parent
INPUTS = FOLDER / "engine_inputs.json"
ROUNDS = 7


def measure() -> Iterator[dict[str, Any]]:
    """The two results, `fql_match` and `mapping_resolve`; refuses to measure wrong answers."""
    inputs = json.loads(INPUTS.read_text(encoding="utf-8"))
    events = inputs["events"]
    matches = fql.parse(inputs["trigger"]).matches
    resolve = mapping.compile(inputs["mapping"]).resolve
    if [matches(event) for event in events] != inputs["trigger_expected"]:
        raise SystemExit("fql_match: the trigger gives wrong answers.")
    if [resolve(event) for event in events] != inputs["mapping_expected"]:
        raise SystemExit("mapping_resolve: the mapping gives wrong payloads.")
    limits = _reference_rates()
    yield _line("fql_match", best_rate(matches, events, 100_000), limits.get("fql_match"))
    yield _line("mapping_resolve", best_rate(resolve, events, 8_000), limits.get("mapping_resolve"))


def best_rate(run: Callable[[Any], Any], events: list[Any], count: int) -> float:
    """Calls per second in the fastest of several rounds; events are taken in turn."""
    work = events * (count // len(events))
    best = float("inf")
    for _ in range(ROUNDS):
        started = time.perf_counter()
        for event in work:
            run(event)
        best = min(best, time.perf_counter() - started)
    return len(work) / best


def _reference_rates() -> dict[str, float]:
    node = shutil.which("node")
    packages = os.environ.get("ENGAGE_BENCH_NODE_PATH", str(FOLDER.parent / "node_modules"))
    if not node or not (Path(packages) / "@segment" / "actions-core").is_dir():
        print("bench.engine: node or its packages are missing, so there is no limit to compare with.", file=sys.stderr)
        return {}
    command = [node, str(FOLDER / "engine_reference.cjs"), str(INPUTS)]
    answer = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=120, env={**os.environ, "NODE_PATH": packages}
    )
    if answer.returncode:
        raise SystemExit(f"bench.engine: node failed: {answer.stderr.strip()[-500:]}")
    rates: dict[str, float] = json.loads(answer.stdout)
    return rates


def _line(name: str, value: float, limit: float | None) -> dict[str, Any]:
    return {
        "name": name,
        "value": round(value),
        "unit": "1/s",
        "limit": round(limit) if limit else None,
        "ratio": round(value / limit, 2) if limit else None,
    }


if __name__ == "__main__":
    for line in measure():
        print(json.dumps(line), flush=True)
