from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("delivery", "0004_first_sync_is_resync")]
    operations = [
        migrations.CreateModel(
            name="ListMember",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "space_id",
                        "connection_id",
                        "profile_id",
                        "id_type",
                        "id_value",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("space_id", models.IntegerField()),
                ("connection_id", models.BigIntegerField()),
                ("profile_id", models.BigIntegerField()),
                ("id_type", models.CharField(max_length=60)),
                ("id_value", models.TextField()),
                ("added_at", models.DateTimeField()),
            ],
            options={"db_table": "list_member"},
        ),
        migrations.AddField(
            model_name="connection",
            name="repair_asked_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
    ]
