"""Send any CSV as track calls: `manage.py send_csv orders.csv --event "Order Completed" --user-id-column id …`."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from ingest.csv_calls import CsvColumns, CsvError, SendError, in_batches, read_calls, send_batches


class Command(BaseCommand):
    help = "Send each row of a CSV as a track call to the tracking API. Sending a file again changes nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="a UTF-8 CSV whose first line names the columns")
        parser.add_argument("--event", required=True, help='the event name, e.g. "Order Completed"')
        parser.add_argument("--user-id-column", default="", help="the column with the user id")
        parser.add_argument("--anonymous-id-column", default="", help="the column with the anonymous id")
        parser.add_argument("--timestamp-column", default="", help="the column with an ISO 8601 date or time")
        parser.add_argument("--write-key", required=True, help="the write key of the source that receives the calls")
        parser.add_argument("--url", default=settings.ENGAGE_URL, help="where the product runs (%(default)s)")

    def handle(self, *args: Any, **options: Any) -> None:
        columns = CsvColumns(
            user_id=options["user_id_column"],
            anonymous_id=options["anonymous_id_column"],
            timestamp=options["timestamp_column"],
        )
        file: Path = options["file"]
        try:
            # A first pass, so that a mistake in the last line is told before anything is sent.
            total = sum(1 for _ in read_calls(file, event=options["event"], columns=columns))
            sent = send_batches(
                url=options["url"],
                write_key=options["write_key"],
                batches=in_batches(read_calls(file, event=options["event"], columns=columns)),
                progress=lambda done: self._show(done, total),
            )
        except (CsvError, SendError) as error:
            raise CommandError(str(error)) from error
        self.stderr.write("")
        self.stdout.write(f"Sent {sent:,} calls.")

    def _show(self, done: int, total: int) -> None:
        self.stderr.write(f"\r{done:,} of {total:,} ({100 * done // max(total, 1)} %)", ending="")
        self.stderr.flush()
