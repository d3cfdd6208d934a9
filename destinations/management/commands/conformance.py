"""`manage.py conformance FILE…`: run files of recorded cases and print what passed, as JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from destinations.conformance.running import run_file


class Command(BaseCommand):
    help = (
        "Run files of recorded cases and print, as JSON, per file and tier how many passed and the ids of the others."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
        parser.add_argument("--why", action="store_true", help="also tell what differs, case by case")

    def handle(self, *, files: list[Path], why: bool, **_options: Any) -> None:
        reports = []
        for path in files:
            try:
                report = run_file(path)
            except (OSError, ValueError, KeyError) as error:
                raise CommandError(f"{path} is no file of cases: {error}") from error
            reports.append(report if why else {name: value for name, value in report.items() if name != "why"})
        self.stdout.write(json.dumps({"files": reports}, indent=2, ensure_ascii=False))
