"""One batch, one file."""

from __future__ import annotations

from destinations.connectors.amazon_s3 import csv_file, storage
from destinations.kit.batches import Results
from destinations.kit.definition import Context, Conversation, Item
from destinations.kit.errors import DeliveryError, IntegrationError, InvalidAuthenticationError
from destinations.kit.http import HttpError

DELIMITERS = {"tab": "\t"}


def perform_batch(context: Context, items: list[Item]) -> Conversation:
    """`PUT` a CSV file with a row for each item into the folder of the audience."""
    results = Results(items)
    results.need_membership()
    rows = results.open
    if not rows:
        return results.done()
    if context.now is None:
        raise IntegrationError("A file cannot be named without a time.", code="NO_TIME")
    told = str(context.audience_settings.get("delimiter") or ",")
    body = csv_file.written(rows, DELIMITERS.get(told, told))
    folder = str(context.audience_settings.get("s3_aws_folder_name") or "").strip("/")
    prefix = str(context.audience_settings.get("filename") or "").strip("/")
    name = csv_file.name_of(prefix, context.computation_key, context.now, body)
    try:
        yield storage.put(context, f"{folder}/{name}" if folder else name, body, csv_file.CONTENT_TYPE)
    except HttpError as error:
        refusal: DeliveryError = storage.refusal(error)
        if isinstance(refusal, InvalidAuthenticationError):
            raise refusal from error
        results.refuse(rows, error, refusal.message)
    return results.done()
