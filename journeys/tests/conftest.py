from __future__ import annotations

from collections.abc import Iterator

import pytest

from journeys.tests.stage import Stage, staged
from spaces.models import Space


@pytest.fixture
def stage(space: Space) -> Iterator[Stage]:
    """The space with a clock that stands still until the test moves it."""
    with staged(space) as stage:
        yield stage
