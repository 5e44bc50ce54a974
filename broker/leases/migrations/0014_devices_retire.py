"""A source remembers which devices of its logs are said to be gone, so that what the others deliver waits for none of them.

Each is kept with its last record and the time of its going: between the two nothing is vouched for.
"""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('leases', '0013_clocks_and_rhythms_are_of_the_source'),
    ]

    operations = [
        migrations.AddField(
            model_name='leasesource',
            name='retired',
            field=models.JSONField(db_default=[], default=list),
        ),
    ]
