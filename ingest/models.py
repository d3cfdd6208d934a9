"""The inbound log, the dedupe keys, what was rejected, and the counts that must add up."""

from __future__ import annotations

from django.db import models


class InboundBatch(models.Model):
    """One request as it was received, committed before its 200. Deleted in the transaction that processed it."""

    class Encoding(models.IntegerChoices):
        PLAIN = 0, "plain"
        GZIP = 1, "gzip"
        ZSTD = 2, "zstd"

    id = models.BigAutoField(primary_key=True)
    space_id = models.IntegerField()
    source_id = models.BigIntegerField()
    received_at = models.DateTimeField()
    # "batch", or the type that the path names: "track", "identify", …
    call = models.CharField(max_length=10)
    encoding = models.SmallIntegerField(choices=Encoding.choices)
    body = models.BinaryField()
    ip = models.TextField(null=True)
    # A reason code when the request was refused on arrival ("source_disabled"), else "".
    refused = models.CharField(max_length=20, default="")

    class Meta:
        db_table = "inbound_batch"


class InboundLog(models.Model):
    """A processed request as it was received: what the debugger shows. Partitioned by day of `received_at`.

    `marks` is JSON, [[place, code, detail, given id]], of the messages that were not simply stored
    (`ingest.inbound.Mark`). Dropped after ENGAGE_DEBUGGER_RETENTION_DAYS.
    """

    pk = models.CompositePrimaryKey("space_id", "id", "received_at")
    id = models.BigIntegerField()
    space_id = models.IntegerField()
    source_id = models.BigIntegerField()
    received_at = models.DateTimeField()
    call = models.CharField(max_length=10)
    encoding = models.SmallIntegerField(choices=InboundBatch.Encoding.choices)
    body = models.BinaryField()
    ip = models.TextField(null=True)
    refused = models.CharField(max_length=20, default="")
    marks = models.TextField(null=True)

    class Meta:
        db_table = "inbound_log"
        managed = False


class MessageKey(models.Model):
    """A messageId seen in a space; `key` is the first 128 bits of its SHA-256. Removed after ENGAGE_DEDUPE_DAYS."""

    pk = models.CompositePrimaryKey("space_id", "key")
    space_id = models.IntegerField()
    key = models.UUIDField()
    received_at = models.DateTimeField()

    class Meta:
        db_table = "message_key"


class RejectedMessage(models.Model):
    """A message that was not stored, and why (codes of delivery-and-observability.md §2.3)."""

    id = models.BigAutoField(primary_key=True)
    space_id = models.IntegerField()
    source_id = models.BigIntegerField()
    received_at = models.DateTimeField()
    code = models.CharField(max_length=60)
    detail = models.TextField()
    message_id = models.TextField(null=True)
    # The message as text, cut at 32 KB.
    message = models.TextField()

    class Meta:
        db_table = "rejected_message"
        indexes = [models.Index(fields=["space_id", "source_id", "-id"], name="rejected_by_source")]


class SourceCounter(models.Model):
    """Counts of a source per hour. `received = stored + duplicate + rejected`, in every row.

    `stored` counts messages that were taken in, whatever their type.
    """

    pk = models.CompositePrimaryKey("space_id", "source_id", "hour")
    space_id = models.IntegerField()
    source_id = models.BigIntegerField()
    hour = models.DateTimeField()
    received = models.BigIntegerField(default=0)
    stored = models.BigIntegerField(default=0)
    duplicate = models.BigIntegerField(default=0)
    rejected = models.BigIntegerField(default=0)

    class Meta:
        db_table = "source_counter"
        constraints = [
            models.CheckConstraint(
                condition=models.Q(
                    received=models.F("stored") + models.F("duplicate") + models.F("rejected"),
                ),
                name="source_counter_adds_up",
            )
        ]


class UnknownWriteKey(models.Model):
    """Requests that named a write key which no source has. Only a prefix of the key is kept."""

    prefix = models.CharField(max_length=8, primary_key=True)
    requests = models.BigIntegerField(default=0)
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()

    class Meta:
        db_table = "unknown_write_key"


class IdentityIssue(models.Model):
    """An identifier or message that identity resolution refused (Insights, ingestion-and-profiles.md §4.4)."""

    id = models.BigAutoField(primary_key=True)
    space_id = models.IntegerField()
    at = models.DateTimeField()
    violation = models.CharField(max_length=60)
    id_type = models.CharField(max_length=60, blank=True)
    value = models.TextField(blank=True)
    message_id = models.TextField(null=True)

    class Meta:
        db_table = "identity_issue"
        indexes = [models.Index(fields=["space_id", "-id"], name="identity_issue_by_space")]
