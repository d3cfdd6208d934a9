"""PostgreSQL: one read-only transaction, a server-side cursor, a time limit on every statement.

Also what speaks its protocol, such as Redshift, as far as it has server-side cursors.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import Any

import psycopg
from django.conf import settings as product
from psycopg import errors

from common.http.addresses import is_allowed, parse_networks
from engine.traits.sql import Column
from engine.traits.statements import trimmed
from traits.warehouses.interface import Connector, Limits, Row, Setting, WarehouseError
from traits.warehouses.postgresql_writing import PostgresqlWriter

CURSOR = "engage_sql_trait"
CONNECT_SECONDS = 10
PREFIX = f'DECLARE "{CURSOR}" CURSOR FOR '
KINDS = {
    **dict.fromkeys(("int2", "int4", "int8", "numeric", "float4", "float8", "oid"), "number"),
    **dict.fromkeys(("text", "varchar", "bpchar", "name", "char", "uuid", "citext"), "text"),
    **dict.fromkeys(("timestamptz", "timestamp", "date"), "text"),
    "bool": "boolean",
}
SSL_MODES = (
    ("require", "Encrypted"),
    ("verify-full", "Encrypted, with a certificate that is checked"),
    ("prefer", "Encrypted if the server can"),
    ("disable", "Not encrypted"),
)
SETTINGS = (
    Setting(name="host", label="Host", help="A name or an address that this server reaches, such as db.example.com."),
    Setting(name="port", label="Port", kind="number", default="5432"),
    Setting(name="database", label="Database"),
    Setting(
        name="user",
        label="User",
        help="Give it the right to read what queries need, and CREATE if Engage's calls are written here.",
    ),
    Setting(name="password", label="Password", kind="password"),
    Setting(name="sslmode", label="Encryption", kind="choice", default="require", choices=SSL_MODES),
)


def _problems(settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    host, found = settings["host"], []
    if "/" in host or "," in host or any(character.isspace() for character in host):
        found.append(("/host", "Write one host name or address, without a protocol or a path."))
    if not 1 <= int(settings["port"]) <= 65_535:
        found.append(("/port", "A port is a number from 1 to 65535."))
    return found


def _addresses(host: str, port: int) -> str:
    """The address that the name means now, if we may connect to it; the connection goes to that very address."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        detail = f"The name {host} was not found. Check the host of the warehouse."
        raise WarehouseError(detail, path="/host", is_transient=True) from None
    addresses = [str(entry[4][0]) for entry in found]
    networks = parse_networks(tuple(product.ENGAGE_ALLOWED_NETWORKS))
    allowed = [address for address in addresses if is_allowed(address, networks)]
    if not allowed:
        raise WarehouseError(
            f"{host} resolves to {addresses[0]}, which is not a public address. Ask the operator of this installation "
            "to allow its network with ENGAGE_ALLOWED_NETWORKS.",
            path="/host",
        )
    return allowed[0]


def opened(settings: Mapping[str, Any]) -> psycopg.Connection:
    """A connection, made to an address that we may connect to. WarehouseError says why there is none."""
    host, port = settings["host"], int(settings["port"])
    options: dict[str, Any] = {"sslrootcert": "system"} if settings["sslmode"] == "verify-full" else {}
    try:
        return psycopg.connect(
            host=host,
            hostaddr=_addresses(host, port),
            port=port,
            dbname=settings["database"],
            user=settings["user"],
            password=settings["password"],
            sslmode=settings["sslmode"],
            connect_timeout=CONNECT_SECONDS,
            application_name="Engage Admin",
            gssencmode="disable",
            passfile="/dev/null",
            client_encoding="UTF8",
            **options,
        )
    except psycopg.OperationalError as error:
        raise _not_connected(settings, str(error)) from error


@contextmanager
def _connected(settings: Mapping[str, Any], limits: Limits) -> Iterator[psycopg.Connection]:
    """A connection inside a read-only transaction with the time limit set."""
    connection = opened(settings)
    try:
        with connection:
            connection.read_only = True
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            milliseconds = int(limits.seconds * 1000)
            connection.execute(f"SET LOCAL statement_timeout = {milliseconds}")
            connection.execute("SET LOCAL TimeZone = 'UTC'")
            yield connection
            connection.rollback()
    except psycopg.Error as error:
        raise _refused(error, limits) from error


