"""How much memory the bundled database may count on."""

from __future__ import annotations

import os
from pathlib import Path

MEBIBYTE = 1024 * 1024
CONTROL_GROUP_LIMITS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)


def memory_mebibytes() -> int:
    """The machine's memory, or the container's limit when that is lower."""
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    for path in CONTROL_GROUP_LIMITS:
        try:
            text = path.read_text().strip()
        except OSError:
            continue
        if text.isdigit():
            total = min(total, int(text))
    return total // MEBIBYTE


def shared_memory_is_small() -> bool:
    """Whether /dev/shm is too small for parallel queries, as in containers with the usual 64 MB."""
    try:
        status = os.statvfs("/dev/shm")  # noqa: S108 - measured, nothing is written there
    except OSError:
        return False
    return status.f_blocks * status.f_frsize < 512 * MEBIBYTE
