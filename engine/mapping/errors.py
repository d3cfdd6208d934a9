"""What can be wrong with a mapping, or with resolving it for one event."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Phase = Literal["validation", "runtime", "liquid"]


@dataclass(frozen=True, kw_only=True)
class MappingProblem:
    """`path` is a JSON pointer into the mapping, such as `/email/@if/then`; "" is the mapping itself."""

    path: str
    message: str


class MappingError(ValueError):
    """A mapping that is no mapping (`validation`), or that fails for one event (`runtime`, `liquid`).

    `path` is the JSON pointer of the directive that failed; `problems` lists all of them for a bad definition.
    """

    code = "mapping_invalid"

    def __init__(
        self, message: str, *, path: str = "", phase: Phase = "runtime", problems: Iterable[MappingProblem] = ()
    ) -> None:
        super().__init__(message)
        self.message = message
        self.path = path
        self.phase: Phase = phase
        self.problems = tuple(problems) or (MappingProblem(path=path, message=message),)

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


def pointer(parent: str, key: str | int) -> str:
    """The JSON pointer of a member."""
    return f"{parent}/{str(key).replace('~', '~0').replace('/', '~1')}"
