"""What is wrong with a trigger text, and where."""

from __future__ import annotations

from dataclasses import dataclass


class FqlError(ValueError):
    """The text is no trigger. `position` counts characters from 0 in the text that was parsed."""

    code = "fql_invalid"

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message)
        self.message = message
        self.position = position

    def __str__(self) -> str:
        return f"{self.message} (at character {self.position + 1})"


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Something a person saving a trigger should change: text[start:end] is the place."""

    code: str
    message: str
    start: int
    end: int
