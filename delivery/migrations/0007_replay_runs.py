import common.ids
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

# Dead letters are what failed for good and what was skipped while a destination was off. With the columns that the page
# groups by, so that it reads the index alone.
FORWARD = """
CREATE INDEX delivery_log_dead ON delivery_log (space_id, id) INCLUDE (connection_id, reason, finished_at)
    WHERE (outcome = 'failed' OR reason = 'DESTINATION_DISABLED');
DROP INDEX delivery_log_failed;
"""
BACKWARD = """
CREATE INDEX delivery_log_failed ON delivery_log (space_id, id) WHERE outcome = 'failed';
DROP INDEX delivery_log_dead;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('delivery', '0006_engage_sources_and_tallies'),
        ('spaces', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='ReplayRun',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.CharField(default=common.ids.new_short_id, editable=False, max_length=20, unique=True)),
                ('state', models.CharField(choices=[('running', 'Running'), ('paused', 'Paused'), ('done', 'Done'), ('cancelled', 'Canceled')], default='running', max_length=12)),
                ('selection', models.JSONField(default=dict)),
                ('words', models.TextField()),
                ('rate', models.PositiveIntegerField()),
                ('total', models.BigIntegerField()),
                ('handed_over', models.BigIntegerField(default=0)),
                ('delivered', models.BigIntegerField(default=0)),
                ('failed', models.BigIntegerField(default=0)),
                ('other', models.BigIntegerField(default=0)),
                ('next_id', models.BigIntegerField(default=0)),
                ('last_id', models.BigIntegerField()),
                ('is_handed_over', models.BooleanField(default=False)),
                ('released_until', models.DateTimeField(blank=True, null=True)),
                ('created_at', models.DateTimeField()),
                ('finished_at', models.DateTimeField(blank=True, null=True)),
                ('created_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('space', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='spaces.space')),
            ],
            options={
                'indexes': [models.Index(fields=['space', '-id'], name='replay_run_by_space')],
            },
        ),
        migrations.CreateModel(
            name='ReplayItem',
            fields=[
                ('pk', models.CompositePrimaryKey('space_id', 'run_id', 'delivery_id', blank=True, editable=False, primary_key=True, serialize=False)),
                ('space_id', models.IntegerField()),
                ('run_id', models.BigIntegerField()),
                ('delivery_id', models.BigIntegerField()),
                ('message_id', models.TextField()),
                ('handed_over_at', models.DateTimeField()),
                ('outcome', models.CharField(max_length=12, null=True)),
                ('reason', models.TextField(null=True)),
            ],
            options={
                'db_table': 'replay_item',
                'indexes': [models.Index(fields=['space_id', 'delivery_id'], name='replay_item_by_call'), models.Index(condition=models.Q(('outcome', None)), fields=['run_id', 'delivery_id'], name='replay_item_open')],
            },
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
