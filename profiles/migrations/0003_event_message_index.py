from django.db import migrations

# To find an event by its messageId in years of events. Bloom filters over ranges of 16 pages cost an append next to
# nothing, where a b-tree of random texts would cost a third of the speed of ingest (design.md §11).
FORWARD = """
CREATE INDEX event_message ON event USING brin
    (message_id text_bloom_ops (n_distinct_per_range = 1000, false_positive_rate = 0.002)) WITH (pages_per_range = 16);
"""
BACKWARD = "DROP INDEX event_message;"


class Migration(migrations.Migration):
    dependencies = [("profiles", "0002_event_table")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
