"""What was typed is questioned by whoever it puzzles, and answered by whoever typed it, before anybody decides.

1. Evidence, questions and answers are only ever added. They are seen by the organisation that typed the line and by the
   operator's legal staff: the court has no part in them, and jobs see only which questions are open.
2. A question is about a line that was just received; an answer is given once, in one's own name, by active counsel or an
   authority of the organisation that filed the request, as long as nobody has decided on the line.
3. While a question about a line is open, the line is neither under review nor approved, and nobody approves it.
"""

import django.db.models.deletion
import django.utils.timezone
import uuid
from django.conf import settings
from django.db import migrations, models

# As in 0006.
ROLE = "(SELECT current_setting('broker.role', true))"
USER = "(SELECT nullif(current_setting('broker.user', true), '')::uuid)"

SEEN = {
    "evidence_file": "EXISTS (SELECT 1 FROM disclosure_request seen WHERE seen.id = evidence_file.request_id)",
    "line_question": "EXISTS (SELECT 1 FROM request_line seen WHERE seen.id = line_question.line_id)",
    "line_answer": "EXISTS (SELECT 1 FROM line_question seen WHERE seen.id = line_answer.question_id)",
}
READERS = {"evidence_file": "'legal'", "line_question": "'legal', 'jobs'", "line_answer": "'legal', 'jobs'"}
OWN = {
    "evidence_file": f"uploaded_by_id = {USER}",
    "line_question": "true",
    "line_answer": f"answered_by_id = {USER}",
}
REQUESTER = f"{ROLE} IN ('counsel', 'authority')"

FORWARD = (
    "".join(
        f"""
CREATE TRIGGER {t}_is_final BEFORE UPDATE OR DELETE ON {t} FOR EACH ROW EXECUTE FUNCTION refuse_rewrite();
ALTER TABLE {t} ENABLE ROW LEVEL SECURITY;
CREATE POLICY {t}_belongs ON {t} FOR SELECT
    USING ({ROLE} IN ({READERS[t]}) OR ({REQUESTER} AND {SEEN[t]}));
CREATE POLICY {t}_is_added ON {t} FOR INSERT WITH CHECK ({REQUESTER} AND {SEEN[t]} AND {OWN[t]});
"""
        for t in SEEN
    )
    + """
CREATE FUNCTION require_no_open_question(p_lines uuid[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM line_question q LEFT JOIN line_answer a ON a.question_id = q.id
                WHERE q.line_id = ANY (p_lines) AND a.question_id IS NULL) THEN
        RAISE EXCEPTION 'a question about what was typed is open' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
END $$;

-- As in 0012: row by row, ten thousand lines would take most of a minute.
CREATE FUNCTION request_line_unquestioned() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp SET enable_nestloop = off AS $$
BEGIN
    PERFORM require_no_open_question(ARRAY(
        SELECT n.id FROM new_rows n JOIN old_rows o USING (id)
         WHERE n.state IN ('UNDER_REVIEW', 'APPROVED') AND n.state <> o.state));
    RETURN NULL;
END $$;
-- By its name it runs after request_line_updated, which says first what else is missing.
CREATE TRIGGER request_line_updated_while_questioned AFTER UPDATE ON request_line
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION request_line_unquestioned();

CREATE FUNCTION decision_unquestioned() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM require_no_open_question(ARRAY(SELECT line_id FROM new_rows WHERE verdict = 'approve'));
    RETURN NULL;
END $$;
CREATE TRIGGER decision_guard_unquestioned AFTER INSERT ON decision REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION decision_unquestioned();

CREATE FUNCTION line_question_guard() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
BEGIN
    -- Whoever moves these lines waits, and then sees the question.
    PERFORM 1 FROM request_line WHERE id IN (SELECT line_id FROM new_rows) ORDER BY id FOR SHARE;
    IF EXISTS (SELECT 1 FROM new_rows n JOIN request_line l ON l.id = n.line_id WHERE l.state <> 'RECEIVED') THEN
        RAISE EXCEPTION 'a line is questioned when it is received' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER line_question_guard AFTER INSERT ON line_question REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION line_question_guard();

CREATE FUNCTION line_answer_guard() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM line_question q
          JOIN request_line l ON l.id = q.line_id AND l.state IN ('RECEIVED', 'INCOMPLETE', 'AWAITING_ORDER')
          JOIN disclosure_request r ON r.id = l.request_id
          JOIN user_account u ON u.id = NEW.answered_by_id AND u.organisation_id = r.organisation_id
                             AND u.role IN ('counsel', 'authority') AND u.is_active
         WHERE q.id = NEW.question_id) THEN
        RAISE EXCEPTION 'an open question about a line is answered by the organisation that typed it'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER line_answer_guard BEFORE INSERT ON line_answer
    FOR EACH ROW EXECUTE FUNCTION line_answer_guard();
"""
)
BACK = """
DROP TRIGGER line_answer_guard ON line_answer;
DROP FUNCTION line_answer_guard();
DROP TRIGGER line_question_guard ON line_question;
DROP FUNCTION line_question_guard();
DROP TRIGGER decision_guard_unquestioned ON decision;
DROP FUNCTION decision_unquestioned();
DROP TRIGGER request_line_updated_while_questioned ON request_line;
DROP FUNCTION request_line_unquestioned();
DROP FUNCTION require_no_open_question(uuid[]);
""" + "".join(
    f"""
DROP POLICY {t}_is_added ON {t};
DROP POLICY {t}_belongs ON {t};
ALTER TABLE {t} DISABLE ROW LEVEL SECURITY;
DROP TRIGGER {t}_is_final ON {t};
"""
    for t in SEEN
)


