"""Texts that may mention a person by chance: tests, samples, exports, errors, and what people wrote themselves."""

# ruff: noqa: S608 - tables and columns are those of ingest.deletion.tables

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from audiences.models import AudienceExport
from audiences.services.exports import OPEN, path_of
from ingest.deletion.subject import Subject
from ingest.deletion.tables import COPIES, Copy
from profiles.models import ObservedField

State = AudienceExport.State


@transaction.atomic
def clean_copies(*, space_id: int, subject: Subject) -> tuple[dict[str, int], list[dict[str, str]]]:
    """(rows cleaned or deleted by table, what people have to edit themselves). Safe to run twice."""
    counts: Counter[str] = Counter()
    left: list[dict[str, str]] = []
    existing = set(connection.introspection.table_names())
    for copy in COPIES:
        if copy.table not in existing:
            continue
        for row_id, name, values in _mentions(copy, space_id, subject):
            if copy.how == "tell":
                left.append({"what": copy.what, "name": str(subject.cleaned(name))[:200]})
                continue
            cleaned = {column: subject.cleaned(value, column) for column, value in values.items()}
            if copy.how == "clean" and cleaned == values:
                continue
            counts[copy.table] += 1
            _carry_out(copy, row_id, cleaned)
    counts["identity_issue"] = _issues(space_id, subject)
    counts["observed_field"] = _samples(space_id, subject)
    counts["sql_staged_row"] = _staged(space_id, subject) if "sql_staged_row" in existing else 0
    return dict(counts), left


def forget_exports(*, space_id: int, subject: Subject) -> int:
    """Delete the files of the audiences that the person was in, and have those that are being written begin anew."""
    rows = AudienceExport.objects.filter(space_id=space_id, audience_id__in=subject.audiences)
    rows.filter(state__in=OPEN).update(state=State.WAITING, attempts=0, lease_until=None)
    files = 0
    for export in rows.filter(state=State.DONE):
        path_of(export).unlink(missing_ok=True)
        AudienceExport.objects.filter(pk=export.pk).update(state=State.EXPIRED, expires_at=timezone.now())
        files += 1
    return files


def _mentions(copy: Copy, space_id: int, subject: Subject) -> list[tuple[Any, str, dict[str, Any]]]:
    likes = subject.likes()
    if not likes:
        return []
    key = _key(copy.table)
    columns = ", ".join(f"t.{column}::text" for column in copy.columns)
    # A text with a JSON text in it has its quotes escaped.
    wanted = [*likes, *(one.replace('"', '\\\\"') for one in likes if '"' in one)]
    found = " OR ".join(f"lower(t.{column}::text) LIKE ANY(%(likes)s)" for column in copy.columns)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT t.{key}, {copy.name}, {columns} FROM {copy.table} t WHERE {copy.within} AND ({found})",
            {"space": space_id, "likes": wanted},
        )
        rows = cursor.fetchall()
    mentions = []
    for row_id, name, *texts in rows:
        values = {column: _value(copy, column, text) for column, text in zip(copy.columns, texts, strict=True)}
        if any(subject.mentioned_in(value, column) for column, value in values.items()):
            mentions.append((row_id, str(name or ""), values))
    return mentions


def _carry_out(copy: Copy, row_id: Any, values: dict[str, Any]) -> None:
    key = _key(copy.table)
    with connection.cursor() as cursor:
        if copy.how == "drop":
            cursor.execute(f"DELETE FROM {copy.table} WHERE {key} = %s", [row_id])
            return
        sets = ", ".join(f"{column} = %s" for column in values)
        given = [json.dumps(value) if isinstance(value, dict | list) else value for value in values.values()]
        cursor.execute(f"UPDATE {copy.table} SET {sets} WHERE {key} = %s", [*given, row_id])


def _key(table: str) -> str:
    return {"delivery_destinationhealth": "destination_id", "observed_event": "name"}.get(table, "id")


def _value(copy: Copy, column: str, text: str | None) -> Any:
    """The JSON of a JSON column; a text otherwise."""
    if text is None or text[:1] not in {"{", "["}:
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def _issues(space_id: int, subject: Subject) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM identity_issue WHERE space_id = %s AND (id_type, lower(value)) IN "
            "(SELECT * FROM unnest(%s::text[], %s::text[]))",
            [space_id, [one.id_type for one in subject.ids], [one.value for one in subject.ids]],
        )
        return int(cursor.rowcount)


def _samples(space_id: int, subject: Subject) -> int:
    """Samples that name the person, or are a personal value of theirs; how many fields had some."""
    own = set(subject.personal)
    changed = 0
    for field in ObservedField.objects.filter(space_id=space_id):
        key = field.path.rpartition(".")[2]
        kept = [one for one in field.samples if one not in own and not subject.mentioned_in(one, key)]
        if len(kept) < len(field.samples):
            ObservedField.objects.filter(pk=field.pk).update(samples=kept)
            changed += 1
    return changed


def _staged(space_id: int, subject: Subject) -> int:
    """Rows of a SQL trait's run that is under way."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM sql_staged_row r USING traits_sqlrun n WHERE n.id = r.run_id AND n.space_id = %s "
            "AND lower(r.looked_up) = ANY(%s)",
            [space_id, [one.value for one in subject.ids]],
        )
        return int(cursor.rowcount)
