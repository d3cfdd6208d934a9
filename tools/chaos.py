"""Proves that nothing is lost (`make chaos`): workers killed every few seconds, PostgreSQL restarted, Valkey emptied.

    python -m tools.chaos [--events 100000] [--every 4]

Starts the product's processes in a folder of its own, sends events as a client that repeats a request until it is
answered with 200, and meanwhile kills every worker process with SIGKILL every few seconds, restarts PostgreSQL once
and empties Valkey once. When all is drained the books must balance to the last message: what was received, what each
connection emitted, and what the receiver holds. Prints one line per check; exits 1 at the first that fails.
"""

# ruff: noqa: PLC0415 - Django is set up when its database is there

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import redis
from honcho.environ import parse_procfile

from launcher.folder import DataFolder
from launcher.servers import Servers, running_servers
from tests.product import PROJECT, free_port
from tools.prove import check, say

CUSTOMER_EVENTS = 10
BATCH = 100
SENDERS = 4
PATIENCE_SECONDS = 900
BUYERS = {"version": 1, "collection": "users", "where": {"event": "Order Completed"}}


class Processes:
    """web, worker and beat of the Procfile, each a group of its own that can be killed and started again."""

    def __init__(self, environment: dict[str, str], folder: Path) -> None:
        self.environment = environment
        self.commands = parse_procfile((PROJECT / "Procfile").read_text()).processes
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.log = (folder / "processes.log").open("wb")

    def start(self, name: str) -> None:
        self.running[name] = subprocess.Popen(
            self.commands[name], shell=True, cwd=PROJECT, env=self.environment, start_new_session=True,
            stdout=self.log, stderr=self.log,
        )  # fmt: skip

    def kill(self, name: str) -> None:
        """SIGKILL to the process and all of its children."""
        process = self.running[name]
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def stop(self) -> None:
        for name, process in self.running.items():
            if process.poll() is None:
                self.kill(name)
        self.log.close()


