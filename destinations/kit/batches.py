"""Batches: collecting the result of each item while requests for some of them fail and others succeed."""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import TypeVar

from destinations.kit.definition import Item
from destinations.kit.http import HttpError
from destinations.kit.verdicts import ItemResult, retry_after

_SAID = 300

Thing = TypeVar("Thing")


class Results:
    """What became of each item of a batch. Items nobody said anything of succeeded.

    `open` are the items still without a result, `adds` and `removes` those of them that enter and leave.
    """

    def __init__(self, items: Sequence[Item]) -> None:
        self._items = list(items)
        self._found: dict[int, ItemResult] = {}

    @property
    def open(self) -> list[Item]:
        return [item for item in self._items if item.index not in self._found]

    @property
    def adds(self) -> list[Item]:
        return [item for item in self.open if item.membership is True]

    @property
    def removes(self) -> list[Item]:
        return [item for item in self.open if item.membership is False]

    def need_membership(self) -> None:
        """Refuse the items that do not say whether the person entered or left."""
        for item in self.open:
            if item.membership is None:
                self.fail(
                    item,
                    "The event does not say whether the person entered or left the audience.",
                    code="INVALID_AUDIENCE_MEMBERSHIP",
                )

    def set(self, item: Item, result: ItemResult) -> None:
        self._found[item.index] = result

    def fail(self, item: Item, message: str, *, status: int = 400, code: str = "PAYLOAD_VALIDATION_FAILED") -> None:
        """The item cannot be sent, or the vendor refused it."""
        self._found[item.index] = ItemResult(status=status, code=code, message=message)

    def succeed(self, items: Iterable[Item], *, status: int = 200) -> None:
        for item in items:
            self._found[item.index] = ItemResult(status=status)

    def refuse(self, items: Iterable[Item], error: HttpError, message: str = "", *, status: int | None = None) -> None:
        """A request for these items failed: they take its status. A 401 is raised again, so that the token is renewed.

        `message` is what the vendor said, as a sentence; without it, the beginning of the answer.
        """
        response = error.response
        if response.status == 401:
            raise error
        said = message or f"{error.message} {response.text.strip()[:_SAID]}".strip()
        for item in items:
            self._found[item.index] = ItemResult(
                status=status or response.status, message=said, retry_after=retry_after(response)
            )

    def done(self) -> list[ItemResult]:
        """The results in the order of the items."""
        fine = ItemResult()
        if not self._found:
            return [fine] * len(self._items)
        return [self._found.get(item.index, fine) for item in self._items]


def latest(items: Iterable[Item], key: Callable[[Item], Hashable]) -> list[Item]:
    """Of several items with one key, the last: the later event of a person wins."""
    return list({key(item): item for item in items}.values())


def chunks(things: Sequence[Thing], size: int) -> Iterator[Sequence[Thing]]:
    """`things` in pieces of at most `size`."""
    for start in range(0, len(things), size):
        yield things[start : start + size]


def size_of(payload: object) -> int:
    """About how many bytes a payload takes in a request."""
    return len(json.dumps(payload, default=str))
