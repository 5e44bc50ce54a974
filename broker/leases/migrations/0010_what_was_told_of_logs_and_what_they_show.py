"""A log keeps the options it is read with, and a source tells the silence that proves something from the other.

What is covered already is neither: nobody said of what kind it is, so its silence proves nothing from now on.
"""

import datetime

from django.db import migrations, models

import broker.leases.models


class Migration(migrations.Migration):
    # 0009 is made beside this one; whoever joins them lets this one follow it.
    dependencies = [("leases", "0008_radius_rows_are_held")]
    operations = [
        migrations.AddField(
            model_name="logprogress",
            name="told",
            field=models.JSONField(null=True),
        ),
        migrations.AddField(
            model_name="leasesource",
            name="stated",
            field=broker.leases.models.SpansField(default="{}", db_default="{}"),
        ),
        migrations.AddField(
            model_name="leasesource",
            name="logged",
            field=broker.leases.models.SpansField(default="{}", db_default="{}"),
        ),
        migrations.AddField(
            model_name="leasesource",
            name="shows_within",
            field=models.DurationField(default=datetime.timedelta(days=30), db_default=datetime.timedelta(days=30)),
        ),
    ]
