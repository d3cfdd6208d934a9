from __future__ import annotations

from datetime import UTC, datetime

import pytest

from destinations.kit.http import Response
from destinations.kit.verdicts import retry_after

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
UNIX = int(NOW.timestamp())


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"retry-after": "5"}, 5.0),
        ({"retry-after": "5", "x-ratelimit-reset": "90"}, 5.0),
        ({"retry-after": "Sun, 01 Mar 2026 12:00:30 GMT"}, 30.0),
        ({"x-ratelimit-reset": "12"}, 12.0),
        ({"x-ratelimit-reset": str(UNIX + 40)}, 40.0),
        ({"x-ratelimit-reset": str((UNIX + 40) * 1000)}, 40.0),
        ({"x-ratelimit-reset-after": "1.5"}, 1.5),
        ({"ratelimit-reset": "3"}, 3.0),
        ({"x-ratelimit-reset": str(UNIX - 40)}, 0.0),
        ({"x-ratelimit-reset": "999999"}, 4 * 3600.0),
        ({"x-ratelimit-reset": "soon"}, None),
        ({"x-ratelimit-reset": "nan"}, None),
        ({"retry-after": "soon"}, None),
        ({}, None),
    ],
)
def test_the_wait_that_a_vendor_asks_for(headers: dict[str, str], expected: float | None) -> None:
    assert retry_after(Response(status=429, headers=headers), now=NOW) == expected


def test_a_moment_needs_to_know_what_time_it_is() -> None:
    assert retry_after(Response(status=429, headers={"x-ratelimit-reset": str(UNIX)})) is None
