"""Whatever the schema allows a client to send, no operation answers 500 (schemathesis over the OpenAPI schema)."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest
import schemathesis
from django.db import transaction
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from rest_framework.test import APIClient
from schemathesis.core import NOT_SET

from ingest.tests.leaving import World
from spaces.models import Space, User
from tests.test_masking import values_of

pytestmark = [
    pytest.mark.django_db,
    # What schemathesis and its generators say of themselves.
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::hypothesis.errors.HypothesisWarning"),
]
# Requests an operation. More of them, for a search by hand: FUZZ_EXAMPLES=200.
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "5"))


class _Undo(Exception):  # noqa: N818
    """Takes back what a request changed."""


def _url(case: Any, known: dict[str, list[str]], *, uses_known: bool) -> str:
    """The address, with what exists where there is something: else hardly a request would get beyond a 404."""
    path = str(case.path)
    for name, value in (case.path_parameters or {}).items():
        chosen = known[name][0] if name in known and (uses_known or name == "space") else str(value)
        path = path.replace(f"{{{name}}}", quote(chosen, safe=""))
    return path


def _send(client: APIClient, case: Any, url: str) -> int:
    query = dict(case.query or {})
    body = case.body
    text = b"" if body is NOT_SET else json.dumps(body).encode()
    status = 0
    try:
        with transaction.atomic():
            answer = client.generic(
                case.method,
                f"{url}?{urlencode(query, doseq=True, errors='replace')}" if query else url,
                text,
                content_type="application/json",
            )
            status = answer.status_code
            raise _Undo
    except _Undo:
        return status


def test_no_operation_answers_500(space: Space, owner: User, tmp_path: Path, settings: Any, api_for: Any) -> None:
    settings.ENGAGE_DATA = tmp_path
    known = values_of(World(space))
    client = api_for(owner)
    client.raise_request_exception = False
    raw = SchemaGenerator().get_schema(request=None, public=True)
    schema = schemathesis.openapi.from_dict(json.loads(json.dumps(raw, default=str)))
    broken: dict[str, str] = {}
    sent = 0

    for found in schema.get_all_operations():
        operation = found.ok()

        @given(case=operation.as_strategy(), uses_known=st.sampled_from([True, True, True, False]))
        @examples(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            derandomize=EXAMPLES < 10,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        def probe(case: Any, uses_known: bool) -> None:
            nonlocal sent
            url = _url(case, known, uses_known=uses_known)
            status = _send(client, case, url)
            sent += 1
            if status >= 500:
                broken.setdefault(f"{case.method} {case.path}", f"{url} {case.query} {case.body}"[:600])

        probe()

    assert "\n".join(f"{name}: {how}" for name, how in broken.items()) == ""
    assert sent > 300
