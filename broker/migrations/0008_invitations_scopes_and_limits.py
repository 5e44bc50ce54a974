"""Accounts come by invitation, sessions are bound to a stamp, API keys end and have scopes, and limits are counted.

`limit_count` is the table of Django's database cache, in the form of `createcachetable`. What is in it is read by
unpickling, so only web may write it. And web opens or raises no account of the operator's own staff.
"""

import broker.parties.models
import django.contrib.postgres.fields
import django.db.models.deletion
import django.utils.timezone
import uuid
from django.conf import settings
from django.db import migrations, models


FORWARD = """
CREATE TABLE limit_count (
    cache_key varchar(255) NOT NULL PRIMARY KEY,
    value text NOT NULL,
    expires timestamp with time zone NOT NULL);
CREATE INDEX limit_count_expires ON limit_count (expires);

-- Two people decide; whoever could open or raise an account from a browser could be both.
CREATE FUNCTION account_reach_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_user = 'broker_web' AND NEW.role IN ('legal', 'engineer') AND (
        TG_OP = 'INSERT' OR (NEW.role = 'legal' AND OLD.role <> 'legal') OR (NEW.is_active AND NOT OLD.is_active))
    THEN
        RAISE EXCEPTION 'accounts of the operator''s own staff are opened and raised on the server only'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER account_reach_guard BEFORE INSERT OR UPDATE ON user_account
    FOR EACH ROW EXECUTE FUNCTION account_reach_guard();
"""
BACK = """
DROP TRIGGER account_reach_guard ON user_account;
DROP FUNCTION account_reach_guard();
DROP TABLE limit_count;
"""

class Migration(migrations.Migration):

    dependencies = [
        ('broker', '0007_orders_can_be_revoked'),
    ]

    operations = [
        migrations.RunSQL(FORWARD, BACK),
        migrations.AddField(
            model_name='apikey',
            name='expires_at',
            field=models.DateTimeField(default=broker.parties.models._key_end),
        ),
        migrations.AddField(
            model_name='apikey',
            name='scopes',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.CharField(choices=[('read', 'Read requests, orders and their checks'), ('file', 'File and withdraw requests, answer questions'), ('upload', 'Attach orders and correct their terms'), ('download', 'Download sealed packages')], max_length=16), default=broker.parties.models._all_scopes, size=None),
        ),
        migrations.AddField(
            model_name='user',
            name='session_stamp',
            field=models.UUIDField(default=uuid.uuid4),
        ),
        migrations.AlterModelOptions(
            name='user',
            options={'verbose_name': 'account'},
        ),
        migrations.CreateModel(
            name='Invitation',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, primary_key=True, serialize=False)),
                ('digest', models.CharField(max_length=64, unique=True)),
                ('made_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('expires_at', models.DateTimeField(default=broker.parties.models._invitation_end)),
                ('used_at', models.DateTimeField(null=True)),
                ('withdrawn_at', models.DateTimeField(null=True)),
                ('made_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='invitations', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'db_table': 'invitation',
                'constraints': [models.UniqueConstraint(condition=models.Q(('used_at', None), ('withdrawn_at', None)), fields=('user',), name='invitation_one_open')],
            },
        ),
    ]
