from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('destinations', '0002_add_destination_token'),
    ]

    operations = [
        migrations.AddField(
            model_name='destination',
            name='mapping_traits',
            field=models.JSONField(blank=True, default=list),
        ),
        migrations.AddField(
            model_name='mapping',
            name='enrichments',
            field=models.JSONField(blank=True, default=list),
        ),
    ]
