"""`manage.py render_action`: the requests that a mapping would make, without sending them."""

from __future__ import annotations

import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from common.errors import InvalidError
from destinations.rendering import render


class Command(BaseCommand):
    help = (
        'Reads {"connector", "action", "settings", "mapping", "events"} as JSON on stdin and prints the requests that '
        'it would make: [{"method", "url", "headers", "body"}]. Why an event makes none is told on stderr.'
    )

    def handle(self, *_args: Any, **_options: Any) -> None:
        try:
            given = json.load(sys.stdin)
        except ValueError as error:
            raise CommandError(f"The input is not valid JSON: {error}") from error
        try:
            rendering = render(given)
        except InvalidError as error:
            raise CommandError("\n".join(f"{one.path}: {one.detail}" for one in error.errors)) from error
        for reason in rendering.reasons:
            self.stderr.write(reason)
        self.stdout.write(json.dumps(rendering.requests, indent=2, ensure_ascii=False))
