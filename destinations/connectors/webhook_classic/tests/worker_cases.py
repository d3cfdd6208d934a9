from __future__ import annotations

from destinations.kit.testing import ANYTHING, WorkerCase

URL = "https://hooks.example/all"

CASES = [
    WorkerCase(
        settings={"url": URL},
        kinds=("identify",),
        added=[(f"POST {URL}", ANYTHING)],
        changed=[(f"POST {URL}", ANYTHING)],
        removed=[(f"POST {URL}", ANYTHING)] * 2,
    )
]
