from django.db import migrations

# Runs are written by COPY: their ids come from a sequence of their own. A position changes several times while it
# lives; the fill factor keeps its versions on one page.
FORWARD = """
CREATE SEQUENCE journey_run_id_seq AS bigint;
ALTER TABLE journey_run ALTER COLUMN id SET DEFAULT nextval('journey_run_id_seq');
ALTER TABLE journey_run ALTER COLUMN key SET DEFAULT '';
ALTER TABLE journey_run ALTER COLUMN end_reason SET DEFAULT '';
ALTER TABLE journey_position ALTER COLUMN branch SET DEFAULT '';
ALTER TABLE journey_position SET (fillfactor = 80);
"""
REVERSE = """
ALTER TABLE journey_run ALTER COLUMN id DROP DEFAULT;
DROP SEQUENCE journey_run_id_seq;
"""


class Migration(migrations.Migration):
    dependencies = [("journeys", "0001_initial")]

    operations = [migrations.RunSQL(FORWARD, REVERSE)]
