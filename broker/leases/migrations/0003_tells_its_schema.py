"""Every role that may connect may ask for the state of the schema."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION broker_schema() RETURNS SETOF text LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = public, pg_temp
    AS $$ SELECT app || '.' || name FROM django_migrations WHERE app = 'leases' $$;
"""


class Migration(migrations.Migration):
    dependencies = [("leases", "0002_leases_are_append_only")]
    operations = [migrations.RunSQL(FORWARD, "DROP FUNCTION broker_schema();")]
