"""Send the CDNOW orders with the official Segment SDK: `python tools/send_cdnow.py orders.csv --write-key KEY`.

The file has the columns customer_id, date, quantity, revenue. The messageId of a row is made of its number and
content, so that sending it again changes nothing.
"""

from __future__ import annotations

import argparse
import csv
import sys
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from segment.analytics.client import Client


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--write-key", required=True)
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--gzip", action="store_true", help="compress the batches, as a busy client would")
    options = parser.parse_args()
    failures: list[str] = []
    client = Client(
        options.write_key,
        host=options.url.rstrip("/"),
        gzip=options.gzip,
        max_queue_size=100_000,
        upload_size=500,
        on_error=lambda error, batch: failures.append(f"{len(batch)} calls: {error}"),
    )
    sent = 0
    with options.file.open(encoding="utf-8", newline="") as file:
        for number, row in enumerate(csv.DictReader(file), start=1):
            text = f"{number},{row['customer_id']},{row['date']},{row['quantity']},{row['revenue']}"
            client.track(
                row["customer_id"],
                "Order Completed",
                {"revenue": float(row["revenue"]), "quantity": int(row["quantity"])},
                timestamp=datetime.fromisoformat(row["date"]).replace(tzinfo=UTC),
                message_id="cdnow-" + sha256(text.encode()).hexdigest()[:32],
            )
            sent += 1
    client.shutdown()
    for failure in failures:
        print(f"not sent: {failure}", file=sys.stderr)
    print(f"Sent {sent:,} orders.")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
