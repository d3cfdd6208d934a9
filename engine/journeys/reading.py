"""Reads the parts that steps are made of from a journey's JSON; appends to `problems` and reads on."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from engine.conditions.errors import Problem
from engine.conditions.nodes import Duration
from engine.conditions.parsing_values import ValueReader, pointer_token

STEP_ID = re.compile(r"[A-Za-z0-9_-]{1,60}")
LONGEST_TEXT = 1_000
DEEPEST = 64


class Reader(ValueReader):
    """What is missing is None or ""; what has the wrong form is a problem (definitions.md §3)."""

    def __init__(self) -> None:
        super().__init__([])

    def optional_text(self, raw: Mapping[str, Any], path: str, key: str, *, default: str = "") -> str:
        """Text of at most 1,000 characters; missing or null is the default."""
        value = raw.get(key)
        if value is None:
            return default
        if not isinstance(value, str):
            self.problem(f"{path}/{key}", "wrong_type", f'"{key}" is text.')
            return default
        return value if self._clean_text(value, f"{path}/{key}", LONGEST_TEXT) else default

    def optional_flag(self, raw: Mapping[str, Any], path: str, key: str, *, default: bool) -> bool:
        if key not in raw:
            return default
        value = self.flag(raw, path, key)
        return default if value is None else value

    def optional_duration(self, raw: Mapping[str, Any], path: str, key: str) -> Duration | None:
        value = raw.get(key)
        return None if value is None else self.duration(value, f"{path}/{key}")

    def identifier(self, raw: Mapping[str, Any], path: str, key: str, meaning: str) -> str:
        """An id of letters, digits, - and _; "" and a problem for anything else."""
        value = raw.get(key)
        if isinstance(value, str) and STEP_ID.fullmatch(value):
            return value
        code = "invalid_id" if key in raw else "required"
        detail = f"Give {meaning}: 1 to 60 letters, digits, - or _."
        self.problem(f"{path}/{key}", code, detail)
        return ""

    def objects(self, raw: Mapping[str, Any], path: str, key: str, *, most: int) -> list[tuple[Mapping[str, Any], str]]:
        """The objects of the list under `key`, each with its path. A missing list is an empty one."""
        items = raw.get(key)
        if items is None:
            return []
        place = f"{path}/{key}"
        if not isinstance(items, list):
            self.problem(place, "wrong_type", f'"{key}" takes a list of objects.')
            return []
        if len(items) > most:
            self.problem(place, "too_many", f'"{key}" takes at most {most:,}.')
            return []
        found = []
        for index, item in enumerate(items):
            if isinstance(item, Mapping):
                found.append((item, f"{place}/{index}"))
            else:
                self.problem(f"{place}/{index}", "wrong_type", f'"{key}" takes a list of objects.')
        return found


def json_problems(  # noqa: PLR0911 - one a type of JSON
    raw: Any, path: str = "", depth: int = 0
) -> list[Problem]:
    """What keeps data from being stored as JSON: other types, numbers that are none, NUL characters, depth."""
    if depth > DEEPEST:
        return [Problem(path=path, code="too_deep", detail=f"Nest at most {DEEPEST} levels.")]
    if raw is None or isinstance(raw, bool | int):
        return []
    if isinstance(raw, float | Decimal):
        if math.isfinite(raw):
            return []
        return [Problem(path=path, code="invalid_number", detail="Use a finite number.")]
    if isinstance(raw, str):
        return _text_problems(raw, path)
    if isinstance(raw, list):
        return [
            problem for index, item in enumerate(raw) for problem in json_problems(item, f"{path}/{index}", depth + 1)
        ]
    if isinstance(raw, Mapping) and all(isinstance(key, str) for key in raw):
        found = []
        for key, value in raw.items():
            place = f"{path}/{pointer_token(key)}"
            found += _text_problems(key, place) + json_problems(value, place, depth + 1)
        return found
    return [Problem(path=path, code="wrong_type", detail="Use JSON: objects, lists, text, numbers, true, false, null.")]


def _text_problems(text: str, path: str) -> list[Problem]:
    if "\x00" not in text and not any("\ud800" <= character <= "\udfff" for character in text):
        return []
    detail = "Remove the NUL character or half surrogate; text cannot hold it."
    return [Problem(path=path, code="invalid_character", detail=detail)]
