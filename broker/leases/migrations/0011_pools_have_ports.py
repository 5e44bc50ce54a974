"""The address plan may say which ports of a shared address anybody is given; rows without a pool say nothing of it.

A port outside the pool is answered as out of range: that a log has nobody there proves nothing about anybody.
"""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('leases', '0010_what_was_told_of_logs_and_what_they_show'),
    ]

    operations = [
        migrations.AddField(
            model_name='addressplan',
            name='port_from',
            field=models.PositiveIntegerField(null=True),
        ),
        migrations.AddField(
            model_name='addressplan',
            name='port_to',
            field=models.PositiveIntegerField(null=True),
        ),
        migrations.AddConstraint(
            model_name='addressplan',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('port_from', None), ('port_to', None)), models.Q(('port_from__isnull', False), ('port_to__isnull', False), ('port_from__lte', models.F('port_to')), ('port_to__lte', 65535), models.Q(('sharing__in', ('dedicated', 'static', 'deterministic', 'map')), _negated=True)), _connector='OR'), name='plan_ports_of_a_pool'),
        ),
    ]