class Client:
    """The product over HTTP; a request is repeated until it is answered with success."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url
        self.token = token

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        return self._open(method, f"/api/v1/{path}", body, f"Token {self.token}")

    def send(self, write_key: str, batch: list[dict[str, Any]]) -> None:
        """Deliver a batch as an SDK does: again with the same messageIds until it is answered with 200."""
        authorization = "Basic " + b64encode(f"{write_key}:".encode()).decode()
        while True:
            try:
                self._open("POST", "/v1/batch", {"batch": batch}, authorization)
                return
            except (urllib.error.URLError, OSError):
                time.sleep(0.2)

    def get(self, path: str) -> Any:
        return self._open("GET", path, None, "")

    def _open(self, method: str, path: str, body: Any, authorization: str) -> Any:
        headers = {"Content-Type": "application/json"} | ({"Authorization": authorization} if authorization else {})
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}{path}", data, headers, method=method)
        with urllib.request.urlopen(request, timeout=30) as response:
            return json.loads(response.read())


def manage(environment: dict[str, str], *command: str) -> str:
    return subprocess.run(
        [sys.executable, "manage.py", *command],
        cwd=PROJECT,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    ).stdout


@contextmanager
def running(folder: Path) -> Iterator[tuple[Servers, Processes, Client]]:
    port = free_port()
    with running_servers(DataFolder(folder)) as servers:
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("ENGAGE_")},
            **servers.environment,
            "ENGAGE_DEMO": "1",
            "ENGAGE_DEMO_PEOPLE": "50",
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
            "PORT": str(port),
            "ENGAGE_URL": f"http://127.0.0.1:{port}",
        }
        manage(environment, "migrate", "--verbosity", "0")
        manage(environment, "collectstatic", "--noinput", "--verbosity", "0")
        manage(environment, "demo", "--load")
        token = json.loads(manage(environment, "demo", "--json"))["api_token"]
        processes = Processes(environment, folder)
        try:
            for name in ("web", "worker", "beat"):
                processes.start(name)
            client = Client(f"http://127.0.0.1:{port}", token)
            wait("the product answers", lambda: answers(client))
            os.environ |= servers.environment | {"DJANGO_SETTINGS_MODULE": "engage_admin.settings", "ENGAGE_DEMO": "1"}
            import django

            django.setup()
            yield servers, processes, client
        finally:
            processes.stop()


def wait(what: str, done: Any, seconds: float = PATIENCE_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            raise SystemExit(f"FAIL {what}: not within {seconds:.0f} s")
        time.sleep(0.5)


def answers(client: Client) -> bool:
    try:
        client.get("/healthz")
    except (urllib.error.URLError, OSError):
        return False
    return True


def is_idle(client: Client) -> bool:
    try:
        ages = client.get("/healthz")["oldest_work_seconds"]
    except (urllib.error.URLError, OSError):
        return False
    return all(age is None for age in ages.values())


def send_all(client: Client, write_key: str, events: int) -> None:
    """Order Completed, CUSTOMER_EVENTS a customer, by SENDERS at once."""
    at = datetime.now(UTC).isoformat()
    batches = [range(start, min(start + BATCH, events)) for start in range(0, events, BATCH)]

    def sender(number: int) -> None:
        for batch in batches[number::SENDERS]:
            client.send(
                write_key,
                [
                    {
                        "type": "track",
                        "event": "Order Completed",
                        "userId": f"customer-{event // CUSTOMER_EVENTS}",
                        "messageId": f"chaos-{event}",
                        "timestamp": at,
                        "properties": {"revenue": event % 97},
                    }
                    for event in batch
                ],
            )

    threads = [threading.Thread(target=sender, args=(number,)) for number in range(SENDERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def make_chaos(servers: Servers, processes: Processes, every: float, is_over: threading.Event) -> Counter[str]:
    """Until it is over: kill the workers; once restart PostgreSQL, and once empty Valkey."""
    done: Counter[str] = Counter()
    while not is_over.wait(every):
        processes.kill("worker")
        done["kills of all workers"] += 1
        if done["kills of all workers"] == 3 and servers.postgres:
            servers.postgres.stop()
            servers.postgres.start()
            done["restarts of PostgreSQL"] += 1
        if done["kills of all workers"] == 5 and servers.valkey:
            redis.Redis.from_url(servers.valkey.url).flushall()
            done["flushes of Valkey"] += 1
        for name, process in list(processes.running.items()):
            if process.poll() is not None:
                processes.start(name)
    return done


def received_by_echo(client: Client, name: str) -> Counter[str]:
    """How often each messageId arrived."""
    found: Counter[str] = Counter()
    after = 0
    while True:
        page = client.get(f"/echo/{name}/requests.json?after={after}&limit=5000")
        found.update(row["message_id"] for row in page["requests"])
        if page["next"] is None:
            return found
        after = page["next"]


def check_books(client: Client, slug: str, events: int, in_flight: int) -> None:
    from django.db.models import Sum

    from delivery.models import Connection, DeliveryLog, Outcome
    from delivery.selectors.books import books_of
    from ingest.models import SourceCounter
    from spaces.models import Space

    space = Space.objects.get(slug=slug)
    columns = ("received", "stored", "duplicate", "rejected")
    counts = SourceCounter.objects.filter(space_id=space.pk).aggregate(**{name: Sum(name) for name in columns})
    say(", ".join(f"{name} {counts[name]:,}" for name in columns))
    check("received - stored - duplicate - rejected", counts["received"] - sum(counts[name] for name in columns[1:]), 0)
    check("stored", counts["stored"], events)
    connection = Connection.objects.get(space=space)
    books = books_of([connection])[connection.pk]
    say(f"emitted {books.emitted:,} = " + " + ".join(f"{name} {count:,}" for name, count in books.parts()))
    check("unaccounted", books.unaccounted, 0)
    check("emitted", books.emitted, events // CUSTOMER_EVENTS)
    check("delivered", books.delivered, books.emitted)
    arrived = received_by_echo(client, "chaos")
    log = DeliveryLog.objects.filter(space_id=space.pk, connection_id=connection.pk, outcome=Outcome.DELIVERED)
    delivered = set(log.values_list("message_id", flat=True))
    check("delivered messageIds that the receiver lacks", len(delivered - arrived.keys()), 0)
    check("messageIds of the receiver that were not delivered", len(arrived.keys() - delivered), 0)
    repeats = sum(arrived.values()) - len(arrived)
    say(f"repeated under their own messageId, in flight at a kill: {repeats:,}")
    check(f"repeats are at most {in_flight} calls in flight a kill", repeats <= in_flight, True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--every", type=float, default=4.0, help="seconds between two kills of all workers")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="engage-chaos-") as directory, running(Path(directory)) as product:
        servers, processes, client = product
        slug = client.ask("POST", "spaces/", {"name": "Chaos", "kind": "dev"})["slug"]
        key = client.ask("POST", f"spaces/{slug}/sources/", {"name": "Orders"})["write_key"]
        audience = client.ask("POST", f"spaces/{slug}/audiences/", {"name": "Buyers", "definition": BUYERS})["id"]
        settings = {"url": f"{client.url}/echo/chaos"}
        body = {"name": "Chaos", "connector": "webhook", "settings": settings, "enabled": True}
        target = client.ask("POST", f"spaces/{slug}/destinations/", body)["id"]
        body = {"destination": target, "send_identify": False, "send_track": True}
        client.ask("POST", f"spaces/{slug}/audiences/{audience}/connections/", body)
        started = time.monotonic()
        is_over = threading.Event()
        outcome: list[Counter[str]] = []
        chaos = threading.Thread(
            target=lambda: outcome.append(make_chaos(servers, processes, options.every, is_over)), daemon=True
        )
        chaos.start()
        send_all(client, key, options.events)
        say(f"{options.events:,} events sent in {time.monotonic() - started:.0f} s")
        # The workers go on being killed while half of what is left is worked off.
        time.sleep(5 * options.every)
        is_over.set()
        chaos.join()
        for what, count in outcome[0].items():
            say(f"{count} {what}")
        wait("the queues are empty", lambda: is_idle(client))
        say(f"drained after {time.monotonic() - started:.0f} s")
        check_books(client, slug, options.events, in_flight=500 * 2 * outcome[0]["kills of all workers"])
    print("All checks passed.")


if __name__ == "__main__":
    main()
