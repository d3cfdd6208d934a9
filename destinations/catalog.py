"""The connectors there are: one folder each under `destinations/connectors/`, and the functions of the spaces."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path

from common.names import snake_case
from destinations import connectors
from destinations.functions.definitions import find_function_definition, function_id
from destinations.kit.definition import DestinationDefinition


@cache
def definitions() -> Mapping[str, DestinationDefinition]:
    """All connectors that are installed by slug, in the order of their names; functions are not among them."""
    found: dict[str, DestinationDefinition] = {}
    for module in pkgutil.iter_modules(connectors.__path__):
        if module.ispkg:
            loaded = _load(module.name)
            if loaded.slug in found:
                raise ValueError(f"Two connectors are called {loaded.slug!r}.")
            found[loaded.slug] = loaded
    return dict(sorted(found.items(), key=lambda item: item[1].name.lower()))


def definition(slug: str) -> DestinationDefinition | None:
    """The connector of a destination, or its function; None when there is none of that name."""
    return find_function_definition(slug) if function_id(slug) else definitions().get(slug)


def named(text: str) -> DestinationDefinition | None:
    """The connector that a client means: its slug, an alias, its name, or these written otherwise ("webhook-list")."""
    found = definitions()
    if text in found:
        return found[text]
    if function_id(text):
        return find_function_definition(text)
    by_alias = {alias: one for one in found.values() for alias in one.aliases}
    if text in by_alias:
        return by_alias[text]
    by_name = {one.name: one for one in found.values()}
    if text in by_name:
        return by_name[text]
    wanted = snake_case(text)
    return next((one for one in found.values() if wanted in (one.slug, snake_case(one.name))), None)


def _load(name: str) -> DestinationDefinition:
    module = importlib.import_module(f"{connectors.__name__}.{name}")
    loaded: DestinationDefinition = module.definition
    folder = Path(str(module.__file__)).parent
    return replace(
        loaded,
        icon=(folder / "icon.svg").read_text(encoding="utf-8"),
        docs=(folder / "README.md").read_text(encoding="utf-8"),
    )
