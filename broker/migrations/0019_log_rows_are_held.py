"""Log rows are kept for lines by legal staff, or because the law has it; the worker alone learns whether there are any.

1. Acts, their lines and their ends are only ever added, seen by legal staff, jobs and the worker. Web adds an act in the
   person's own name, jobs one that nobody was asked about; the lines of an act are added by whoever made it.
2. An act is made by active legal staff who neither filed the request nor brought its order, and by the database's clock.
3. A line is held under its newest answer, which has to allow it, and no longer than the rules of that answer state:
   `decisions.holds.terms` counts the same. Nobody is asked only where such a rule is a duty.
4. A hold ends once: by legal staff with a reason, or by jobs once the line is closed.
"""

import django.db.models.deletion
import django.utils.timezone
import uuid
from django.conf import settings
from django.db import migrations, models

# As in 0006.
ROLE = "(SELECT current_setting('broker.role', true))"
USER = "(SELECT nullif(current_setting('broker.user', true), '')::uuid)"

TABLES = ("hold_act", "line_hold", "hold_end")
INSIDE = f"{ROLE} IN ('legal', 'jobs', 'worker')"
OWN = {
    "hold_act": f"({ROLE} = 'legal' AND made_by_id = {USER}) OR ({ROLE} = 'jobs' AND made_by_id IS NULL)",
    "line_hold": "EXISTS (SELECT 1 FROM hold_act own WHERE own.id = line_hold.act_id "
    f"AND (({ROLE} = 'legal' AND own.made_by_id = {USER}) OR ({ROLE} = 'jobs' AND own.made_by_id IS NULL)))",
    "hold_end": f"({ROLE} = 'legal' AND ended_by_id = {USER}) OR ({ROLE} = 'jobs' AND ended_by_id IS NULL)",
}

