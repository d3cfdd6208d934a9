"""Messages that come again, on the fast way of a space without repeats and on the careful one."""

from __future__ import annotations

import pytest

from ingest import message_keys
from ingest.tests.inbound_rows import counts, ingest, track
from spaces.models import Source, Space
from tests.factories import make_source

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def forgetful(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(message_keys, "_repeated_until", {})


@pytest.fixture
def source(space: Space) -> Source:
    return make_source(space=space)


def call(number: int) -> dict[str, object]:
    return track(f"m{number}", "Viewed", userId=f"user{number}")


def test_one_known_key_among_new_ones_is_the_only_duplicate(source: Source) -> None:
    ingest(source, call(1), call(2))

    ingest(source, call(3), call(2), call(4))

    assert counts(source) == (5, 4, 1, 0)


def test_after_a_repeat_each_key_is_looked_out_for(source: Source) -> None:
    ingest(source, call(1))
    ingest(source, call(1))

    ingest(source, call(1), call(2))

    assert source.space_id in message_keys._repeated_until
    assert counts(source) == (4, 2, 2, 0)


def test_a_messageid_twice_in_one_batch_is_stored_once(source: Source) -> None:
    ingest(source, call(1), call(1))

    assert source.space_id not in message_keys._repeated_until
    assert counts(source) == (2, 1, 1, 0)
