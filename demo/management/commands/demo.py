"""`manage.py demo --load` loads the demo workspace; `--json` prints its access."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from demo.services.load import load, login


class Command(BaseCommand):
    help = "Load the demo workspace (--load) or print its URL, login and keys (--json)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--load", action="store_true", help="load what is missing; a second time changes nothing")
        parser.add_argument("--json", action="store_true", help="print url, email, password, space, keys as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.ENGAGE_DEMO:
            raise CommandError("The demo is off. Set ENGAGE_DEMO=1, as `make run` does.")
        found = load(say=self.stderr.write) if options["load"] else login()
        if found is None:
            raise CommandError("The demo is not loaded. Run `manage.py demo --load`.")
        if options["json"]:
            self.stdout.write(json.dumps(asdict(found)))
            return
        self.stdout.write(f"{found.url}  ·  {found.email}  ·  {found.password}")
