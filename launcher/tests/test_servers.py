"""The bundled servers end to end: start, stop, kill, refuse."""

from __future__ import annotations

import os
import re
import signal
import socket
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import redis

from launcher.folder import DataFolder, read_env
from launcher.tests.launching import (
    Launched,
    execute_sql,
    processes_naming,
    run_launcher,
    wait_for_servers,
    wait_until,
)

Start = Callable[..., Launched]


def mode_and_owner(path: Path) -> tuple[int, int, int]:
    status = path.stat()
    return stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid


def test_data_and_addresses_survive_a_stop_and_a_second_start(data: Path, start: Start) -> None:
    first = start("serve")
    environment = wait_for_servers(data, first)
    execute_sql(environment, "CREATE TABLE kept (word text)")
    execute_sql(environment, "INSERT INTO kept VALUES ('yes')")
    redis.from_url(environment["REDIS_URL"]).set("kept", "too")
    first.process.send_signal(signal.SIGTERM)
    first_code = first.wait()
    second = start("serve")
    environment_again = wait_for_servers(data, second)

    rows = execute_sql(environment_again, "SELECT word FROM kept")

    assert first_code == 0
    assert rows == [("yes",)]
    assert redis.from_url(environment_again["REDIS_URL"]).get("kept") == b"too"
    assert environment_again == environment


def test_stopping_leaves_no_process_and_no_address_behind(data: Path, start: Start) -> None:
    launched = start("serve")
    wait_for_servers(data, launched)

    launched.process.send_signal(signal.SIGINT)

    assert launched.wait() == 0
    assert processes_naming(str(data)) == []
    assert not (data / "run.env").exists()
    assert not DataFolder(data).is_running()
    assert not (data / "postgres" / "postmaster.pid").exists()
    assert "Traceback" not in launched.output


def test_the_servers_need_their_password(data: Path, start: Start) -> None:
    environment = wait_for_servers(data, start("serve"))
    address = re.sub(r":[^:@]+@", ":wrong@", environment["DATABASE_URL"])
    broker = re.sub(r":[^:@]+@", ":wrong@", environment["REDIS_URL"])

    with pytest.raises(Exception, match="password authentication failed"):
        execute_sql({"DATABASE_URL": address}, "SELECT 1")
    with pytest.raises(redis.AuthenticationError):
        redis.from_url(broker).ping()


def test_a_killed_launcher_can_be_started_again_at_once_with_what_was_committed(data: Path, start: Start) -> None:
    first = start("serve")
    environment = wait_for_servers(data, first)
    execute_sql(environment, "CREATE TABLE kept (number int)")
    execute_sql(environment, "INSERT INTO kept SELECT generate_series(1, 1000)")
    first.process.kill()
    first.wait()
    (data / "run.env").unlink()
    second = start("serve")

    environment_again = wait_for_servers(data, second)

    assert execute_sql(environment_again, "SELECT count(*) FROM kept") == [(1000,)]


def test_a_killed_launcher_s_servers_are_stopped(data: Path, start: Start) -> None:
    launched = start("serve")
    wait_for_servers(data, launched)

    launched.process.kill()
    launched.wait()

    wait_until(lambda: processes_naming(str(data)) == [])
    assert not (data / "postgres" / "postmaster.pid").exists()


def test_killing_everything_at_once_loses_nothing_committed(data: Path, start: Start) -> None:
    launched = start("serve")
    environment = wait_for_servers(data, launched)
    execute_sql(environment, "CREATE TABLE kept (number int)")
    execute_sql(environment, "INSERT INTO kept VALUES (7)")
    for pid in processes_naming(str(data)):
        os.kill(pid, signal.SIGKILL)
    launched.wait()
    (data / "run.env").unlink(missing_ok=True)

    environment_again = wait_for_servers(data, start("serve"))

    assert execute_sql(environment_again, "SELECT number FROM kept") == [(7,)]


def test_servers_left_behind_without_a_watchdog_are_replaced(data: Path, start: Start) -> None:
    launched = start("serve")
    environment = wait_for_servers(data, launched)
    execute_sql(environment, "CREATE TABLE kept (number int)")
    strays = {int((data / "postgres" / "postmaster.pid").read_text().split()[0])}
    strays.add(int((data / "valkey" / "valkey.pid").read_text()))
    for pid in set(processes_naming("launcher")) & set(processes_naming(str(data))) - strays:
        if "launcher" in Path(f"/proc/{pid}/cmdline").read_bytes().decode():
            os.kill(pid, signal.SIGKILL)
    launched.wait()
    (data / "run.env").unlink()

    environment_again = wait_for_servers(data, start("serve"))

    now = {int((data / "postgres" / "postmaster.pid").read_text().split()[0])}
    now.add(int((data / "valkey" / "valkey.pid").read_text()))
    assert strays & now == set()
    assert execute_sql(environment_again, "SELECT count(*) FROM kept") == [(0,)]


