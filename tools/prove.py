"""Proves the main path on a real data set: events in, audience, destinations, and a kill in mid-sync.

    python -m tools.prove ORDERS.csv

ORDERS.csv has the columns customer_id, date, quantity and revenue of the CDNOW data: 69,659 orders of 23,570 customers.
Starts the product in a folder of its own, sends the orders with the official Segment library, and checks every count.
Prints one line per check; exits 1 at the first that fails.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.product import PROJECT, Product, free_port, running_product

ORDERS, CUSTOMERS, REPEAT_BUYERS = 69_659, 23_570, 11_662
REPEAT = {
    "version": 1,
    "collection": "users",
    "where": {"event": "Order Completed", "count": {"gte": 2}},
}
CAP = 1_000
KILL_CAP = 500


def check(what: str, found: Any, wanted: Any) -> None:
    mark = "ok  " if found == wanted else "FAIL"
    print(f"{mark} {what}: {found}" + ("" if found == wanted else f", wanted {wanted}"), flush=True)
    if found != wanted:
        raise SystemExit(1)


def say(text: str) -> None:
    print(f"     {text}", flush=True)


def send(product: Product, csv: Path, write_key: str) -> None:
    started = time.monotonic()
    subprocess.run(
        [sys.executable, "-m", "tools.send_cdnow", str(csv), "--write-key", write_key, "--url", product.url],
        cwd=PROJECT,
        check=True,
    )
    say(f"sent by the Segment library in {time.monotonic() - started:.0f} s")


def members(product: Product, space: str, audience: str) -> int:
    return int(product.api("GET", f"spaces/{space}/audiences/{audience}/")["size"])


def echo(product: Product, name: str) -> list[dict[str, Any]]:
    """Everything that the receiver got, in order."""
    rows: list[dict[str, Any]] = []
    after = 0
    while True:
        page = product.request("GET", f"/echo/{name}/requests.json?after={after}&limit=5000")
        rows += page["requests"]
        if page["next"] is None:
            return rows
        after = page["next"]


def busiest_second(rows: list[dict[str, Any]]) -> int:
    """The most requests in any window of one second."""
    times = sorted(datetime.fromisoformat(row["received_at"]).timestamp() for row in rows)
    most = first = 0
    for last, moment in enumerate(times):
        while moment - times[first] >= 1:
            first += 1
        most = max(most, last - first + 1)
    return most


def destination(product: Product, space: str, name: str, connector: str, cap: int | None, **settings: Any) -> str:
    body = {
        "name": name,
        "connector": connector,
        "settings": {"url": f"{product.url}/echo/{name}", **settings},
        "enabled": True,
    }
    if cap is not None:
        body["requests_per_second"] = cap
    return str(product.api("POST", f"spaces/{space}/destinations/", body)["id"])


def connect(product: Product, space: str, audience: str, target: str) -> str:
    body = {"destination": target, "send_identify": False, "send_track": True}
    return str(product.api("POST", f"spaces/{space}/audiences/{audience}/connections/", body)["id"])


def prove_ingest(product: Product, csv: Path) -> tuple[str, str]:
    space = product.api("POST", "spaces/", {"name": "CDNOW", "kind": "dev"})["slug"]
    key = product.api("POST", f"spaces/{space}/sources/", {"name": "Orders"})["write_key"]
    audience = product.api("POST", f"spaces/{space}/audiences/", {"name": "Repeat buyers", "definition": REPEAT})["id"]
    started = time.monotonic()
    send(product, csv, key)
    product.wait_idle()
    say(f"sent, stored and evaluated in {time.monotonic() - started:.0f} s")
    counts = ["SELECT count(*) FROM event e JOIN spaces_space s ON s.id = e.space_id WHERE s.slug = 'cdnow'"]
    counts += [counts[0].replace("event e", "profile e")]
    check("events", query(product, counts[0]), ORDERS)
    check("profiles", query(product, counts[1]), CUSTOMERS)
    check("members of the live audience", members(product, space, audience), REPEAT_BUYERS)
    send(product, csv, key)
    product.wait_idle()
    check("events after sending all again", query(product, counts[0]), ORDERS)
    check("profiles after sending all again", query(product, counts[1]), CUSTOMERS)
    check("members after sending all again", members(product, space, audience), REPEAT_BUYERS)
    return space, audience


def query(product: Product, sql: str) -> int:
    script = f"from django.db import connection as c\nq = c.cursor()\nq.execute({sql!r})\nprint(q.fetchone()[0])"
    return int(product.manage("shell", "--no-imports", "-c", script).split()[-1])


def prove_delivery(product: Product, space: str, audience: str) -> None:
    actions = destination(product, space, "proof-actions", "webhook", CAP)
    lists = destination(product, space, "proof-list", "webhook_list", None, intervalMinutes=1)
    started = time.monotonic()
    connect(product, space, audience, actions)
    connect(product, space, audience, lists)
    product.wait("all calls are received", lambda: total(product, "proof-actions") >= REPEAT_BUYERS, 180)
    say(f"delivered in {time.monotonic() - started:.0f} s")
    product.wait_idle()
    rows = echo(product, "proof-actions")
    entered = [row["body"] for row in rows if row["body"]["event"] == "Audience Entered"]
    check("Audience Entered calls", len(entered), REPEAT_BUYERS)
    check("distinct messageIds", len({body["messageId"] for body in entered}), REPEAT_BUYERS)
    check("distinct people", len({body["userId"] for body in entered}), REPEAT_BUYERS)
    most = busiest_second(rows)
    check(f"busiest second ({most} calls) is within the cap of {CAP}", most <= CAP, True)
    people = {body["userId"] for body in entered}
    product.wait("the list is synced", lambda: listed(product) >= people, 180)
    check("people in the batches of the list", len(listed(product)), REPEAT_BUYERS)
    say(f"in {total(product, 'proof-list')} batches")


def total(product: Product, name: str) -> int:
    return int(product.request("GET", f"/echo/{name}/requests.json?limit=1")["total"])


def listed(product: Product) -> set[str]:
    return {entry["userId"] for row in echo(product, "proof-list") for entry in row["body"].get("added", [])}


def prove_kill(folder: Path, port: int, space: str, audience: str) -> None:
    """Kill every worker with SIGKILL in mid-sync, start again, and look at what the receiver got."""
    with running_product(folder, people=300, port=port) as product:
        target = destination(product, space, "proof-kill", "webhook", KILL_CAP)
        connect(product, space, audience, target)
        product.wait("the sync is half done", lambda: total(product, "proof-kill") > REPEAT_BUYERS // 2, 120, 0.1)
        pids = product.worker_pids()
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        say(f"killed {len(pids)} worker processes after {total(product, 'proof-kill')} calls")
    with running_product(folder, people=300, port=port) as product:
        product.wait("all calls are received", lambda: distinct(product) >= REPEAT_BUYERS, 240)
        product.wait_idle()
        rows = echo(product, "proof-kill")
    repeats = Counter(row["message_id"] for row in rows)
    check("distinct messageIds after the kill", len(repeats), REPEAT_BUYERS)
    people = {row["body"]["userId"] for row in rows}
    check("distinct people after the kill", len(people), REPEAT_BUYERS)
    say(f"repeated under their own messageId: {sum(repeats.values()) - len(repeats)}")


def distinct(product: Product) -> int:
    return int(product.request("GET", "/echo/proof-kill/requests.json?limit=1")["distinct_message_ids"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("csv", type=Path, help="the orders")
    csv = parser.parse_args().csv.resolve()
    with tempfile.TemporaryDirectory(prefix="engage-proof-") as directory:
        folder, port = Path(directory), free_port()
        with running_product(folder, people=300, port=port) as product:
            space, audience = prove_ingest(product, csv)
            prove_delivery(product, space, audience)
        prove_kill(folder, port, space, audience)
    print("All checks passed.")


if __name__ == "__main__":
    main()