FORWARD = (
    """
ALTER TABLE line_assessment DISABLE TRIGGER USER;
UPDATE line_assessment SET hold_allowed = true FROM assessment_record r
 WHERE r.digest = record_id AND (r.content::jsonb ->> 'hold_allowed')::boolean;
ALTER TABLE line_assessment ENABLE TRIGGER USER;
"""
    + "".join(
        f"""
CREATE TRIGGER {t}_is_final BEFORE UPDATE OR DELETE ON {t} FOR EACH ROW EXECUTE FUNCTION refuse_rewrite();
ALTER TABLE {t} ENABLE ROW LEVEL SECURITY;
CREATE POLICY {t}_belongs ON {t} FOR SELECT USING ({INSIDE});
CREATE POLICY {t}_is_added ON {t} FOR INSERT WITH CHECK ({OWN[t]});
"""
        for t in TABLES
    )
    + """
CREATE FUNCTION require_apart_from_request(p_user uuid, p_request uuid) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    who uuid;
BEGIN
    SELECT person_id INTO who FROM user_account WHERE id = p_user AND role = 'legal' AND is_active;
    IF who IS NULL OR EXISTS (
        SELECT 1 FROM disclosure_request q JOIN user_account u ON u.id = q.filed_by_id
         WHERE q.id = p_request AND u.person_id = who
        UNION ALL
        SELECT 1 FROM court_order o JOIN user_account u ON u.id = o.uploaded_by_id
         WHERE o.request_id = p_request AND u.person_id = who
        UNION ALL
        SELECT 1 FROM court_order o JOIN order_terms t ON t.order_id = o.id JOIN user_account u ON u.id = t.entered_by_id
         WHERE o.request_id = p_request AND u.person_id = who) THEN
        RAISE EXCEPTION 'a hold is a matter of active legal staff who neither filed the request nor brought its order'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
END $$;

CREATE FUNCTION require_hold_event(p_event uuid, p_kind text, p_request uuid) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM event e WHERE e.id = p_event AND e.kind = p_kind AND e.subject_id = p_request
                      AND e.xid = pg_current_xact_id()::text::bigint) THEN
        RAISE EXCEPTION 'a hold needs the event of its own transaction'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
END $$;

CREATE FUNCTION hold_act_guard() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
BEGIN
    NEW.made_at := now();
    IF NEW.until_on <= (now() AT TIME ZONE 'UTC')::date OR NEW.until_on > (now() AT TIME ZONE 'UTC')::date + 3653 THEN
        RAISE EXCEPTION 'a hold ends on a day to come' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF NEW.made_by_id IS NOT NULL THEN
        PERFORM require_apart_from_request(NEW.made_by_id, NEW.request_id);
    END IF;
    PERFORM require_hold_event(NEW.event_id, 'hold:set', NEW.request_id);
    RETURN NEW;
END $$;
CREATE TRIGGER hold_act_guard BEFORE INSERT ON hold_act FOR EACH ROW EXECUTE FUNCTION hold_act_guard();

CREATE FUNCTION line_hold_guard() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp SET enable_nestloop = on AS $$
BEGIN
    PERFORM 1 FROM request_line WHERE id IN (SELECT line_id FROM new_rows) ORDER BY id FOR SHARE;
    IF EXISTS (
        SELECT 1 FROM new_rows n JOIN hold_act a ON a.id = n.act_id JOIN request_line l ON l.id = n.line_id
          JOIN line_assessment s ON s.id = n.assessment_id
         WHERE l.request_id <> a.request_id OR s.line_id <> n.line_id OR s.for_study OR NOT s.hold_allowed
            OR l.state IN ('RELEASING', 'RELEASED', 'DENIED', 'WITHDRAWN', 'EXPIRED', 'RECALLED')
            OR EXISTS (SELECT 1 FROM line_assessment x WHERE x.line_id = n.line_id AND x.sequence > s.sequence)) THEN
        RAISE EXCEPTION 'a line is held under its newest answer, as long as that allows it'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF EXISTS (
        WITH said AS (
            SELECT r.digest, (r.content::jsonb ->> 'hold_allowed')::boolean AS allowed,
                   coalesce(r.content::jsonb -> 'holds', '[]') AS holds
              FROM assessment_record r WHERE r.digest IN (
                SELECT s.record_id FROM new_rows n JOIN line_assessment s ON s.id = n.assessment_id)),
        stated AS (
            SELECT digest, allowed,
                   (SELECT max((h ->> 'days')::int) FROM jsonb_array_elements(holds) h) AS days,
                   (SELECT max((h ->> 'at_most')::int) FROM jsonb_array_elements(holds) h) AS at_most,
                   (SELECT max((h ->> 'days')::int) FROM jsonb_array_elements(holds) h
                     WHERE (h ->> 'duty')::boolean) AS duty
              FROM said),
        counted AS (
            SELECT a.made_by_id, a.until_on, t.*, (a.made_at AT TIME ZONE 'UTC')::date AS today,
                   (SELECT min((b.made_at AT TIME ZONE 'UTC')::date) FROM line_hold o JOIN hold_act b ON b.id = o.act_id
                     WHERE o.line_id = n.line_id) AS first_on
              FROM new_rows n JOIN hold_act a ON a.id = n.act_id JOIN line_assessment s ON s.id = n.assessment_id
              JOIN stated t ON t.digest = s.record_id)
        SELECT 1 FROM counted WHERE NOT allowed
            OR until_on > CASE WHEN days IS NULL THEN today + 365 ELSE least(today + days, first_on + at_most) END
            OR (made_by_id IS NULL AND (duty IS NULL OR until_on > today + duty))) THEN
        RAISE EXCEPTION 'a hold lasts no longer than the law states' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER line_hold_guard AFTER INSERT ON line_hold REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION line_hold_guard();

CREATE FUNCTION hold_end_guard() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
DECLARE
    asked uuid;
BEGIN
    SELECT a.request_id INTO asked FROM line_hold h JOIN hold_act a ON a.id = h.act_id WHERE h.id = NEW.line_hold_id;
    NEW.ended_at := now();
    IF NEW.ended_by_id IS NOT NULL THEN
        PERFORM require_apart_from_request(NEW.ended_by_id, asked);
    ELSIF EXISTS (SELECT 1 FROM line_hold h JOIN request_line l ON l.id = h.line_id WHERE h.id = NEW.line_hold_id
                     AND l.state NOT IN ('RELEASED', 'WITHDRAWN', 'RECALLED', 'EXPIRED', 'DENIED', 'REFUSED')) THEN
        RAISE EXCEPTION 'the hold of an open line is ended by people' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    PERFORM require_hold_event(NEW.event_id, 'hold:ended', asked);
    RETURN NEW;
END $$;
CREATE TRIGGER hold_end_guard BEFORE INSERT ON hold_end FOR EACH ROW EXECUTE FUNCTION hold_end_guard();
"""
)
BACK = """
DROP TRIGGER hold_end_guard ON hold_end;
DROP FUNCTION hold_end_guard();
DROP TRIGGER line_hold_guard ON line_hold;
DROP FUNCTION line_hold_guard();
DROP TRIGGER hold_act_guard ON hold_act;
DROP FUNCTION hold_act_guard();
DROP FUNCTION require_hold_event(uuid, text, uuid);
DROP FUNCTION require_apart_from_request(uuid, uuid);
""" + "".join(
    f"""
DROP POLICY {t}_is_added ON {t};
DROP POLICY {t}_belongs ON {t};
ALTER TABLE {t} DISABLE ROW LEVEL SECURITY;
DROP TRIGGER {t}_is_final ON {t};
"""
    for t in reversed(TABLES)
)


