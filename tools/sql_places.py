"""What the screenshots need of SQL traits: a warehouse file, a trait that has run, one whose query failed.

And a file that Engage's calls are written to."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any
from urllib.error import HTTPError

import duckdb

from tests.product import Product

QUERY = """SELECT
  user_id,
  CASE WHEN orders >= 3 THEN 'gold' ELSE 'basic' END AS loyalty_tier,
  round(orders * 37.5, 2) AS warehouse_value
FROM customers
WHERE user_id IS NOT NULL"""


def make_warehouses(product: Product, api: Callable[..., Any]) -> dict[str, str]:
    """A DuckDB file of the people of the demo, and a server that nobody answers at."""
    folder = product.folder / "warehouses"
    folder.mkdir(exist_ok=True)
    path = folder / "sales.duckdb"
    ids = _user_ids(product, f"spaces/{product.demo['space']}/profiles/?limit=200")
    with duckdb.connect(str(path)) as own:
        own.execute("CREATE TABLE customers (user_id VARCHAR, orders INTEGER)")
        own.executemany("INSERT INTO customers VALUES (?, ?)", [(one, number % 7) for number, one in enumerate(ids)])
        own.execute("CREATE TABLE visits AS SELECT * FROM customers")
    files = api("POST", "warehouses/", {"name": "Sales", "connector": "duckdb", "settings": {"path": "sales.duckdb"}})
    server = {"host": "127.0.0.1", "port": "1", "database": "sales", "user": "reader", "password": "secret"}
    away = api("POST", "warehouses/", {"name": "Old server", "connector": "postgresql", "settings": server})
    for one in (files, away):
        with contextlib.suppress(HTTPError):
            api("POST", f"warehouses/{one['id']}/test/")
    trait = api("POST", "sql-traits/", {"name": "Sales facts", "source": files["id"], "query": QUERY})
    visits = "SELECT user_id, orders AS visits FROM visits"
    broken = api("POST", "sql-traits/", {"name": "Visits", "source": files["id"], "query": visits})
    _wait(product, api, trait["id"], "Live")
    _wait(product, api, broken["id"], "Live")
    with duckdb.connect(str(path)) as own:
        own.execute("DROP TABLE visits")
    api("POST", f"sql-traits/{broken['id']}/runs/")
    _wait(product, api, broken["id"], "Failed")
    calls = {"path": "calls.duckdb", "if_missing": "make"}
    output = api("POST", "warehouses/", {"name": "Calls", "connector": "duckdb", "settings": calls})
    for one in (output, away):
        api("PATCH", f"warehouses/{one['id']}/output/", {"is_enabled": True})
    runs = f"warehouses/{output['id']}/output/runs/"
    product.wait("calls in a warehouse", lambda: api("GET", runs)["results"][0]["state"] == "finished", 120)
    return {
        "sql": trait["id"],
        "failed_sql": broken["id"],
        "warehouse": files["id"],
        "failed_warehouse": away["id"],
        "output_warehouse": output["id"],
    }


def _user_ids(product: Product, path: str) -> list[str]:
    """Some hundred people's; the newest profiles may all be anonymous."""
    found: set[str] = set()
    while path and len(found) < 100:
        page = product.api("GET", path)
        found |= {one["value"] for row in page["results"] for one in row["identities"] if one["type"] == "user_id"}
        path = (page["next"] or "").partition("/api/v1/")[2]
    return sorted(found)


def _wait(product: Product, api: Callable[..., Any], trait: str, status: str) -> None:
    product.wait(f"a query that is {status}", lambda: api("GET", f"sql-traits/{trait}/")["status"] == status, 120)
