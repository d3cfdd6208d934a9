"""No table of the database escapes a deletion: each is handled, or kept for a reason."""

from __future__ import annotations

import pytest
from django.db import connection

from ingest.deletion.tables import BY_PROFILE, COPIES, KEPT, SPECIAL

pytestmark = pytest.mark.django_db

# Columns that hold a person wherever they stand.
PERSONAL = frozenset(
    {
        *("profile_id", "profile_ids", "account_id", "id_value", "payload", "exchange", "body", "message", "traits"),
        *("samples", "looked_up", "original", "entry", "properties", "context", "anonymous_id"),
    }
)
# Texts that are made by the product and name nobody: keys, states, hashes, and what people choose from.
PLAIN = frozenset(
    {
        *("public_id", "key", "kind", "state", "status", "slug", "type", "code", "mode", "level", "reason", "outcome"),
        *("computation_id", "computation_key", "computation_class", "computation_columns", "connector", "event"),
        *("message_id", "mapping", "trigger", "prefix", "digest", "secret", "secrets", "token", "step_id", "branch"),
        *("source_id", "schedule", "phase", "stage", "position", "cuts", "model_id", "action", "object_type", "path"),
        *("method", "id_type", "trait_key", "collection", "period", "priority", "write_key", "purpose", "folder"),
        *("enter_event", "exit_event", "value_format", "setup", "identifier_mappings", "external_audience_id"),
        *("mapping_traits", "enrichments", "sample_path", "fields", "handlers", "entitlements", "hint", "label"),
        *("connected_types", "ending", "note", "as_of", "rows", "waits_for"),
    }
)


def _tables() -> dict[str, set[str]]:
    """The tables (no partitions), and their columns of texts, JSON, bytes and lists."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname, a.attname, a.atttypid::regtype::text FROM pg_class c "
            "JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'public' "
            "JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped "
            "WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition"
        )
        found: dict[str, set[str]] = {}
        for table, column, kind in cursor.fetchall():
            columns = found.setdefault(table, set())
            is_text = kind in {"text", "jsonb", "json", "bytea"} or kind.startswith("character") or kind.endswith("[]")
            if is_text or column in PERSONAL:
                columns.add(column)
    return found


def _handled() -> set[str]:
    return {table for table, _ in BY_PROFILE} | set(SPECIAL) | {copy.table for copy in COPIES}


def test_every_table_is_handled_or_kept_for_a_reason() -> None:
    tables = set(_tables())

    assert sorted(tables - _handled() - set(KEPT)) == []
    assert sorted((_handled() | set(KEPT)) - tables) == []
    assert sorted(_handled() & set(KEPT)) == []
    assert all(KEPT.values())


def test_a_table_that_is_kept_holds_nobody() -> None:
    holding = {
        table: sorted(columns & PERSONAL)
        for table, columns in _tables().items()
        if table in KEPT and columns & PERSONAL
    }

    # Addresses and texts of alerts are those of members; traits of a destination are names of traits.
    assert holding == {"delivery_destinationtraits": ["traits"]}


def test_every_text_of_a_table_that_is_searched_is_searched() -> None:
    searched = {copy.table: set(copy.columns) for copy in COPIES}

    missing = {
        table: sorted(columns - searched[table] - PLAIN)
        for table, columns in _tables().items()
        if table in searched and columns - searched[table] - PLAIN
    }

    assert missing == {"traits_predictionmodel": ["body"]}  # the weights of a model, as numbers


def test_rows_of_a_profile_are_named_by_their_column() -> None:
    tables = _tables()

    assert all(column in tables[table] for table, column in BY_PROFILE)
