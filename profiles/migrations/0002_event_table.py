from django.db import migrations

# Partitioned by month of receipt. The default partition takes what no month covers, so that nothing is ever refused;
# `profiles.services.partitions` makes the months ahead and drops those past retention.
FORWARD = """
CREATE SEQUENCE profile_id_seq AS bigint CACHE 100;
CREATE SEQUENCE event_id_seq AS bigint CACHE 1000;
CREATE TABLE event (
    space_id integer NOT NULL,
    id bigint NOT NULL DEFAULT nextval('event_id_seq'),
    profile_id bigint NOT NULL,
    type smallint NOT NULL,
    name text NOT NULL,
    ts timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    source_id bigint NOT NULL,
    message_id text NOT NULL,
    user_id text,
    anonymous_id text,
    properties jsonb NOT NULL,
    context text,
    PRIMARY KEY (space_id, profile_id, type, name, ts, id, received_at)
) PARTITION BY RANGE (received_at);
CREATE INDEX event_by_name ON event (space_id, type, name, ts) INCLUDE (profile_id);
CREATE TABLE event_default PARTITION OF event DEFAULT;
"""
BACKWARD = "DROP TABLE event; DROP SEQUENCE event_id_seq; DROP SEQUENCE profile_id_seq;"


class Migration(migrations.Migration):
    dependencies = [("profiles", "0001_initial")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
