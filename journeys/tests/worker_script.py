"""A worker process for tests: moves the people of one space in small blocks, and says so after each.

`python -m journeys.tests.worker_script SPACE_ID ISO_INSTANT BLOCK [events]`; each line on stdout is a block done.
"""

# ruff: noqa: PLC0415, T201 - Django is set up before its modules are imported; blocks are told on stdout

from __future__ import annotations

import sys
from datetime import datetime

import django


def main(space_id: int, now: datetime, limit: int, *, with_events: bool) -> None:
    from audiences.services import compute
    from journeys.services.due import due_block
    from spaces.models import Space

    space = Space.objects.get(pk=space_id)
    compute.BLOCK_ROWS = 2
    done = 1
    while done:
        done = due_block(space=space, now=now, limit=limit)
        if with_events:
            done += compute.compute_block(space=space)
        print(done, flush=True)


if __name__ == "__main__":
    django.setup()
    main(int(sys.argv[1]), datetime.fromisoformat(sys.argv[2]), int(sys.argv[3]), with_events="events" in sys.argv[4:])
