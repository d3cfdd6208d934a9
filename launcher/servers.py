"""Both bundled servers together, or the ones that the environment names instead."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit

import psycopg

from launcher.errors import LauncherError
from launcher.folder import DataFolder, write_env
from launcher.postgres import Postgres
from launcher.valkey import Valkey
from launcher.watchdog import Watchdog


class Servers:
    """The servers that run while `running_servers` lasts. `environment` is what the product's processes need."""

    def __init__(
        self, environment: dict[str, str], watchdog: Watchdog, postgres: Postgres | None, valkey: Valkey | None
    ) -> None:
        self.environment = environment
        self.watchdog = watchdog
        self.postgres = postgres
        self.valkey = valkey

    def ended(self) -> str | None:
        """A sentence when a bundled server has ended by itself, otherwise None."""
        for name, server in (("PostgreSQL", self.postgres), ("Valkey", self.valkey)):
            if server is not None and server.process is not None and server.process.poll() is not None:
                return f"The bundled {name} ended unexpectedly; its log is {server.folder.log(name.lower())}."
        return None


@contextmanager
def running_servers(
    folder: DataFolder, *, throwaway: bool = False, settings: Mapping[str, str] | None = None
) -> Iterator[Servers]:
    """Take `folder`, start what the environment does not name, and stop it in the end: PostgreSQL last.

    `settings` are told to commands in a second shell beside the addresses. A throw-away pair ignores DATABASE_URL and
    REDIS_URL and is quick rather than safe.
    """
    lock = folder.take()
    with ExitStack() as stack:
        stack.callback(folder.release)
        database_url = None if throwaway else os.environ.get("DATABASE_URL")
        redis_url = None if throwaway else os.environ.get("REDIS_URL")
        if database_url:
            check_database(database_url)
        if redis_url:
            check_redis(redis_url)
        keys = folder.keys()
        watchdog = Watchdog(lock, remove=folder.path if throwaway else None)
        stack.callback(watchdog.dismiss)
        postgres = valkey = None
        if not database_url:
            postgres = Postgres(folder, password=keys["ENGAGE_POSTGRES_PASSWORD"], throwaway=throwaway)
            stack.callback(postgres.stop)
            database_url = postgres.start()
            watchdog.watch(postgres.process, "postgres")
        if not redis_url:
            valkey = Valkey(folder, password=keys["ENGAGE_VALKEY_PASSWORD"], throwaway=throwaway)
            stack.callback(valkey.stop)
            redis_url = valkey.start()
            watchdog.watch(valkey.process, "valkey")
        environment = product_environment(folder, keys, database_url=database_url, redis_url=redis_url)
        environment |= settings or {}
        write_env(folder.run_env, environment)
        yield Servers(environment, watchdog, postgres, valkey)


def product_environment(
    folder: DataFolder, keys: dict[str, str], *, database_url: str, redis_url: str
) -> dict[str, str]:
    """The variables that make the product use these servers and keys; a key set by the operator stands."""
    return {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "ENGAGE_SECRET_KEY": os.environ.get("ENGAGE_SECRET_KEY") or keys["ENGAGE_SECRET_KEY"],
        "ENGAGE_ENCRYPTION_KEY": os.environ.get("ENGAGE_ENCRYPTION_KEY") or keys["ENGAGE_ENCRYPTION_KEY"],
        "ENGAGE_DATA": str(folder.path),
    }


def check_database(url: str) -> None:
    """Refuse a DATABASE_URL that does not answer, with the server's reason."""
    try:
        psycopg.connect(url, connect_timeout=10).close()
    except psycopg.Error as error:
        reason = str(error).strip().splitlines()[-1] if str(error).strip() else type(error).__name__
        raise LauncherError(
            f"The database of DATABASE_URL does not answer: {reason}. Correct DATABASE_URL, or unset it to use the "
            "bundled PostgreSQL."
        ) from error


def check_redis(url: str) -> None:
    """Refuse a REDIS_URL where nothing listens."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "localhost", parts.port or 6379
        if parts.scheme == "unix":
            return
        socket.create_connection((host, port), timeout=10).close()
    except (OSError, ValueError) as error:
        raise LauncherError(
            f"The server of REDIS_URL does not answer: {error}. Correct REDIS_URL, or unset it to use the bundled "
            "Valkey."
        ) from error
