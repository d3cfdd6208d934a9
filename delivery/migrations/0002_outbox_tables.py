from django.db import migrations

# `delivery` is hot and small: only what is still to be done. `delivery_due` serves the claim (what is due at a
# destination), the primary key the order within a profile. A claim changes no indexed column and, by the fill factor,
# stays on its page. The log and the attempts are append-only, by day.
FORWARD = """
CREATE SEQUENCE delivery_id_seq AS bigint CACHE 1;
CREATE TABLE delivery (
    space_id integer NOT NULL,
    id bigint NOT NULL DEFAULT nextval('delivery_id_seq'),
    destination_id bigint NOT NULL,
    connection_id bigint NOT NULL,
    profile_id bigint NOT NULL,
    message_id text NOT NULL,
    kind text NOT NULL,
    payload text NOT NULL,
    created_at timestamptz NOT NULL,
    next_attempt_at timestamptz NOT NULL,
    lease_until timestamptz,
    attempts smallint NOT NULL DEFAULT 0,
    first_attempt_at timestamptz,
    done text,
    last_error text,
    PRIMARY KEY (space_id, profile_id, id)
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000);
CREATE INDEX delivery_due ON delivery (destination_id, next_attempt_at, id);
ALTER TABLE list_change ALTER COLUMN id SET DEFAULT nextval('delivery_id_seq');

CREATE TABLE delivery_log (
    space_id integer NOT NULL,
    id bigint NOT NULL,
    destination_id bigint NOT NULL,
    connection_id bigint NOT NULL,
    profile_id bigint NOT NULL,
    message_id text NOT NULL,
    kind text NOT NULL,
    payload text NOT NULL,
    created_at timestamptz NOT NULL,
    finished_at timestamptz NOT NULL,
    attempts smallint NOT NULL,
    outcome text NOT NULL,
    reason text,
    detail text,
    status smallint,
    duration_ms integer,
    exchange text,
    entry text,
    PRIMARY KEY (space_id, profile_id, id, finished_at)
) PARTITION BY RANGE (finished_at);
CREATE INDEX delivery_log_recent ON delivery_log (connection_id, id);
CREATE INDEX delivery_log_message ON delivery_log (message_id);
CREATE INDEX delivery_log_failed ON delivery_log (space_id, id) WHERE outcome = 'failed';
CREATE TABLE delivery_log_default PARTITION OF delivery_log DEFAULT;

CREATE TABLE attempt (
    space_id integer NOT NULL,
    delivery_id bigint NOT NULL,
    number smallint NOT NULL,
    at timestamptz NOT NULL,
    status smallint,
    reason text NOT NULL,
    detail text NOT NULL,
    duration_ms integer,
    exchange text,
    PRIMARY KEY (space_id, delivery_id, number, at)
) PARTITION BY RANGE (at);
CREATE TABLE attempt_default PARTITION OF attempt DEFAULT;
"""
BACKWARD = "ALTER TABLE list_change ALTER COLUMN id DROP DEFAULT; DROP TABLE attempt; DROP TABLE delivery_log; DROP TABLE delivery; DROP SEQUENCE delivery_id_seq;"


class Migration(migrations.Migration):
    dependencies = [("delivery", "0001_initial")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
