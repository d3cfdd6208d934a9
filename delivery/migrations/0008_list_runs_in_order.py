from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("delivery", "0007_replay_runs")]
    operations = [
        migrations.AddField(
            model_name="listsync",
            name="up_to_id",
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="listsync",
            name="taken_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.RemoveField(model_name="listsync", name="lease_until"),
        migrations.RemoveIndex(model_name="listchange", name="list_change_open"),
        migrations.RemoveField(model_name="listchange", name="run_id"),
        migrations.AddIndex(
            model_name="listchange",
            index=models.Index(fields=["connection_id", "id"], name="list_change_in_order"),
        ),
    ]
