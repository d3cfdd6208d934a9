import common.ids
import django.db.models.deletion
from django.db import migrations, models

FORWARD = """
ALTER TABLE delivery ADD COLUMN event text;
ALTER TABLE delivery_log ADD COLUMN event text, ADD COLUMN mappings text;
CREATE INDEX delivery_log_discarded ON delivery_log (connection_id, outcome, reason, id) WHERE outcome <> 'delivered';
ALTER TABLE delivery_tally SET (fillfactor = 70);
ALTER TABLE delivery_latency SET (fillfactor = 70);
"""
BACKWARD = """
DROP INDEX delivery_log_discarded;
ALTER TABLE delivery_log DROP COLUMN event, DROP COLUMN mappings;
ALTER TABLE delivery DROP COLUMN event;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('delivery', '0005_list_member'),
    ]

    operations = [
        migrations.CreateModel(
            name='DeliveryLatency',
            fields=[
                ('pk', models.CompositePrimaryKey('space_id', 'destination_id', 'span', 'bucket', 'connection_id', 'step', blank=True, editable=False, primary_key=True, serialize=False)),
                ('space_id', models.IntegerField()),
                ('destination_id', models.BigIntegerField()),
                ('span', models.SmallIntegerField()),
                ('bucket', models.DateTimeField()),
                ('connection_id', models.BigIntegerField()),
                ('step', models.SmallIntegerField()),
                ('calls', models.BigIntegerField(default=0)),
            ],
            options={
                'db_table': 'delivery_latency',
            },
        ),
        migrations.CreateModel(
            name='DeliveryTally',
            fields=[
                ('pk', models.CompositePrimaryKey('space_id', 'destination_id', 'span', 'bucket', 'connection_id', 'outcome', 'mapping', 'reason', 'kind', 'event', blank=True, editable=False, primary_key=True, serialize=False)),
                ('space_id', models.IntegerField()),
                ('destination_id', models.BigIntegerField()),
                ('span', models.SmallIntegerField()),
                ('bucket', models.DateTimeField()),
                ('connection_id', models.BigIntegerField()),
                ('outcome', models.CharField(max_length=12)),
                ('mapping', models.CharField(default='', max_length=20)),
                ('reason', models.TextField(default='')),
                ('kind', models.CharField(default='', max_length=10)),
                ('event', models.TextField(default='')),
                ('calls', models.BigIntegerField(default=0)),
                ('first_id', models.BigIntegerField(null=True)),
                ('last_id', models.BigIntegerField(null=True)),
            ],
            options={
                'db_table': 'delivery_tally',
            },
        ),
        migrations.CreateModel(
            name='EngageSource',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.CharField(default=common.ids.new_short_id, editable=False, max_length=20, unique=True)),
                ('number', models.PositiveSmallIntegerField()),
                ('created_at', models.DateTimeField()),
                ('space', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='spaces.space')),
            ],
            options={
                'ordering': ['number'],
                'constraints': [models.UniqueConstraint(fields=('space', 'number'), name='engage_source_number')],
            },
        ),
        migrations.CreateModel(
            name='EngageSourceMember',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('connector', models.CharField(max_length=60)),
                ('attached_at', models.DateTimeField()),
                ('detached_at', models.DateTimeField(blank=True, null=True)),
                ('destination', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='engage_member', to='destinations.destination')),
                ('source', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='members', to='delivery.engagesource')),
            ],
            options={
                'constraints': [models.UniqueConstraint(condition=models.Q(('detached_at', None)), fields=('source', 'connector'), name='engage_source_one_instance')],
            },
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
