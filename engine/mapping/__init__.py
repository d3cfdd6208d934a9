"""Mappings: from an event to the payload of an action (spec: mapping kit).

`compile(mapping).resolve(event)` on hot paths; `validate` lists what is wrong with a mapping.
"""

from __future__ import annotations

from engine.jstext import UNDEFINED
from engine.mapping.compiler import CompiledMapping, compile_mapping, resolve
from engine.mapping.errors import MappingError, MappingProblem
from engine.mapping.keys import field_keys, paths_read
from engine.mapping.validate import validate

compile = compile_mapping  # noqa: A001 - the name callers expect: engine.mapping.compile(mapping)

__all__ = [
    "UNDEFINED",
    "CompiledMapping",
    "MappingError",
    "MappingProblem",
    "compile",
    "field_keys",
    "paths_read",
    "resolve",
    "validate",
]
