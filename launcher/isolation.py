"""How PostgreSQL, which refuses to run as root, is started by whoever started us.

No user is created, and nothing outside the data folder changes owner or mode.
"""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path

from launcher.errors import LauncherError

NOBODY_ID = 65534
NAMESPACE_PREFIX = ("unshare", "--user", f"--map-user={NOBODY_ID}", f"--map-group={NOBODY_ID}")
FALLBACK_USERS = ("postgres", "nobody")


@dataclass(frozen=True, kw_only=True)
class Isolation:
    """`prefix` goes before the command; `user` is the account to change to, if any."""

    prefix: tuple[str, ...] = ()
    user: pwd.struct_passwd | None = None

    @property
    def identity(self) -> dict[str, int | list[int]]:
        """The arguments of `subprocess.Popen` that change the account."""
        if self.user is None:
            return {}
        return {"user": self.user.pw_uid, "group": self.user.pw_gid, "extra_groups": []}


def choose_isolation(cluster: Path) -> Isolation:
    """Decide how to run the server of `cluster`, a folder that need not exist yet.

    An ordinary user runs it plainly. Root runs it in a user namespace, where the server believes it is `nobody` and
    the files stay root's; where namespaces are forbidden, as an existing unprivileged user, which then owns the
    cluster folder.
    """
    owner = cluster.stat().st_uid if cluster.exists() else None
    if os.geteuid() != 0:
        if owner not in (None, os.geteuid()):
            raise LauncherError(
                f"The database folder {cluster} belongs to user {_user_name(owner)}, but this is user "
                f"{_user_name(os.geteuid())}. Run as {_user_name(owner)}, or choose another folder with ENGAGE_DATA."
            )
        return Isolation()
    if owner in (None, 0) and namespaces_work():
        return Isolation(prefix=NAMESPACE_PREFIX)
    if owner not in (None, 0):
        return Isolation(user=_user_of(owner, cluster))
    return Isolation(user=_fallback_user())


def namespaces_work() -> bool:
    """Whether this machine lets us create a user namespace (containers often do not)."""
    try:
        result = subprocess.run([*NAMESPACE_PREFIX, "true"], capture_output=True, check=False, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return result.returncode == 0


def prepare_for_user(user: pwd.struct_passwd, *, data_folder: Path, cluster: Path, install: Path) -> Path:
    """Let `user` reach its cluster and the server's program files; return the folder of the program to use.

    Only the data folder is touched: opened for passing through, its cluster handed to the user, and the program
    copied into it when the user cannot read the virtual environment.
    """
    data_folder.chmod(stat.S_IMODE(data_folder.stat().st_mode) | 0o011)
    if not can_reach(data_folder, user):
        raise LauncherError(
            f"PostgreSQL does not run as root, this machine forbids user namespaces, and user {user.pw_name} cannot "
            f"reach {data_folder}. Set ENGAGE_DATA to a folder that everybody may pass through, such as "
            "/var/lib/engage-admin, run as an ordinary user, or set DATABASE_URL to a server of your own."
        )
    if cluster.exists():
        _hand_over(cluster, user)
    if can_reach(install / "bin" / "postgres", user):
        return install
    copied = data_folder / "programs" / install.parent.name / install.name
    if not (copied / "bin" / "postgres").exists():
        # The shared libraries lie beside the package and are found relative to it.
        libraries = install.parent.with_name(f"{install.parent.name}.libs")
        shutil.copytree(install, copied, symlinks=True, dirs_exist_ok=True)
        if libraries.exists():
            shutil.copytree(libraries, data_folder / "programs" / libraries.name, dirs_exist_ok=True)
        for folder, _, files in os.walk(data_folder / "programs"):
            Path(folder).chmod(0o755)
            for name in files:
                path = Path(folder, name)
                if not path.is_symlink():
                    path.chmod(path.stat().st_mode | 0o044 | (0o011 if path.stat().st_mode & 0o100 else 0))
    return copied


def can_reach(path: Path, user: pwd.struct_passwd) -> bool:
    """Whether `user` may read or pass through `path`, asked of the kernel as that user."""
    question = "-x" if path.is_dir() else "-r"
    result = subprocess.run(
        ["test", question, str(path)],
        check=False,
        user=user.pw_uid,
        group=user.pw_gid,
        extra_groups=[],
        cwd="/",
    )
    return result.returncode == 0


def _hand_over(folder: Path, user: pwd.struct_passwd) -> None:
    if folder.stat().st_uid == user.pw_uid:
        return
    for parent, _, files in os.walk(folder):
        for path in (parent, *(os.path.join(parent, name) for name in files)):
            os.chown(path, user.pw_uid, user.pw_gid, follow_symlinks=False)


def _fallback_user() -> pwd.struct_passwd:
    for name in FALLBACK_USERS:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise LauncherError(
        "PostgreSQL does not run as root, this machine forbids user namespaces, and there is no user postgres or "
        "nobody to run it as. Run as an ordinary user, or set DATABASE_URL to a server of your own."
    )


def _user_of(owner: int | None, cluster: Path) -> pwd.struct_passwd:
    try:
        return pwd.getpwuid(owner or 0)
    except KeyError:
        raise LauncherError(
            f"The database folder {cluster} belongs to user id {owner}, which has no account on this machine. "
            "Run as that user, or give the folder to an existing one."
        ) from None


def _user_name(uid: int | None) -> str:
    try:
        return pwd.getpwuid(uid or 0).pw_name
    except KeyError:
        return str(uid)