def _not_connected(settings: Mapping[str, Any], text: str) -> WarehouseError:  # noqa: PLR0911 - one a cause
    where = f"{settings['host']}:{settings['port']}"
    lower = text.lower()
    if "password authentication failed" in lower or "no password supplied" in lower:
        detail = f"{where} refused the password of {settings['user']}. Enter it again."
        return WarehouseError(detail, path="/password")
    if "role" in lower and "does not exist" in lower:
        return WarehouseError(f"{where} has no user {settings['user']}.", path="/user")
    if "database" in lower and "does not exist" in lower:
        return WarehouseError(f"{where} has no database {settings['database']}.", path="/database")
    if "pg_hba.conf" in lower:
        detail = f"{where} does not let {settings['user']} in from here. Allow this server in its pg_hba.conf."
        return WarehouseError(detail, path="/host")
    if "ssl" in lower or "certificate" in lower:
        detail = f"No encrypted connection with {where}: {_last_line(text)}. Choose another encryption, or set it up."
        return WarehouseError(detail, path="/sslmode")
    if "refused" in lower:
        detail = f"{where} refused the connection. Is the port right and the database up?"
        return WarehouseError(detail, path="/host", is_transient=True)
    if "timeout" in lower or "timed out" in lower:
        detail = f"{where} did not answer within {CONNECT_SECONDS} seconds. Is a firewall in between?"
        return WarehouseError(detail, path="/host", is_transient=True)
    return WarehouseError(f"No connection with {where}: {_last_line(text)}.", path="/host", is_transient=True)


def _last_line(text: str) -> str:
    return text.strip().splitlines()[-1].strip().rstrip(".")[:300]


def _refused(error: psycopg.Error, limits: Limits) -> WarehouseError:
    if isinstance(error, errors.QueryCanceled):
        detail = (
            f"The query took longer than {limits.seconds:g} seconds and was stopped. Make it faster, or select less."
        )
        return WarehouseError(detail, path="/query")
    if isinstance(error, errors.ReadOnlySqlTransaction):
        return WarehouseError("The query wants to write. Queries of SQL traits only read.", path="/query")
    if isinstance(error, errors.InsufficientPrivilege):
        said = error.diag.message_primary or str(error)
        return WarehouseError(f"PostgreSQL says: {said}. Grant the user SELECT on it.", path="/query")
    said = (error.diag.message_primary or _last_line(str(error) or type(error).__name__)).rstrip(".")
    if isinstance(error, psycopg.DataError) and error.sqlstate is None:
        return WarehouseError(f"A value could not be read: {said}. Cast its column to text.", path="/query")
    if error.sqlstate is None or error.sqlstate[:2] in {"08", "53", "57"}:
        return WarehouseError(f"The connection with the warehouse was lost: {said}.", is_transient=True)
    hint = f" {error.diag.message_hint}" if error.diag.message_hint else ""
    return WarehouseError(f"PostgreSQL says: {said}{_place(error)}.{hint}", path="/query")


def _place(error: psycopg.Error) -> str:
    """Which line of the query, as far as the server says so."""
    position = error.diag.statement_position
    query = getattr(error, "engage_query", "")
    if not position or not query:
        return ""
    return f" (line {query[: max(0, int(position) - 1 - len(PREFIX))].count(chr(10)) + 1})"


class _Result:
    def __init__(self, cursor: psycopg.ServerCursor[Row], columns: Sequence[Column], limits: Limits) -> None:
        self._cursor = cursor
        self._limits = limits
        self.columns = columns

    def blocks(self) -> Iterator[list[Row]]:
        while rows := self._cursor.fetchmany(self._limits.block_rows):
            yield rows


@contextmanager
def _run(settings: Mapping[str, Any], query: str, limits: Limits) -> Iterator[_Result]:
    with _connected(settings, limits) as connection, connection.cursor(name=CURSOR) as cursor:
        text = trimmed(query)
        try:
            cursor.execute(text.encode())
        except psycopg.Error as error:
            error.engage_query = text  # type: ignore[attr-defined]
            raise
        yield _Result(cursor, _columns(connection, cursor), limits)


def _columns(connection: psycopg.Connection, cursor: psycopg.ServerCursor[Row]) -> list[Column]:
    described = cursor.description or []
    found = connection.execute(
        "SELECT oid::bigint, typname, typtype, format_type(oid, NULL) FROM pg_type WHERE oid::bigint = ANY(%s)",
        [[column.type_code for column in described]],
    ).fetchall()
    types = {oid: (name, kind, shown) for oid, name, kind, shown in found}
    columns = []
    for column in described:
        name, kind, shown = types.get(column.type_code, ("", "", "unknown"))
        own = "text" if kind == "e" else KINDS.get(name, "")
        columns.append(Column(name=column.name, kind=own, type_name=shown))
    return columns


def _test(settings: Mapping[str, Any], limits: Limits) -> str:
    """Who answered."""
    with _connected(settings, limits) as connection:
        row = connection.execute("SELECT split_part(version(), ' on ', 1), current_user").fetchone()
        return f"{row[0]}, signed in as {row[1]}" if row else ""


@contextmanager
def _write(settings: Mapping[str, Any], limits: Limits) -> Iterator[PostgresqlWriter]:
    with closing(opened(settings)) as connection:
        yield PostgresqlWriter(connection, limits)


CONNECTOR = Connector(
    slug="postgresql",
    name="PostgreSQL",
    summary="A database server, or what speaks its protocol.",
    settings=SETTINGS,
    problems=_problems,
    test=_test,
    run=_run,
    write=_write,
)
