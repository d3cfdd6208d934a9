from __future__ import annotations

import pytest

from destinations.connectors.salesforce.client import soql
from destinations.kit.errors import PayloadValidationError


def test_values_are_written_so_that_they_cannot_change_the_query() -> None:
    traits = {"Email": "o'lee@x.co", "VIP__c; DROP": True, "Age__c": 7.0, "Note": "a\\"}

    query = soql("Lead", traits, "OR")

    assert query == (
        "SELECT Id FROM Lead WHERE Email = 'o\\'lee@x.co' OR VIP__cDROP = true OR Age__c = 7 OR Note = 'a\\\\'"
    )


def test_all_fields_may_have_to_match() -> None:
    assert soql("Lead", {"A": "1", "B": False}, "AND") == "SELECT Id FROM Lead WHERE A = '1' AND B = false"


@pytest.mark.parametrize("value", [None, ["a"], {"a": 1}])
def test_other_values_find_nobody(value: object) -> None:
    with pytest.raises(PayloadValidationError):
        soql("Lead", {"A": value}, "OR")
