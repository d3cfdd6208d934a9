"""The command line: `python -m launcher run | serve | exec -- COMMAND | test -- COMMAND`."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from launcher.environment import data_folder, running_environment
from launcher.errors import LauncherError
from launcher.folder import DataFolder
from launcher.servers import Servers, running_servers

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class _StopRequestedError(Exception):
    """SIGINT or SIGTERM arrived."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.exit_code = 128 + number


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one of the commands; a LauncherError becomes a sentence and exit code 1."""
    parser = argparse.ArgumentParser(prog="python -m launcher", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("run", help="servers, migrations, demo, web, worker and beat until stopped")
    commands.add_parser("serve", help="the bundled servers alone until stopped")
    for name, text in (
        ("exec", "run a command with the servers, started for it when they do not run"),
        ("test", "run a command with throw-away servers"),
    ):
        commands.add_parser(name, help=text).add_argument("words", nargs="+", metavar="COMMAND")
    options = parser.parse_args(arguments)
    for number in STOP_SIGNALS:
        # nohup is respected; an ignored SIGINT is only how shells start background jobs.
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _request_stop)
    try:
        if options.command == "run":
            from launcher.product import run_product  # noqa: PLC0415 - the other commands do without it

            return run_product(data_folder())
        if options.command == "serve":
            return _serve(data_folder())
        if options.command == "exec":
            return _execute(data_folder(), options.words)
        return _test(options.words)
    except _StopRequestedError as stop:
        # Being stopped is how `run` and `serve` end well.
        return 0 if options.command in {"run", "serve"} else stop.exit_code
    except LauncherError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _serve(folder: DataFolder) -> int:
    with running_servers(folder) as servers:
        print(f"The servers run; their addresses are in {folder.run_env}. Stop them with Ctrl-C.", flush=True)
        waiting = threading.Event()
        while not waiting.wait(1):
            _check(servers)
    return 0


def _check(servers: Servers) -> None:
    problem = servers.ended()
    if problem is not None:
        raise LauncherError(problem)


def _execute(folder: DataFolder, words: Sequence[str]) -> int:
    environment = running_environment(folder)
    if environment is not None:
        return _run(words, environment)
    with running_servers(folder) as servers:
        return _run(words, servers.environment)


def _test(words: Sequence[str]) -> int:
    with (
        tempfile.TemporaryDirectory(prefix="engage-test-", ignore_cleanup_errors=True) as temporary,
        running_servers(DataFolder(Path(temporary)), throwaway=True) as servers,
    ):
        return _run(words, servers.environment)


def _run(words: Sequence[str], environment: dict[str, str]) -> int:
    """Run a command in the foreground; Ctrl-C reaches it through the terminal, SIGTERM is passed on."""
    try:
        process = subprocess.Popen(list(words), env={**os.environ, **environment})
    except OSError as error:
        raise LauncherError(f"{words[0]} cannot be run: {error.strerror}.") from error
    try:
        return process.wait()
    except _StopRequestedError as stop:
        if stop.exit_code != 128 + signal.SIGINT:
            process.terminate()
        process.wait()
        raise


def _request_stop(number: int, frame: FrameType | None) -> None:
    # Further signals are ignored: stopping is under way and must end in order.
    for other in STOP_SIGNALS:
        signal.signal(other, signal.SIG_IGN)
    raise _StopRequestedError(number)


if __name__ == "__main__":
    sys.exit(main())
