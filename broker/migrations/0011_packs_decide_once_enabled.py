"""Rules that nobody of their place has signed decide nothing: no approval, no release.

1. A row of `pack_release` says who signed which meaning of a pack, and who enabled it; it is only ever withdrawn. Web
   adds rows for the person who asks and none "for trial": those are the owner's, who makes them in the embedded default.
2. An approval, and a release, need every pack their lines rest on to stand: that of the newest assessment, and those
   that the approvals of the newest round name. The standing rows are locked, so that a withdrawal waits for approvals
   being made, and approvals made after it find nothing standing.
3. Packs stored before have the meaning that their assessments name; one without any assessment has none.
"""

import django.db.models.deletion
import django.utils.timezone
import uuid
from django.conf import settings
from django.db import migrations, models

# As in 0006.
ROLE = "(SELECT current_setting('broker.role', true))"
USER = "(SELECT nullif(current_setting('broker.user', true), '')::uuid)"
FORWARD = """
ALTER TABLE pack_version DISABLE TRIGGER USER;
UPDATE pack_version v SET meaning_hash = coalesce((
    SELECT r.content::jsonb -> 'replay' ->> 'meaning_hash' FROM assessment_record r
     WHERE r.pack_version_id = v.text_hash LIMIT 1), '');
ALTER TABLE pack_version ENABLE TRIGGER USER;

CREATE FUNCTION pack_release_guard() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    person uuid;
    named uuid;
    tag text;
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'who enabled a pack stays on record' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF TG_OP = 'INSERT' THEN
        IF NEW.withdrawn_at IS NOT NULL THEN
            RAISE EXCEPTION 'a pack is enabled first and withdrawn later'
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        IF NEW.signed_on > (now() AT TIME ZONE 'UTC')::date THEN
            RAISE EXCEPTION 'nobody signs in the future' USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        IF NEW.for_trial AND current_user = 'broker_web' THEN
            RAISE EXCEPTION 'packs are enabled for trial by the embedded default only'
                USING ERRCODE = 'insufficient_privilege';
        END IF;
        NEW.enabled_at := now();
        person := NEW.enabled_by_id; named := NEW.event_id; tag := 'pack:enabled';
    ELSE
        IF OLD.withdrawn_at IS NOT NULL OR NEW.withdrawn_at IS NULL OR
           (NEW.id, NEW.pack, NEW.meaning_hash, NEW.text_hash, NEW.content, NEW.signed_by, NEW.signed_as, NEW.signed_on,
            NEW.for_trial, NEW.enabled_by_id, NEW.enabled_at, NEW.event_id)
           IS DISTINCT FROM
           (OLD.id, OLD.pack, OLD.meaning_hash, OLD.text_hash, OLD.content, OLD.signed_by, OLD.signed_as, OLD.signed_on,
            OLD.for_trial, OLD.enabled_by_id, OLD.enabled_at, OLD.event_id) THEN
            RAISE EXCEPTION 'an enabled pack is only ever withdrawn, once'
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        NEW.withdrawn_at := now();
        person := NEW.withdrawn_by_id; named := NEW.withdrawn_event_id; tag := 'pack:withdrawn';
    END IF;
    IF NOT (TG_OP = 'INSERT' AND NEW.for_trial) AND NOT EXISTS (
            SELECT 1 FROM user_account WHERE id = person AND role = 'legal' AND is_active) THEN
        RAISE EXCEPTION 'packs are enabled and withdrawn by active legal staff'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF NOT EXISTS (SELECT 1 FROM event WHERE id = named AND kind = tag AND subject_id = NEW.id
                      AND xid = pg_current_xact_id()::text::bigint) THEN
        RAISE EXCEPTION 'enabling and withdrawing a pack needs its event in the same transaction'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER pack_release_guard BEFORE INSERT OR UPDATE OR DELETE ON pack_release
    FOR EACH ROW EXECUTE FUNCTION pack_release_guard();

ALTER TABLE pack_release ENABLE ROW LEVEL SECURITY;
-- The law and who reviewed it are no secret; everybody whose request is assessed is told.
CREATE POLICY pack_release_is_public ON pack_release FOR SELECT USING (true);
CREATE POLICY pack_release_is_added ON pack_release FOR INSERT WITH CHECK ({ROLE} = 'legal' AND enabled_by_id = {USER});
CREATE POLICY pack_release_is_withdrawn ON pack_release FOR UPDATE USING ({ROLE} = 'legal')
    WITH CHECK ({ROLE} = 'legal' AND withdrawn_by_id = {USER});

CREATE FUNCTION require_standing_packs(p_lines uuid[]) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp SET enable_nestloop = on AS $$
DECLARE
    needed record;
BEGIN
    FOR needed IN
        WITH asked AS (SELECT unnest(p_lines) AS line_id),
        newest AS (
            SELECT DISTINCT ON (a.line_id) a.record_id FROM line_assessment a JOIN asked USING (line_id)
             ORDER BY a.line_id, a.sequence DESC),
        named AS (
            SELECT a.record_id FROM decision d JOIN asked USING (line_id) JOIN line_assessment a ON a.id = d.assessment_id
             WHERE d.verdict = 'approve'
               AND d.round = (SELECT max(x.round) FROM decision x WHERE x.line_id = d.line_id)),
        records AS (SELECT record_id FROM newest UNION SELECT record_id FROM named)
        SELECT DISTINCT v.pack, v.meaning_hash FROM records JOIN assessment_record r ON r.digest = records.record_id
          JOIN pack_version v ON v.text_hash = r.pack_version_id
         ORDER BY v.pack, v.meaning_hash
    LOOP
        PERFORM 1 FROM pack_release
          WHERE pack = needed.pack AND meaning_hash = needed.meaning_hash AND withdrawn_at IS NULL FOR SHARE;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'the rules of pack % that a line rests on are not enabled here', needed.pack
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
    END LOOP;
END $$;

CREATE FUNCTION approval_needs_standing_packs() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM require_standing_packs(ARRAY(SELECT line_id FROM new_rows WHERE verdict = 'approve'));
    RETURN NULL;
END $$;
CREATE TRIGGER approval_needs_standing_packs AFTER INSERT ON decision REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION approval_needs_standing_packs();

CREATE FUNCTION release_needs_standing_packs() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM require_standing_packs(ARRAY(
        SELECT l.id FROM tranche_line t JOIN request_line l ON l.id = t.line_id
         WHERE t.tranche_id = NEW.tranche_id AND l.state = 'APPROVED'));
    RETURN NEW;
END $$;
CREATE TRIGGER release_needs_standing_packs BEFORE INSERT ON sealed_release
    FOR EACH ROW EXECUTE FUNCTION release_needs_standing_packs();
""".replace("{ROLE}", ROLE).replace("{USER}", USER)
BACK = """
DROP TRIGGER release_needs_standing_packs ON sealed_release;
DROP FUNCTION release_needs_standing_packs();
DROP TRIGGER approval_needs_standing_packs ON decision;
DROP FUNCTION approval_needs_standing_packs();
DROP FUNCTION require_standing_packs(uuid[]);
DROP POLICY pack_release_is_withdrawn ON pack_release;
DROP POLICY pack_release_is_added ON pack_release;
DROP POLICY pack_release_is_public ON pack_release;
ALTER TABLE pack_release DISABLE ROW LEVEL SECURITY;
DROP TRIGGER pack_release_guard ON pack_release;
DROP FUNCTION pack_release_guard();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('broker', '0010_people_judge_what_the_law_leaves_open'),
    ]

    operations = [
        migrations.AddField(
            model_name='packversion',
            name='meaning_hash',
            field=models.CharField(default='', max_length=64),
            preserve_default=False,
        ),
        migrations.CreateModel(
            name='PackRelease',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, primary_key=True, serialize=False)),
                ('pack', models.CharField(max_length=32)),
                ('meaning_hash', models.CharField(max_length=64)),
                ('text_hash', models.CharField(max_length=64)),
                ('content', models.TextField()),
                ('signed_by', models.CharField(max_length=120)),
                ('signed_as', models.CharField(max_length=120)),
                ('signed_on', models.DateField(null=True)),
                ('for_trial', models.BooleanField(default=False)),
                ('enabled_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('withdrawn_at', models.DateTimeField(null=True)),
                ('withdrawn_reason', models.CharField(blank=True, max_length=1000)),
                ('enabled_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('event', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='broker.event')),
                ('withdrawn_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('withdrawn_event', models.OneToOneField(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='broker.event')),
            ],
            options={
                'db_table': 'pack_release',
                'verbose_name': 'rules: who reviewed them',
                'verbose_name_plural': 'rules: who reviewed them',
                'ordering': ['-enabled_at'],
                'constraints': [models.UniqueConstraint(condition=models.Q(('withdrawn_at', None)), fields=('pack', 'meaning_hash'), name='pack_release_stands_once'), models.CheckConstraint(condition=models.Q(models.Q(('enabled_by__isnull', False), ('for_trial', False), ('signed_on__isnull', False)), models.Q(('enabled_by', None), ('for_trial', True), ('signed_on', None)), _connector='OR'), name='pack_release_signed_or_for_trial'), models.CheckConstraint(condition=models.Q(('meaning_hash__regex', '^[0-9a-f]{64}$'), ('text_hash__regex', '^[0-9a-f]{64}$'), models.Q(('signed_by__regex', '^\\s*$'), _negated=True), models.Q(('signed_as__regex', '^\\s*$'), _negated=True)), name='pack_release_says_who_and_what'), models.CheckConstraint(condition=models.Q(models.Q(('withdrawn_at', None), ('withdrawn_by', None), ('withdrawn_event', None), ('withdrawn_reason', '')), models.Q(('withdrawn_at__isnull', False), ('withdrawn_by__isnull', False), ('withdrawn_event__isnull', False), models.Q(('withdrawn_reason__regex', '^\\s*$'), _negated=True)), _connector='OR'), name='pack_release_withdrawn_whole_or_not')],
            },
        ),
        migrations.RunSQL(FORWARD, BACK),
    ]
