from django.db import migrations


class Migration(migrations.Migration):
    """Bodies arrive compressed; PostgreSQL must not try again (measurements.md §1)."""

    dependencies = [("ingest", "0001_initial")]
    operations = [
        migrations.RunSQL(
            "ALTER TABLE inbound_batch ALTER COLUMN body SET STORAGE EXTERNAL",
            "ALTER TABLE inbound_batch ALTER COLUMN body SET STORAGE EXTENDED",
        ),
        # A queue: rows come and go all the time.
        migrations.RunSQL(
            "ALTER TABLE inbound_batch SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000)",
            "ALTER TABLE inbound_batch RESET (autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold)",
        ),
    ]
