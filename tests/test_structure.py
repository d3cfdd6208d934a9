"""Rules about the code that no tool checks: sizes, names, purity of the engine, pins, queues."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from engage_admin.celery import app as celery_app
from tests.source_tree import MODULES, PROJECT, PYTHON_FILES

LINE_CEILING = 500
BANNED_NAMES = {"utils.py", "helpers.py", "misc.py"}
PURE_FOLDERS = ("engine/", "destinations/kit/")
IMPURE_MODULES = {"random", "secrets", "socket", "subprocess", "requests", "urllib.request", "threading", "asyncio"}
IMPURE_CALLS = {
    "datetime.now",
    "datetime.utcnow",
    "datetime.today",
    "datetime.datetime.now",
    "datetime.datetime.utcnow",
    "date.today",
    "datetime.date.today",
    "time.time",
    "time.time_ns",
    "time.monotonic",
    "time.perf_counter",
    "time.sleep",
    "uuid.uuid1",
    "uuid.uuid4",
    "os.urandom",
    "os.getenv",
    "open",
}
PURE_MODULES = [path for path in MODULES if path.as_posix().startswith(PURE_FOLDERS) and "tests" not in path.parts]


def source(path: Path) -> str:
    return (PROJECT / path).read_text()


def dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def impurities(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in IMPURE_MODULES)
        elif isinstance(node, ast.ImportFrom):
            if node.module in IMPURE_MODULES:
                yield node.module
            yield from (
                f"{node.module}.{alias.name}"
                for alias in node.names
                if f"{node.module}.{alias.name}" in IMPURE_CALLS | IMPURE_MODULES
            )
        elif isinstance(node, ast.Call) and dotted(node.func) in IMPURE_CALLS:
            yield f"{dotted(node.func)}() on line {node.lineno}"


def test_the_walk_finds_the_project() -> None:
    assert len(MODULES) > 50
    assert len(PURE_MODULES) > 5
    assert Path("launcher/postgres.py") in MODULES


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_a_module_stays_below_the_ceiling(path: Path) -> None:
    lines = len(source(path).splitlines())

    assert lines <= LINE_CEILING, f"{path} has {lines} lines: make it a package, one noun a module"


def test_no_module_is_a_drawer_for_everything() -> None:
    assert [path for path in PYTHON_FILES if path.name in BANNED_NAMES] == []


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_a_module_postpones_its_annotations(path: Path) -> None:
    text = source(path)

    assert not text.strip() or "from __future__ import annotations" in text


@pytest.mark.parametrize("path", PURE_MODULES, ids=str)
def test_the_engine_has_no_clock_no_chance_and_no_io(path: Path) -> None:
    assert list(impurities(ast.parse(source(path)))) == []


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("import random", ["random"]),
        ("from secrets import choice", ["secrets"]),
        ("from time import time", ["time.time"]),
        ("import time\nx = time.time()", ["time.time() on line 2"]),
        ("from datetime import datetime\nx = datetime.now()", ["datetime.now() on line 2"]),
        ("from datetime import datetime\nx = datetime(2020, 1, 1)", []),
    ],
)
def test_the_scan_of_the_engine_sees(code: str, found: list[str]) -> None:
    assert list(impurities(ast.parse(code))) == found


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_requirements_are_pinned(name: str) -> None:
    lines = [line.split("#")[0].strip() for line in source(Path(name)).splitlines()]

    loose = [
        line
        for line in lines
        if line
        and not line.startswith("-r ")
        and not re.fullmatch(r"[A-Za-z0-9._-]+(\[[a-z,]+\])?==[^=<>~!*\s]+", line)
    ]

    assert loose == []


def test_every_package_of_ours_is_under_the_import_contracts() -> None:
    packages = {path.parts[0] for path in MODULES if path.name == "__init__.py" and len(path.parts) == 2}
    contracts = tomllib.loads(source(Path("pyproject.toml")))["tool"]["importlinter"]

    assert packages - {"tests", "bench", "tools"} <= set(contracts["root_packages"])


def test_the_worker_listens_to_every_queue_of_the_beat() -> None:
    listened = re.search(r"ENGAGE_QUEUES:-([a-z,_-]+)", source(Path("Procfile")))
    assert listened is not None

    queues = {entry["options"]["queue"] for entry in celery_app.conf.beat_schedule.values()}

    assert queues - set(listened[1].split(",")) == set()


def test_every_task_of_the_beat_exists() -> None:
    celery_app.loader.import_default_modules()

    tasks = {entry["task"] for entry in celery_app.conf.beat_schedule.values()}

    assert tasks - set(celery_app.tasks) == set()


def test_every_setting_read_from_the_environment_is_in_the_operations_page() -> None:
    read = set()
    for path in (Path("engage_admin/settings.py"), Path("Procfile"), *Path("launcher").glob("*.py")):
        read |= set(re.findall(r"\bENGAGE_[A-Z_]+[A-Z]\b", source(path)))
    made_by_the_launcher = {"ENGAGE_POSTGRES_PASSWORD", "ENGAGE_VALKEY_PASSWORD", "ENGAGE_ENCRYPTION_KEYS"}
    page = source(Path("docs/operations.md"))

    assert sorted(name for name in read - made_by_the_launcher if f"`{name}`" not in page) == []
