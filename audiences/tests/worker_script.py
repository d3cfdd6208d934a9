"""A worker process for tests: full computations of one space in small slices, told on stdout one by one.

`python -m audiences.tests.worker_script SLICE`; a run whose worker was killed is taken over at once.
"""

# ruff: noqa: PLC0415, T201 - Django is set up before its modules are imported; slices are told on stdout

from __future__ import annotations

import sys

import django


def main(size: int) -> None:
    from audiences.models import ComputeRun
    from audiences.services import backfill

    slice_of = backfill._slice

    def told(*args: object, **options: object) -> bool:
        is_open = slice_of(*args, **options)  # type: ignore[arg-type]
        print(is_open, flush=True)
        return is_open

    backfill._slice = told
    ComputeRun.objects.update(lease_until=None)
    while run := backfill.claim_run():
        backfill.work(run, slice_profiles=size)


if __name__ == "__main__":
    django.setup()
    main(int(sys.argv[1]))
