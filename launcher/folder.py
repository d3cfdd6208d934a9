"""The data folder: one owner at a time, its keys, and what a second shell needs to know of the running servers.

launcher.lock   held while servers run; carries the launcher's pid
secrets.env     keys and passwords, made once, mode 600: back it up with the database
ports.json      the ports of the bundled servers
run.env         the URLs of the servers that run now, mode 600
postgres/ valkey/ logs/
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import secrets
import shlex
import time
from pathlib import Path

from launcher.errors import LauncherError

KEY_NAMES = ("ENGAGE_SECRET_KEY", "ENGAGE_ENCRYPTION_KEY", "ENGAGE_POSTGRES_PASSWORD", "ENGAGE_VALKEY_PASSWORD")
LEFTOVER_WAIT_SECONDS = 60


class DataFolder:
    """One folder of data. `take` it before starting anything in it."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self._lock: int | None = None

    @property
    def postgres(self) -> Path:
        return self.path / "postgres"

    @property
    def valkey(self) -> Path:
        return self.path / "valkey"

    @property
    def run_env(self) -> Path:
        return self.path / "run.env"

    def log(self, name: str) -> Path:
        """The log file of a bundled server, in a folder that exists."""
        logs = self.path / "logs"
        logs.mkdir(exist_ok=True)
        return logs / f"{name}.log"

    def take(self) -> int:
        """Become the only launcher on this folder, creating it when missing; return the lock's file descriptor.

        A launcher that was killed leaves a watchdog which stops its servers and then lets go: that is waited for.
        Raises LauncherError when another launcher lives here or the folder cannot be used.
        """
        self._create()
        try:
            descriptor = os.open(self.path / "launcher.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise self._unusable(error) from error
        deadline = time.monotonic() + LEFTOVER_WAIT_SECONDS
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                holder = _read_pid(descriptor)
                if holder is None or _is_alive(holder) or time.monotonic() > deadline:
                    os.close(descriptor)
                    raise LauncherError(
                        f"Engage Admin already runs on the data folder {self.path}"
                        f"{f' (process {holder})' if holder else ''}. "
                        "Stop it first, or choose another folder with ENGAGE_DATA."
                    ) from None
                time.sleep(0.1)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._lock = descriptor
        return descriptor

    def release(self) -> None:
        """Forget what ran here and let another launcher in."""
        if self._lock is None:
            return
        self.run_env.unlink(missing_ok=True)
        os.ftruncate(self._lock, 0)
        os.close(self._lock)
        self._lock = None

    def is_running(self) -> bool:
        """Whether a launcher holds this folder now."""
        try:
            descriptor = os.open(self.path / "launcher.lock", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    def keys(self) -> dict[str, str]:
        """The secret keys of this installation; made on first use, kept for ever."""
        path = self.path / "secrets.env"
        if path.exists():
            values = read_env(path)
            missing = [name for name in KEY_NAMES if not values.get(name)]
            if missing:
                raise LauncherError(
                    f"{path} lacks {', '.join(missing)}. Restore the file from a backup: the stored secrets "
                    "cannot be read without it."
                )
            return values
        if self.postgres.exists():
            raise LauncherError(
                f"{path} is missing, but {self.postgres} holds a database that was made with it. Restore the file "
                "from a backup, or move the database away to start with an empty one."
            )
        values = {
            "ENGAGE_SECRET_KEY": secrets.token_urlsafe(48),
            # The form of a Fernet key: 32 bytes, URL-safe base64 with padding.
            "ENGAGE_ENCRYPTION_KEY": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
            "ENGAGE_POSTGRES_PASSWORD": secrets.token_urlsafe(24),
            "ENGAGE_VALKEY_PASSWORD": secrets.token_urlsafe(24),
        }
        write_env(path, values)
        return values

    def remembered_port(self, server: str) -> int | None:
        """The port `server` had last time. A damaged file only costs the memory."""
        try:
            port = json.loads((self.path / "ports.json").read_text()).get(server)
        except (OSError, ValueError, AttributeError):
            return None
        return port if isinstance(port, int) else None

    def remember_port(self, server: str, port: int) -> None:
        """Keep the port, so that addresses written down elsewhere stay right."""
        path = self.path / "ports.json"
        try:
            ports = json.loads(path.read_text())
        except (OSError, ValueError):
            ports = {}
        path.write_text(json.dumps({**ports, server: port}) + "\n")

    def _create(self) -> None:
        if self.path.exists() and not self.path.is_dir():
            raise LauncherError(
                f"The data folder {self.path} is a file. Move it away, or choose another folder with ENGAGE_DATA."
            )
        try:
            if not self.path.exists():
                self.path.mkdir(parents=True)
                self.path.chmod(0o700)
        except OSError as error:
            raise self._unusable(error) from error

    def _unusable(self, error: OSError) -> LauncherError:
        return LauncherError(
            f"The data folder {self.path} cannot be used: {error.strerror or error}. Make it writable for this user, "
            "or choose another folder with ENGAGE_DATA."
        )


def read_env(path: Path) -> dict[str, str]:
    """The `NAME=value` lines of a file, as a shell would read them."""
    values = {}
    for word in shlex.split(path.read_text(), comments=True):
        name, separator, value = word.partition("=")
        if separator:
            values[name] = value
    return values


def write_env(path: Path, values: dict[str, str]) -> None:
    """Write a file of `export NAME=value` lines that only its owner may read, whole or not at all."""
    temporary = path.with_name(f"{path.name}.new")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.writelines(f"export {name}={shlex.quote(value)}\n" for name, value in values.items())
    temporary.replace(path)


def _read_pid(descriptor: int) -> int | None:
    text = os.pread(descriptor, 32, 0).strip()
    return int(text) if text.isdigit() else None


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    # A killed process that its parent has not collected yet still takes signals.
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return True
    return state != "Z"
