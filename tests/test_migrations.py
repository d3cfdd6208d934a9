"""Migrations are named, linear, complete and free of the code of the day."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db.migrations.loader import MigrationLoader

from tests.source_tree import PROJECT, PYTHON_FILES

MIGRATIONS = [path for path in PYTHON_FILES if path.parent.name == "migrations" and path.name != "__init__.py"]
APPS = sorted({path.parts[0] for path in MIGRATIONS})
ALLOWED_IMPORTS = ("django", "__future__", "datetime", "uuid", "re", "json")
# A default that is a function of ours is written into the migration that adds the column.
ALLOWED_OF_OURS = ("common.ids",)


def numbered(app: str) -> list[str]:
    return sorted(path.stem for path in MIGRATIONS if path.parts[0] == app)


def test_the_walk_finds_migrations() -> None:
    assert len(APPS) > 4


@pytest.mark.parametrize("path", MIGRATIONS, ids=str)
def test_a_migration_says_what_it_does(path: Path) -> None:
    assert re.fullmatch(r"0001_initial|\d{4}_(?!auto)[a-z][a-z0-9_]+", path.stem)


@pytest.mark.parametrize("app", APPS)
def test_migrations_are_linear_and_without_gaps(app: str) -> None:
    names = numbered(app)
    loader = MigrationLoader(None)

    before = {
        name: [parent for label, parent in loader.disk_migrations[app, name].dependencies if label == app]
        for name in names
    }

    assert [int(name[:4]) for name in names] == list(range(1, len(names) + 1))
    assert before == {name: names[position - 1 : position] if position else [] for position, name in enumerate(names)}


@pytest.mark.parametrize("app", APPS)
def test_the_last_migration_is_written_down(app: str) -> None:
    written = (PROJECT / app / "migrations" / "max_migration.txt").read_text().strip()

    assert written == numbered(app)[-1]


@pytest.mark.parametrize("path", MIGRATIONS, ids=str)
def test_a_migration_imports_no_code_that_will_change(path: Path) -> None:
    tree = ast.parse((PROJECT / path).read_text())
    modules = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    modules += [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    own = {config.name for config in apps.get_app_configs() if "." not in config.name}

    ours = [
        module
        for module in modules
        if module.split(".")[0] in own
        and module.split(".")[0] not in ALLOWED_IMPORTS
        and not module.startswith(ALLOWED_OF_OURS)
        and not module.endswith("models")
    ]

    assert ours == []


@pytest.mark.django_db
def test_the_models_have_all_their_migrations() -> None:
    call_command("makemigrations", "--check", "--dry-run", verbosity=0)
