from __future__ import annotations

import pytest

from destinations.connectors.google_ads_remarketing_lists.identifiers import email, of, phone
from destinations.kit.errors import PayloadValidationError
from destinations.kit.personal import sha256

# Google: "Format user-provided customer data"; the name is that of Meta's documents, the rule is the same.
CLOUDY = "223ebda6f6889b1494551ba902d9d381daf2f642bae055888e96343d53e9f9c4"
MARY = "6915771be1c5aa0c886870b6951b03d7eafc121fea0e80a5ea83beb7c449f4ec"


@pytest.mark.parametrize("written", ["cloudy.sanfrancisco@gmail.com", " Cloudy.SanFrancisco@Gmail.com "])
def test_published_examples_are_reproduced(written: str) -> None:
    assert email(written) == CLOUDY


def test_names_are_trimmed_and_lowered_and_places_sent_as_they_are() -> None:
    found = of({"first_name": " Mary ", "postal_code": "10011", "country_code": "US"}, "CONTACT_INFO", is_vendor=True)

    address = {"hashedFirstName": MARY, "hashedLastName": "", "countryCode": "US", "postalCode": "10011"}
    assert found == [{"addressInfo": address}]


@pytest.mark.parametrize(
    ("given", "is_vendor", "normal"),
    [
        ("a.b.c@gmail.com", True, "abc@gmail.com"),
        ("a.b.c@gmail.com", False, "ab.c@gmail.com"),
        ("a.b@example.org", True, "a.b@example.org"),
    ],
)
def test_dots_go_at_gmail_only(given: str, is_vendor: bool, normal: str) -> None:
    assert email(given, is_vendor=is_vendor) == sha256(normal)


@pytest.mark.parametrize(
    ("given", "country", "is_vendor", "normal"),
    [
        ("+1 (415) 555-0100", "", True, "+14155550100"),
        ("(415) 555-0100", "", True, "+14155550100"),
        ("+44 20 7946 0000", "", True, "+442079460000"),
        ("0044 20 7946 0000", "+44", True, "+442079460000"),
        ("020 7946 0000", "+44", True, "+442079460000"),
        ("0044 20 7946 0000", "+44", False, "+4400442079460000"),
        ("+49 30 123456", "", False, "+4930123456"),
    ],
)
def test_phones_get_their_country_code(given: str, country: str, is_vendor: bool, normal: str) -> None:
    assert phone(given, country, is_vendor=is_vendor) == sha256(normal)


def test_what_is_hashed_stays() -> None:
    assert email(CLOUDY.upper()) == CLOUDY
    assert phone(MARY) == MARY


@pytest.mark.parametrize("given", ["u-1", "a b@example.org", "ann@", "ann@example"])
def test_what_is_no_address_is_refused(given: str) -> None:
    with pytest.raises(PayloadValidationError):
        email(given)


@pytest.mark.parametrize("id_type", ["CONTACT_INFO", "CRM_ID", "MOBILE_ADVERTISING_ID"])
def test_a_person_without_the_identifier_of_the_list_is_refused(id_type: str) -> None:
    with pytest.raises(PayloadValidationError):
        of({}, id_type, is_vendor=True)


def test_lists_match_by_other_ids() -> None:
    """Google's schema has a list there; Segment sends the object itself."""
    payload = {"crm_id": " 7 ", "mobile_advertising_id": " AEBE-1 "}

    assert of(payload, "CRM_ID", is_vendor=True) == [{"thirdPartyUserId": "7"}]
    assert of(payload, "MOBILE_ADVERTISING_ID", is_vendor=True) == [{"mobileId": "AEBE-1"}]
    assert of(payload, "CRM_ID", is_vendor=False) == {"thirdPartyUserId": "7"}
    assert of(payload, "MOBILE_ADVERTISING_ID", is_vendor=False) == {"mobileId": "AEBE-1"}
