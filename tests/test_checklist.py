"""docs/checklist.md: each feature of the source documents is shown by a test, and the page says by which."""

from __future__ import annotations

import pytest

from tools.checklist import CHECKLIST, NOT_BUILT, Feature, checklist, named, rendered

REGENERATE = "docs/checklist.md is not what the tests say now. Write it again: .venv/bin/python -m tools.checklist"


@pytest.fixture(scope="module")
def found() -> dict[str, Feature]:
    return checklist()


def test_the_checklist_has_all_features(found: dict[str, Feature]) -> None:
    assert list(found) == [f"F{number:03}" for number in range(1, 166)]


def test_every_feature_is_shown_by_a_test(found: dict[str, Feature]) -> None:
    """What is not built is named with its reason, and taken from there once a test shows it."""
    unshown = {feature.id: feature.name for feature in found.values() if not feature.tests}

    assert {key: name for key, name in unshown.items() if key not in NOT_BUILT} == {}
    assert set(NOT_BUILT) - set(unshown) == set(), "shown by a test now: take it out of tools.checklist.NOT_BUILT"


def test_the_page_is_up_to_date(found: dict[str, Feature]) -> None:
    # Compared as truth values: a difference of the whole page would hide what to do.
    is_current = CHECKLIST.read_text(encoding="utf-8") == rendered(found)

    assert is_current, REGENERATE


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        (None, set()),
        ("F013: said.", {"F013"}),
        ("F017-F019, F021.", {"F017", "F018", "F019", "F021"}),
        ("Not xF013 nor F0131.", set()),
    ],
)
def test_numbers_are_read_from_docstrings(text: str | None, numbers: set[str]) -> None:
    assert named(text) == numbers