class Migration(migrations.Migration):
    dependencies = [("broker", "0016_trials_count_where_they_are_tried")]
    operations = [
        migrations.CreateModel(
            name='LineQuestion',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, primary_key=True, serialize=False)),
                ('code', models.CharField(max_length=40)),
                ('evidence_line', models.PositiveIntegerField(null=True)),
                ('asked_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('event', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='broker.event')),
                ('line', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='slip_questions', to='broker.requestline')),
            ],
            options={
                'db_table': 'line_question',
                'ordering': ['line__number', 'code'],
            },
        ),
        migrations.CreateModel(
            name='EvidenceFile',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, primary_key=True, serialize=False)),
                ('sha256', models.CharField(max_length=64)),
                ('size_bytes', models.PositiveIntegerField()),
                ('kind', models.CharField(max_length=16)),
                ('content', models.BinaryField(null=True)),
                ('zone', models.CharField(blank=True, max_length=64)),
                ('uploaded_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('event', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='broker.event')),
                ('request', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='evidence_file', to='broker.disclosurerequest')),
                ('uploaded_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'db_table': 'evidence_file',
                'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('content__isnull', False), ('kind', 'text')), models.Q(models.Q(('kind', 'text'), _negated=True), ('content', None)), _connector='OR'), name='evidence_file_keeps_what_was_read')],
            },
        ),
        migrations.CreateModel(
            name='LineAnswer',
            fields=[
                ('question', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='answer', serialize=False, to='broker.linequestion')),
                ('reason', models.CharField(choices=[('compared', 'I compared it with the original record, and it is right as typed'), ('other-source', 'The line rests on other evidence than this file'), ('evidence-clock', 'The clock or the zone of the evidence is known to be off'), ('evidence-form', 'The evidence writes the same address or moment in another way')], max_length=20)),
                ('explanation', models.CharField(max_length=500)),
                ('answered_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('answered_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('event', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='broker.event')),
            ],
            options={
                'db_table': 'line_answer',
            },
        ),
        migrations.AddConstraint(
            model_name='linequestion',
            constraint=models.UniqueConstraint(fields=('line', 'code'), name='line_question_once'),
        ),
        migrations.AddConstraint(
            model_name='lineanswer',
            constraint=models.CheckConstraint(condition=models.Q(('reason__in', ['compared', 'other-source', 'evidence-clock', 'evidence-form'])), name='line_answer_reason_known'),
        ),
        migrations.RunSQL(FORWARD, BACK),
    ]