def test_a_second_launcher_on_the_folder_is_refused_with_a_sentence(data: Path, start: Start) -> None:
    first = start("serve")
    environment = wait_for_servers(data, first)

    second = run_launcher(["serve"], data)

    assert second.returncode == 1
    assert second.stderr == (
        f"error: Engage Admin already runs on the data folder {data} (process {first.process.pid}). "
        "Stop it first, or choose another folder with ENGAGE_DATA.\n"
    )
    assert execute_sql(environment, "SELECT 1") == [(1,)]


def test_exec_uses_the_running_servers_or_starts_them(data: Path, start: Start) -> None:
    words = ["exec", "--", sys.executable, "-c", "import os; print(os.environ['DATABASE_URL']); raise SystemExit(7)"]
    alone = run_launcher(words, data)
    environment = wait_for_servers(data, start("serve"))

    beside = run_launcher(words, data)

    assert (alone.returncode, beside.returncode) == (7, 7)
    assert alone.stdout.startswith("postgresql://engage:")
    assert beside.stdout.strip() == environment["DATABASE_URL"]


def test_test_servers_are_thrown_away(new_data: Path) -> None:
    result = run_launcher(
        ["test", "--", sys.executable, "-c", "import os; print(os.environ['ENGAGE_DATA']); raise SystemExit(3)"],
        new_data,
    )

    assert result.returncode == 3
    assert not Path(result.stdout.strip()).exists()
    assert not new_data.exists()


def test_nothing_outside_the_data_folder_changes_owner_or_mode(new_data: Path) -> None:
    package = Path(sys.prefix, "lib")
    watched = [
        new_data.parent,
        *new_data.parents,
        Path(sys.prefix),
        *Path(sys.prefix).parents,
        package,
        *package.glob("*/*"),
    ]
    before = {path: mode_and_owner(path) for path in watched}
    accounts = Path("/etc/passwd").read_text()

    result = run_launcher(["exec", "--", "true"], new_data)

    assert result.returncode == 0
    assert {path: mode_and_owner(path) for path in watched} == before
    assert Path("/etc/passwd").read_text() == accounts


def test_secrets_are_readable_by_their_owner_alone(new_data: Path, start: Start) -> None:
    wait_for_servers(new_data, start("serve"))

    modes = {name: stat.S_IMODE((new_data / name).stat().st_mode) for name in ("secrets.env", "run.env", "postgres")}

    assert modes == {"secrets.env": 0o600, "run.env": 0o600, "postgres": 0o700}
    assert stat.S_IMODE(new_data.stat().st_mode) == 0o700
    password = read_env(new_data / "secrets.env")["ENGAGE_VALKEY_PASSWORD"]
    listing = [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in processes_naming(str(new_data))]
    assert not any(password.encode() in line for line in listing)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to change the account")
def test_root_without_user_namespaces_runs_as_an_existing_unprivileged_user(new_data: Path, start: Start) -> None:
    refusing = new_data.parent / "bin"
    refusing.mkdir()
    (refusing / "unshare").write_text("#!/bin/sh\nexit 1\n")
    (refusing / "unshare").chmod(0o755)
    path = f"{refusing}:{os.environ['PATH']}"
    before = mode_and_owner(new_data.parent)
    first = start("serve", PATH=path)
    environment = wait_for_servers(new_data, first)
    execute_sql(environment, "CREATE TABLE kept (number int)")
    first.process.send_signal(signal.SIGTERM)
    first_code = first.wait()

    # Namespaces work again: the cluster stays with the user that owns it.
    environment_again = wait_for_servers(new_data, start("serve"))

    assert first_code == 0
    assert execute_sql(environment_again, "SELECT count(*) FROM kept") == [(0,)]
    assert (new_data / "postgres").stat().st_uid != 0
    assert mode_and_owner(new_data.parent) == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to change the account")
