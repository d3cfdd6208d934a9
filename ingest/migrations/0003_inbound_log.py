from django.db import migrations, models

# Append-only, by day; bodies are compressed already.
FORWARD = """
CREATE TABLE inbound_log (
    id bigint NOT NULL,
    space_id integer NOT NULL,
    source_id bigint NOT NULL,
    received_at timestamptz NOT NULL,
    call text NOT NULL,
    encoding smallint NOT NULL,
    body bytea STORAGE EXTERNAL NOT NULL,
    ip text,
    refused text NOT NULL,
    marks text,
    PRIMARY KEY (space_id, id, received_at)
) PARTITION BY RANGE (received_at);
CREATE TABLE inbound_log_default PARTITION OF inbound_log DEFAULT;
CREATE INDEX inbound_log_marked ON inbound_log (space_id, id) WHERE marks IS NOT NULL;
CREATE INDEX identity_issue_message ON identity_issue (space_id, message_id);
"""
BACKWARD = "DROP INDEX identity_issue_message; DROP TABLE inbound_log;"


class Migration(migrations.Migration):
    dependencies = [("ingest", "0002_inbound_storage")]
    operations = [
        migrations.RunSQL(FORWARD, BACKWARD),
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.CreateModel(
                    name="InboundLog",
                    fields=[
                        (
                            "pk",
                            models.CompositePrimaryKey(
                                "space_id",
                                "id",
                                "received_at",
                                blank=True,
                                editable=False,
                                primary_key=True,
                                serialize=False,
                            ),
                        ),
                        ("id", models.BigIntegerField()),
                        ("space_id", models.IntegerField()),
                        ("source_id", models.BigIntegerField()),
                        ("received_at", models.DateTimeField()),
                        ("call", models.CharField(max_length=10)),
                        (
                            "encoding",
                            models.SmallIntegerField(choices=[(0, "plain"), (1, "gzip"), (2, "zstd")]),
                        ),
                        ("body", models.BinaryField()),
                        ("ip", models.TextField(null=True)),
                        ("refused", models.CharField(default="", max_length=20)),
                        ("marks", models.TextField(null=True)),
                    ],
                    options={"db_table": "inbound_log", "managed": False},
                ),
            ]
        ),
    ]
