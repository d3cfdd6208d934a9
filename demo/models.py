"""What the echo receiver was sent. Exists in every installation, is used only with ENGAGE_DEMO=1."""

from __future__ import annotations

from django.db import models


class EchoRequest(models.Model):
    """One request that reached `/echo/<name>`, and the status it was answered with.

    `message_id` is that of a JSON object in the body; null when the body has none.
    """

    id = models.BigAutoField(primary_key=True)
    name = models.CharField(max_length=60)
    received_at = models.DateTimeField()
    method = models.CharField(max_length=10)
    query = models.TextField()
    headers = models.JSONField()
    body = models.TextField()
    status = models.SmallIntegerField()
    message_id = models.TextField(null=True)

    class Meta:
        db_table = "echo_request"
        indexes = [
            models.Index(fields=["name", "-id"], name="echo_request_recent"),
            models.Index(fields=["name", "message_id"], name="echo_request_message"),
        ]
