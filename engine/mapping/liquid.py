from __future__ import annotations
from typing import Any


def compile_liquid(template: Any, at: str) -> Any:
    return lambda p: ""