class Migration(migrations.Migration):
    dependencies = [("broker", "0018_lines_wait_for_the_log")]
    operations = [
        migrations.CreateModel(
            name='HoldAct',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, primary_key=True, serialize=False)),
                ('until_on', models.DateField()),
                ('reason', models.CharField(blank=True, max_length=1000)),
                ('made_at', models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                'db_table': 'hold_act',
                'ordering': ['made_at', 'id'],
            },
        ),
        migrations.CreateModel(
            name='LineHold',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, primary_key=True, serialize=False)),
            ],
            options={
                'db_table': 'line_hold',
            },
        ),
        migrations.AddField(
            model_name='lineassessment',
            name='hold_allowed',
            field=models.BooleanField(default=False),
        ),
        migrations.AlterField(
            model_name='outboxrow',
            name='kind',
            field=models.CharField(choices=[('assess', 'Assess'), ('check-order', 'Check Order'), ('release', 'Release'), ('fetch-revocation', 'Fetch Revocation'), ('drop-leases', 'Drop Leases'), ('hold', 'Hold')], max_length=32),
        ),
        migrations.AddIndex(
            model_name='lineassessment',
            index=models.Index(condition=models.Q(('hold_allowed', True)), fields=['line'], name='line_assessment_may_hold'),
        ),
        migrations.AddField(
            model_name='holdact',
            name='event',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='broker.event'),
        ),
        migrations.AddField(
            model_name='holdact',
            name='made_by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='holdact',
            name='request',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='broker.disclosurerequest'),
        ),
        migrations.CreateModel(
            name='HoldEnd',
            fields=[
                ('line_hold', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='end', serialize=False, to='broker.linehold')),
                ('why', models.CharField(choices=[('answered', 'the line was answered'), ('withdrawn', 'the line was withdrawn'), ('recalled', 'the approval was recalled'), ('expired', 'the line expired'), ('denied', 'the line was denied for good'), ('refused', 'the law refuses the line and allows no hold any more'), ('person', 'ended by legal staff')], max_length=12)),
                ('reason', models.CharField(blank=True, max_length=1000)),
                ('ended_at', models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                'db_table': 'hold_end',
            },
        ),
        migrations.AddField(
            model_name='linehold',
            name='act',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='lines', to='broker.holdact'),
        ),
        migrations.AddField(
            model_name='linehold',
            name='assessment',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='broker.lineassessment'),
        ),
        migrations.AddField(
            model_name='linehold',
            name='line',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='holds', to='broker.requestline'),
        ),
        migrations.AddConstraint(
            model_name='holdact',
            constraint=models.CheckConstraint(condition=models.Q(('made_by', None), models.Q(('reason', ''), _negated=True), _connector='OR'), name='hold_act_has_its_reason'),
        ),
        migrations.AddField(
            model_name='holdend',
            name='ended_by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='holdend',
            name='event',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='broker.event'),
        ),
        migrations.AddConstraint(
            model_name='linehold',
            constraint=models.UniqueConstraint(fields=('act', 'line'), name='line_hold_once_an_act'),
        ),
        migrations.AddConstraint(
            model_name='holdend',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('ended_by', None), ('why__in', ['answered', 'withdrawn', 'recalled', 'expired', 'denied', 'refused'])), models.Q(('ended_by__isnull', False), ('why', 'person'), models.Q(('reason', ''), _negated=True)), _connector='OR'), name='hold_end_says_why'),
        ),
        migrations.RunSQL(FORWARD, BACK),
    ]
