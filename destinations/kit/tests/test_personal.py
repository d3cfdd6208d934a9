from __future__ import annotations

import hashlib

import pytest

from destinations.kit.personal import digits, e164, hash_of, hashed, is_hashed, sha256, trim_lower

HASH = hashlib.sha256(b"ann@example.org").hexdigest()


@pytest.mark.parametrize("value", ["ann@example.org", " Ann@Example.ORG\n", HASH, HASH.upper(), f" {HASH} "])
def test_an_address_is_hashed_once(value: str) -> None:
    assert hashed(value, trim_lower) == HASH


@pytest.mark.parametrize("value", ["", "   "])
def test_nothing_is_not_hashed(value: str) -> None:
    assert hashed(value, trim_lower) == ""


def test_hashes_are_of_utf_8() -> None:
    assert sha256("Zoë") == hashlib.sha256("Zoë".encode()).hexdigest()
    assert hash_of(" Ann@Example.org", "md5", trim_lower) == hashlib.md5(b"ann@example.org").hexdigest()


@pytest.mark.parametrize(("value", "expected"), [(HASH, True), (HASH[:-1], False), (HASH[:-1] + "g", False)])
def test_a_hash_has_64_hexadecimal_digits(value: str, expected: bool) -> None:
    assert is_hashed(value) is expected


@pytest.mark.parametrize(
    ("value", "region", "expected"),
    [
        ("+1 (415) 555-0100", None, "+14155550100"),
        ("0044 20 7946 0018", None, "+442079460018"),
        ("415-555-0100", "US", "+14155550100"),
        ("020 7946 0018", "GB", "+442079460018"),
        ("415-555-0100", None, ""),
        ("not a number", "US", ""),
        ("", "US", ""),
        ("12", "US", ""),
    ],
)
def test_phones_become_e164(value: str, region: str | None, expected: str) -> None:
    assert e164(value, region=region) == expected


def test_digits_are_those_of_ascii() -> None:
    assert digits("+1 (415) ٤555") == "1415555"
