"""Why a court took its order back is said once and stays; whoever sees the order sees it."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


FORWARD = """
CREATE TRIGGER order_revocation_is_final BEFORE UPDATE OR DELETE ON order_revocation
    FOR EACH ROW EXECUTE FUNCTION refuse_rewrite();
ALTER TABLE order_revocation ENABLE ROW LEVEL SECURITY;
CREATE POLICY order_revocation_belongs ON order_revocation
    USING (EXISTS (SELECT 1 FROM court_order seen WHERE seen.id = order_revocation.order_id))
    WITH CHECK (EXISTS (SELECT 1 FROM court_order seen WHERE seen.id = order_revocation.order_id));
"""
BACK = """
DROP POLICY order_revocation_belongs ON order_revocation;
ALTER TABLE order_revocation DISABLE ROW LEVEL SECURITY;
DROP TRIGGER order_revocation_is_final ON order_revocation;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('broker', '0006_rows_belong_to_somebody'),
    ]

    operations = [
        migrations.CreateModel(
            name='OrderRevocation',
            fields=[
                ('order', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='revocation', serialize=False, to='broker.courtorder')),
                ('reason', models.CharField(max_length=1000)),
                ('event', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='broker.event')),
                ('revoked_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'db_table': 'order_revocation',
            },
        ),
        migrations.RunSQL(FORWARD, BACK),
    ]
