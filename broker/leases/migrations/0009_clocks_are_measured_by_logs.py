"""What logs show of the clocks of their devices is kept by source and day, apart from what somebody measured.

A day on which it is too much is answered with CLOCK_SUSPECT until somebody has accepted it. A source has to remember
the records that it has not judged yet, and from when on it is doubted that a running day is one of 24 hours.
Source: attribution.md 2.2.
"""

import datetime
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('leases', '0008_radius_rows_are_held'),
    ]

    operations = [
        migrations.AddField(
            model_name='leasesource',
            name='doubted_from',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='leasesource',
            name='lags',
            field=models.JSONField(db_default={}, default=dict),
        ),
        migrations.AddField(
            model_name='sourceday',
            name='accepted_offset',
            field=models.DurationField(db_default=datetime.timedelta(0), default=datetime.timedelta(0)),
        ),
        migrations.AddField(
            model_name='sourceday',
            name='found_offset',
            field=models.DurationField(db_default=datetime.timedelta(0), default=datetime.timedelta(0)),
        ),
        migrations.AddField(
            model_name='sourceday',
            name='told_at',
            field=models.DateTimeField(null=True),
        ),
    ]
