"""Amazon S3 / CSV file: audiences as files in a bucket."""

from __future__ import annotations

from destinations.connectors.amazon_s3 import storage
from destinations.connectors.amazon_s3.upload import perform_batch
from destinations.kit.definition import DestinationDefinition
from destinations.kit.tables import read_table

table = read_table(__name__)
definition = DestinationDefinition(
    slug="amazon_s3",
    name="Amazon S3 / CSV file",
    kind="list",
    description="Put CSV files of who entered and who left an audience into a bucket, for any tool that reads files.",
    aliases=("aws-s3",),
    supported=("identify", "track"),
    settings=table.settings,
    operator_settings=table.operator_settings,
    audience_settings=table.audience_settings,
    auth=storage.SIGN_IN,
    actions=(table.action("syncAudienceToCSV", perform_batch=perform_batch),),
    presets=table.presets,
    test_connection=storage.test_connection,
    # S3 takes thousands of writes a second; a file holds thousands of people.
    requests_per_second=100,
    list_interval_minutes=60,
    batch_size=25_000,
    identifiers="None. Each row carries the identifiers that the call was made for.",
)
