from django.db import migrations, models

# A space that the statistics do not know yet looks empty to the planner, and two indexes that begin with the space look
# the same to it. For each of thousands of profiles it then read everybody's rows. A statement gets the index by name
# only when it says `profile_id > 0`, and the identifiers of a profile are found without naming the space first.
FORWARD = """
DROP INDEX event_by_name;
CREATE INDEX event_by_name ON event (space_id, type, name, ts) INCLUDE (profile_id) WHERE profile_id > 0;
"""
BACKWARD = """
DROP INDEX event_by_name;
CREATE INDEX event_by_name ON event (space_id, type, name, ts) INCLUDE (profile_id);
"""


class Migration(migrations.Migration):
    dependencies = [("profiles", "0003_event_message_index")]
    operations = [
        migrations.RunSQL(FORWARD, BACKWARD),
        migrations.RemoveIndex("externalid", "external_id_profile"),
        migrations.AddIndex("externalid", models.Index(fields=["profile_id", "space_id"], name="external_id_profile")),
    ]
