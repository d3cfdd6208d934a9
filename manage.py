#!/usr/bin/env python
"""Django's command line. `make run` starts everything; see README.md."""

from __future__ import annotations

import os
import sys

from launcher.environment import adopt_running_servers


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "engage_admin.settings")
    adopt_running_servers()
    from django.core.management import execute_from_command_line  # noqa: PLC0415 - after the settings are named

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
