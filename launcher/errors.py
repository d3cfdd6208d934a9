"""What the launcher tells a person when it cannot go on."""

from __future__ import annotations


class LauncherError(Exception):
    """A sentence for the terminal: what is wrong, and what to do about it."""


class PortTakenError(LauncherError):
    """The port chosen for a bundled server was taken between choosing and binding; another may be tried."""
