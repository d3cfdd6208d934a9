"""Sentences about a person who is deleted keep what was said and not whom it was said of."""

from __future__ import annotations

import pytest

from ingest.deletion.subject import Identity, Subject

SUBJECT = Subject(
    ids=[
        Identity("email", "tara.quist@example.com", "Tara.Quist@example.com"),
        Identity("user_id", "acme-001", "acme-001"),
    ]
)


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("400. It said: no tara.quist@example.com here.", "400. It said: no [removed] here."),
        ('400. It said: {"email": "tara.quist@example.co…', '400. It said: {"email": "[removed]…'),
        ('400. It said: {"email": "Tara.Q…', '400. It said: {"email": "[removed]…'),
        ('400. It said: {"userId": "acme-00…', '400. It said: {"userId": "[removed]…'),
        ("400. It said: unknown target…", "400. It said: unknown target…"),
        ("400. It said: tara.quist@example.co", "400. It said: tara.quist@example.co"),
    ],
)
def test_also_the_beginning_of_an_identifier_at_a_cut_end_goes(said: str, kept: str) -> None:
    assert SUBJECT.cleaned_sentence(said) == kept
