from django.db import migrations


class Migration(migrations.Migration):
    """Bodies arrive compressed; PostgreSQL must not try again (measurements.md §1)."""

    dependencies = [("ingest", "0001_initial")]
    operations = [
        migrations.RunSQL(
            "ALTER TABLE inbound_batch ALTER COLUMN body SET STORAGE EXTERNAL",
            "ALTER TABLE inbound_batch ALTER COLUMN body SET STORAGE EXTENDED",
        )
    ]
