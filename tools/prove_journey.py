"""Proves dry runs on a real data set: a journey over all CDNOW orders against a count of the file alone.

    python -m tools.prove_journey ORDERS.csv

Starts the product in a folder of its own, sends the orders with the official Segment library, makes the journey
"first order → 30 days → ordered again? → send" by the API, dry runs it, and prints both counts side by side.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from journeys.tests import cdnow
from tests.product import Product, free_port, running_product
from tools.prove import check, destination, say, send

# Noon: the product corrects timestamps for the client's clock, by milliseconds, so midnight would be a toss-up.
MIDDLE = datetime(1997, 3, 15, 12, tzinfo=UTC)
MOST_SECONDS = 900


def dry_run(product: Product, address: str, to_at: datetime) -> dict[str, Any]:
    """The result of a dry run from the beginning of the file to `to_at`."""
    body = {"from": cdnow.FROM_AT.isoformat(), "to": to_at.isoformat()}
    started = time.monotonic()
    job = product.api("POST", f"{address}dry-run/", body)
    while job["state"] in {"waiting", "running"}:
        if time.monotonic() - started > MOST_SECONDS:
            raise SystemExit(f"The dry run takes longer than {MOST_SECONDS} s.")
        time.sleep(0.5)
        job = product.api("GET", f"{address}dry-run/{job['id']}/")
    say(f"dry run until {to_at:%Y-%m-%d}: {job['state']} after {time.monotonic() - started:.0f} s {job['error']}")
    result: dict[str, Any] = job["result"]
    return result


def compare(result: dict[str, Any], expected: cdnow.Expected) -> None:
    steps = result["steps"]
    check("entered on the first order", result["entered"], expected.entered)
    check("still in the delay", steps["wait"]["waiting"], expected.waiting)
    check("left the delay", steps["wait"]["left"], expected.again + expected.once)
    check("ordered again", steps["again"]["branches"].get("true", 0), expected.again)
    check("did not order again", steps["again"]["branches"].get("false", 0), expected.once)
    check("sent", steps["thanks"]["sent"], expected.again)
    check("calls", sum(one["calls"] for one in result["sends"]), 2 * expected.again)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("csv", type=Path, help="the orders")
    csv = parser.parse_args().csv.resolve()
    orders = cdnow.read_orders(csv)
    with (
        tempfile.TemporaryDirectory(prefix="engage-journey-") as directory,
        running_product(Path(directory), people=300, port=free_port()) as product,
    ):
        space = product.api("POST", "spaces/", {"name": "CDNOW", "kind": "dev"})["slug"]
        key = product.api("POST", f"spaces/{space}/sources/", {"name": "Orders"})["write_key"]
        send(product, csv, key)
        product.wait_idle()
        hook = destination(product, space, "proof-journey", "webhook", None)
        body = {"definition": cdnow.definition(hook)}
        journey = product.api("POST", f"spaces/{space}/journeys/", body)["id"]
        for to_at in (cdnow.TO_AT, MIDDLE):
            expected = cdnow.count(orders, to_at=to_at)
            compare(dry_run(product, f"spaces/{space}/journeys/{journey}/", to_at), expected)
    print("All checks passed.")


if __name__ == "__main__":
    main()
