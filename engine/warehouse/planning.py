"""What a block of calls needs of a warehouse: tables to be made, columns to be added or widened, rows to be written.

Nothing is ever dropped or narrowed. The same calls on the same tables and names give the same plan, so that a block
whose worker was killed is written again to no effect.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.warehouse.kinds import Kind, as_kind, kind_of, wider
from engine.warehouse.names import safe_name, unique_name
from engine.warehouse.rows import EVENT, GROUPS, IDENTIFIES, OWN_TABLES, TIMES, USERS, Path, TableRow

# PostgreSQL has at most 1,600 in a table; what comes after this many goes into one column as JSON.
MOST_COLUMNS = 800
MORE = "more_values"
_TIMES = {"received_at": Kind.TIME, "uuid_ts": Kind.TIME}
_CALL = {
    "id": Kind.TEXT,
    **_TIMES,
    **dict.fromkeys(TIMES, Kind.TIME),
    "user_id": Kind.TEXT,
    "anonymous_id": Kind.TEXT,
}
_OWN: dict[str, dict[str, Kind]] = {
    IDENTIFIES: _CALL,
    USERS: {"id": Kind.TEXT, "user_id": Kind.TEXT, **_TIMES},
    GROUPS: {**_CALL, "group_id": Kind.TEXT},
}
_OF_EVENT = {**_CALL, "event": Kind.TEXT, "event_text": Kind.TEXT}

Existing = Mapping[str, Mapping[str, Kind]]


def own_columns(table: str) -> dict[str, Kind]:
    """The columns that every row of a table has."""
    return _OWN.get(table, _OF_EVENT)


@dataclass(kw_only=True)
class Names:
    """Which table an event has and which column a value: given once, kept for good. Both dicts are JSON.

    `tables` is {event name: table}, `columns` {table: {JSON pointer of the value in the call: column}}.
    """

    tables: dict[str, str] = field(default_factory=dict)
    columns: dict[str, dict[str, str]] = field(default_factory=dict)

    def table(self, event: str) -> str:
        if event not in self.tables:
            self.tables[event] = unique_name(event, {*OWN_TABLES, *self.tables.values()})
        return self.tables[event]

    def column(self, table: str, path: Path) -> str:
        if len(path) == 1:
            return path[0]
        known = self.columns.setdefault(table, {})
        pointer = pointer_of(path)
        if pointer not in known:
            words = path if path[0] == "context" else path[1:]
            name = "_".join(safe_name(word) for word in words)
            known[pointer] = unique_name(name, {*own_columns(table), MORE, *known.values()})
        return known[pointer]


def pointer_of(path: Path) -> str:
    return "".join("/" + one.replace("\x00", "\ufffd").replace("~", "~0").replace("/", "~1") for one in path)


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Rows with a value for each of `columns`."""

    columns: tuple[str, ...]
    rows: list[list[Any]]


@dataclass(frozen=True, kw_only=True)
class TablePlan:
    """`kinds` are the types of all columns that are written, as they are once `added` and `widened` are carried out.

    A row whose id is there already is passed over; with `is_upsert` its columns get the new values.
    """

    table: str
    is_new: bool
    kinds: dict[str, Kind]
    added: dict[str, Kind]
    widened: dict[str, Kind]
    batches: list[Batch]
    is_upsert: bool

    def to_json(self) -> dict[str, Any]:
        return {
            "table": self.table,
            "is_new": self.is_new,
            "kinds": self.kinds,
            "added": self.added,
            "widened": self.widened,
            "batches": [{"columns": list(one.columns), "rows": one.rows} for one in self.batches],
            "is_upsert": self.is_upsert,
        }


def plan_rows(
    rows: Iterable[TableRow], *, existing: Existing, names: Names, excluded: Collection[str] = ()
) -> list[TablePlan]:
    """What writes these rows into one schema, by table; `existing` are its tables now. `names` takes in new ones."""
    by_table: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        table = row.table or names.table(row.event)
        if table in excluded:
            continue
        values = {} if row.table else {EVENT[0]: table}
        for path, value in row.values.items():
            values[names.column(table, path)] = value
        by_table.setdefault(table, []).append(values)
    return [_plan(table, found, existing.get(table)) for table, found in by_table.items()]


def _plan(table: str, rows: list[dict[str, Any]], existing: Mapping[str, Kind] | None) -> TablePlan:
    own = own_columns(table)
    is_new = existing is None
    before = dict(own) if existing is None else dict(existing)
    added = {name: kind for name, kind in own.items() if name not in before}
    kinds = before | added
    widened: dict[str, Kind] = {}
    left_over: set[str] = set()
    for row in rows:
        for name, value in row.items():
            if value is None or name in own:
                continue
            kind = kind_of(value)
            if name not in kinds:
                if len(kinds) >= MOST_COLUMNS or name in left_over:
                    left_over.add(name)
                    continue
                kinds[name] = added[name] = kind
            elif (wide := wider(kinds[name], kind)) != kinds[name]:
                kinds[name] = wide
                if name in added:
                    added[name] = wide
                else:
                    widened[name] = wide
    if left_over:
        rows = [_with_more(row, left_over) for row in rows]
        if MORE not in kinds:
            kinds[MORE] = added[MORE] = Kind.TEXT
    if is_new:
        added = {name: kind for name, kind in added.items() if name not in own}
    batches = _upserts(rows, kinds) if table == USERS else [_batch(rows, kinds)]
    used = {name for batch in batches for name in batch.columns}
    return TablePlan(
        table=table,
        is_new=is_new,
        kinds={name: kind for name, kind in kinds.items() if name in used or name in own},
        added=added,
        widened=widened,
        batches=batches,
        is_upsert=table == USERS,
    )


def _with_more(row: dict[str, Any], names: Collection[str]) -> dict[str, Any]:
    more = {name: value for name, value in row.items() if name in names and value is not None}
    kept = {name: value for name, value in row.items() if name not in names}
    return kept | {MORE: more} if more else kept


def _batch(rows: list[dict[str, Any]], kinds: Mapping[str, Kind]) -> Batch:
    columns = tuple(dict.fromkeys(name for row in rows for name in row if name in kinds))
    return Batch(columns=columns, rows=[[as_kind(row.get(name), kinds[name]) for name in columns] for row in rows])


def _upserts(rows: list[dict[str, Any]], kinds: Mapping[str, Kind]) -> list[Batch]:
    """The values of each user put together, by which columns they have: others keep what they hold."""
    merged: dict[str, dict[str, Any]] = {}
    for row in rows:
        merged.setdefault(row["id"], {}).update(row)
    by_columns: dict[frozenset[str], list[dict[str, Any]]] = {}
    for values in merged.values():
        by_columns.setdefault(frozenset(name for name in values if name in kinds), []).append(values)
    return [_batch(found, kinds) for found in by_columns.values()]


def grown(existing: Existing, plans: Iterable[TablePlan]) -> dict[str, dict[str, Kind]]:
    """The tables once the plans are carried out."""
    found = {table: dict(columns) for table, columns in existing.items()}
    for plan in plans:
        found.setdefault(plan.table, {}).update(plan.kinds | plan.added | plan.widened)
    return found
