from __future__ import annotations

import pytest

from destinations.connectors.facebook_custom_audiences import personal
from destinations.connectors.facebook_custom_audiences.personal import COLUMNS, row
from destinations.kit.personal import sha256

MARY = "6915771be1c5aa0c886870b6951b03d7eafc121fea0e80a5ea83beb7c449f4ec"


def column(header: str, **payload: object) -> str:
    return row(payload)[list(COLUMNS).index(header)]


# Developers.facebook.com: "Customer information parameters" and "Custom audiences".
@pytest.mark.parametrize(
    ("header", "payload", "published"),
    [
        (
            "EMAIL",
            {"email": " John_Smith@gmail.com "},
            "62a14e44f765419d10fea99367361a727c12365e2520f32218d505ed9aa0f62f",
        ),
        ("EMAIL", {"email": "mary@example.com"}, "f1904cf1a9d73a55fa5de0ac823c4403ded71afd4c3248d00bdcd0866552bb79"),
        ("PHONE", {"phone": "+1 (650)555-1212"}, "e323ec626319ca94ee8bff2e4c87cf613be6ea19919ed1364124e16807ab3176"),
        ("FN", {"name": {"first": "Mary"}}, MARY),
        ("FN", {"name": {"first": "정"}}, "8fa8cd9c440be61d0151429310034083132b35975c4bea67fdd74158eb51db14"),
        ("LN", {"name": {"last": "Valéry"}}, "08e1996b5dd49e62a4b4c010d44e4345592a863bb9f8e3976219bac29417149c"),
        ("COUNTRY", {"country": "US"}, "79adb2a2fce5c6ba215fe5f27f532d4e7edbac4b6a5e09e1ef3a08084a904621"),
    ],
)
def test_published_examples_are_reproduced(header: str, payload: dict[str, object], published: str) -> None:
    assert column(header, **payload) == published


@pytest.mark.parametrize(
    ("normalize", "given", "normal"),
    [
        (personal.phone, "0044 20 7946 0000", "442079460000"),
        (personal.phone, "000", ""),
        (personal.month, "March", "03"),
        (personal.month, "3", "03"),
        (personal.two_digits, " 7 ", "07"),
        (personal.name, " Jo-Ann O'Lee ", "joann olee"),
        (personal.gender, "Woman", "f"),
        (personal.gender, "other", "other"),
        (personal.place, " St. Louis ", "stlouis"),
        (personal.state, "New York", "ny"),
        (personal.state, "ca", "ca"),
        (personal.state, "Greater London", "greaterlondon"),
        (personal.postal_code, "94103-1234", "94103"),
        (personal.postal_code, "SW1A 1AA", "sw1a1aa"),
    ],
)
def test_values_are_normalized_before_they_are_hashed(normalize: object, given: str, normal: str) -> None:
    assert callable(normalize)
    assert normalize(given) == normal


def test_ids_are_sent_as_they_are_and_hashes_are_not_hashed_again() -> None:
    assert column("EXTERN_ID", externalId="U-1") == "U-1"
    assert column("MADID", mobileAdId="AB1234CD-E123") == "AB1234CD-E123"
    assert column("EMAIL", email=MARY.upper()) == MARY


def test_a_phone_without_digits_stays_empty() -> None:
    assert column("PHONE", phone="(none)") == ""


def test_a_date_as_the_day_fills_all_of_the_birth() -> None:
    found = row({"birth": {"day": "1990-03-07"}})

    assert found[3:6] == [sha256("1990"), sha256("03"), sha256("07")]


def test_a_person_without_anything_has_an_empty_row_of_all_columns() -> None:
    assert row({}) == [""] * 15
