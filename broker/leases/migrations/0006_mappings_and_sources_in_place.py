"""Rules by which addresses are shared get a history, and a source may be a database of the operator asked in place.

A rule needs no log, so its rows are evidence of their own: one for each configuration and the time it was in force. The
feeder may give such a row its end and confirm it, and change nothing else; `broker/grants.py` says so.
Source: attribution.md 3.1 and 3.7.
"""

import broker.leases.models
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('leases', '0005_lapsed_holds_go'),
    ]

    operations = [
        migrations.CreateModel(
            name='MappingEpoch',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=64)),
                ('kind', models.CharField(choices=[('deterministic-nat', 'Deterministic NAT (RFC 7422)'), ('map', 'MAP-E or MAP-T (RFC 7597, RFC 7599)')], max_length=32)),
                ('realm', models.CharField(blank=True, max_length=64)),
                ('configuration', models.JSONField()),
                ('outside', broker.leases.models.CidrsField()),
                ('from_at', models.DateTimeField()),
                ('to_at', models.DateTimeField(null=True)),
                ('stated_at', models.DateTimeField()),
            ],
            options={
                'db_table': 'mapping_epoch',
            },
        ),
        migrations.AddField(
            model_name='leasesource',
            name='in_place',
            field=models.CharField(blank=True, choices=[('radacct', 'FreeRADIUS accounting')], db_default='', default='', max_length=16),
        ),
        migrations.AddConstraint(
            model_name='leasesource',
            constraint=models.CheckConstraint(condition=models.Q(('in_place__in', ('', 'radacct'))), name='lease_source_in_place_known'),
        ),
        migrations.AddConstraint(
            model_name='leasesource',
            constraint=models.UniqueConstraint(condition=models.Q(('in_place', ''), _negated=True), fields=('in_place',), name='lease_source_in_place_once'),
        ),
        migrations.AddConstraint(
            model_name='mappingepoch',
            constraint=models.UniqueConstraint(fields=('name', 'from_at'), name='mapping_begins_once'),
        ),
        migrations.AddConstraint(
            model_name='mappingepoch',
            constraint=models.CheckConstraint(condition=models.Q(('name__regex', '^[A-Za-z0-9._-]{1,64}$')), name='mapping_name'),
        ),
        migrations.AddConstraint(
            model_name='mappingepoch',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ('deterministic-nat', 'map'))), name='mapping_kind_known'),
        ),
        migrations.AddConstraint(
            model_name='mappingepoch',
            constraint=models.CheckConstraint(condition=models.Q(('to_at__isnull', True), ('to_at__gt', models.F('from_at')), _connector='OR'), name='mapping_ends_after_it_begins'),
        ),
        migrations.AddConstraint(
            model_name='mappingepoch',
            constraint=models.CheckConstraint(condition=models.Q(('stated_at__gte', models.F('from_at'))), name='mapping_stated_once_in_force'),
        ),
    ]
