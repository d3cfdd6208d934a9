"""`manage.py startconnector acme`: a folder with a connector that works, to be changed into the wanted one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from destinations import catalog, connectors

TEMPLATES = Path(__file__).resolve().parent.parent / "connector_template"
SUFFIX = "-tpl"
_SLUG = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*\Z")


class Command(BaseCommand):
    help = "Makes the folder of a new connector, with fields, tests, icon and README. See docs/connectors.md."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", help="snake case, such as acme or acme_lists")
        parser.add_argument("--name", default="", help='what people call it, such as "Acme Lists"')
        parser.add_argument("--kind", choices=["event", "list"], default="event")
        parser.add_argument("--into", type=Path, default=Path(next(iter(connectors.__path__))), help="parent folder")

    def handle(self, *, slug: str, name: str, kind: str, into: Path, **_options: Any) -> None:
        if not _SLUG.match(slug) or len(slug) > 60:
            raise CommandError("The slug has to be snake case: small letters, digits and single underscores.")
        folder = into / slug
        if catalog.named(slug) is not None or folder.exists():
            raise CommandError(f"There is a connector {slug!r} already.")
        name = name.strip() or slug.replace("_", " ").title()
        template = TEMPLATES / kind
        for source in sorted(template.rglob(f"*{SUFFIX}")):
            target = folder / str(source.relative_to(template)).removesuffix(SUFFIX)
            target.parent.mkdir(parents=True, exist_ok=True)
            text = source.read_text(encoding="utf-8")
            text = text.replace("connectors.acme", f"connectors.{slug}").replace('slug="acme"', f'slug="{slug}"')
            target.write_text(text.replace("Acme", name), encoding="utf-8")
        self.stdout.write(f"{folder} was made. Next: docs/connectors.md, then pytest {folder}")
