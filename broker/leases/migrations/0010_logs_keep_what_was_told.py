"""A log keeps the options it is read with: its records mean something else with others."""

from django.db import migrations, models


class Migration(migrations.Migration):
    # 0009 is made beside this one; whoever joins them lets this one follow it.
    dependencies = [("leases", "0008_radius_rows_are_held")]
    operations = [
        migrations.AddField(
            model_name="logprogress",
            name="told",
            field=models.JSONField(null=True),
        ),
    ]