def test_a_folder_that_the_unprivileged_user_cannot_reach_gives_a_sentence(new_data: Path) -> None:
    refusing = new_data.parent / "bin"
    refusing.mkdir()
    (refusing / "unshare").write_text("#!/bin/sh\nexit 1\n")
    (refusing / "unshare").chmod(0o755)
    new_data.parent.chmod(0o700)

    result = run_launcher(["serve"], new_data, PATH=f"{refusing}:{os.environ['PATH']}")

    assert result.returncode == 1
    assert f"cannot reach {new_data}. Set ENGAGE_DATA to a folder that everybody may pass through" in result.stderr
    assert "Traceback" not in result.stderr
    assert stat.S_IMODE(new_data.parent.stat().st_mode) == 0o700


def test_a_data_folder_that_is_a_file_gives_a_sentence(new_data: Path) -> None:
    new_data.write_text("not a folder")

    result = run_launcher(["serve"], new_data)

    assert (result.returncode, result.stderr) == (
        1,
        f"error: The data folder {new_data} is a file. Move it away, or choose another folder with ENGAGE_DATA.\n",
    )
    assert new_data.read_text() == "not a folder"


def test_a_database_folder_without_a_database_gives_a_sentence(data: Path) -> None:
    (data / "postgres" / "PG_VERSION").unlink()

    result = run_launcher(["serve"], data)

    assert result.returncode == 1
    assert result.stderr == (
        f"error: {data / 'postgres'} holds no PostgreSQL database (PG_VERSION is missing). Restore it from a backup, "
        "or move it away to start with an empty one.\n"
    )


def test_a_damaged_database_gives_the_server_s_reason(data: Path) -> None:
    (data / "postgres" / "global" / "pg_control").write_bytes(b"\0" * 8192)

    result = run_launcher(["serve"], data)

    assert result.returncode == 1
    assert result.stderr.startswith(f"error: PostgreSQL could not start on {data / 'postgres'}: ")
    assert "restore it from a backup" in result.stderr
    assert "Traceback" not in result.stderr


def test_another_server_version_s_folder_gives_a_sentence(data: Path) -> None:
    (data / "postgres" / "PG_VERSION").write_text("15\n")

    result = run_launcher(["serve"], data)

    assert result.returncode == 1
    assert result.stderr.startswith(f"error: {data / 'postgres'} was made by PostgreSQL 15, the bundled server is ")


def test_lost_keys_give_a_sentence_and_are_not_made_anew(data: Path) -> None:
    (data / "secrets.env").unlink()

    result = run_launcher(["serve"], data)

    assert result.returncode == 1
    assert result.stderr.startswith(f"error: {data / 'secrets.env'} is missing, but {data / 'postgres'} holds")
    assert not (data / "secrets.env").exists()


def test_a_damaged_valkey_store_is_put_aside(data: Path, start: Start) -> None:
    manifest = next((data / "valkey" / "appendonlydir").glob("*.manifest"))
    manifest.write_text("nonsense\n")

    environment = wait_for_servers(data, start("serve"))

    assert redis.from_url(environment["REDIS_URL"]).ping() is True
    (aside,) = data.glob("valkey.damaged-*")
    assert (aside / "appendonlydir" / manifest.name).read_text() == "nonsense\n"


def test_a_server_s_taken_port_is_replaced_by_a_free_one(data: Path, start: Start) -> None:
    taken = DataFolder(data).remembered_port("postgres")
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", taken))
        other.listen()

        environment = wait_for_servers(data, start("serve"))

    assert f":{taken}/" not in environment["DATABASE_URL"]
    assert DataFolder(data).remembered_port("postgres") != taken


def test_servers_of_one_s_own_are_used_and_none_started(new_data: Path) -> None:
    result = run_launcher(
        ["exec", "--", sys.executable, "-c", "import os; print(os.environ['DATABASE_URL'], os.environ['REDIS_URL'])"],
        new_data,
        DATABASE_URL=os.environ["DATABASE_URL"],
        REDIS_URL=os.environ["REDIS_URL"],
    )

    assert result.stdout.strip() == f"{os.environ['DATABASE_URL']} {os.environ['REDIS_URL']}"
    assert sorted(path.name for path in new_data.iterdir()) == ["launcher.lock", "secrets.env"]


@pytest.mark.parametrize(
    ("name", "address", "sentence"),
    [
        ("DATABASE_URL", "postgresql://x@127.0.0.1:1/x", "error: The database of DATABASE_URL does not answer: "),
        ("REDIS_URL", "redis://127.0.0.1:1/0", "error: The server of REDIS_URL does not answer: "),
    ],
)
def test_an_address_that_does_not_answer_gives_a_sentence(data: Path, name: str, address: str, sentence: str) -> None:
    result = run_launcher(["serve"], data, **{name: address})

    assert result.returncode == 1
    assert result.stderr.startswith(sentence)
    assert "Traceback" not in result.stderr
