"""That nobody is among the rows of a hold proves only what the sources showed when those were copied.

What they are said to show may grow with what comes later, which is not kept. NULL: a hold of before, which proves nobody
away.
"""

import broker.leases.models
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("leases", "0011_pools_have_ports")]
    operations = [
        migrations.AddField(
            model_name='hold',
            name='shown',
            field=broker.leases.models.SpansField(null=True),
        ),
    ]
