"""All measurements: `make bench`, or `python -m bench [ingest] [deliver] [engine] [journey_canvas] [audiences]`.

Each module runs in a process of its own and prints one JSON line a result; see bench/common.py. By name only,
since they take minutes: `isolation` and `trace`.
"""

from __future__ import annotations

import os
import subprocess
import sys

from bench.common import PROJECT

MODULES = (
    "engine", "ingest", "deliver", "deliver_mapped", "list_sync", "journey_canvas", "journey_dry_run", "audiences",
)  # fmt: skip


def main(wanted: list[str]) -> int:
    environment = {**os.environ, "ENGAGE_ALLOWED_NETWORKS": "127.0.0.0/8"}
    worst = 0
    for module in wanted or MODULES:
        ran = subprocess.run([sys.executable, "-m", f"bench.{module}"], check=False, cwd=PROJECT, env=environment)
        worst = max(worst, ran.returncode)
    return worst


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
