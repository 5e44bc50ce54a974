"""What the law leaves to judgement is graded by two people and concluded by name; then, and only then, approved.

1. Gradings, conclusions and reviews are only ever added, by active legal staff in their own person who neither filed
   the request nor brought its order. A grading is seen by its author alone until both are given (row-level security).
2. `judged_in_favour` says by itself, from the columns, whether everything a record leaves to people was concluded for
   the disclosure. It reads the grades as `legal_rules.weigh` does; a test compares the two.
3. A decision for, and the state APPROVED of, a line that NEEDS_JUDGEMENT need that for exactly the record decided on.
"""

import django.db.models.deletion
import django.utils.timezone
import uuid
from django.conf import settings
from django.db import migrations, models

TABLES = ("balancing", "balancing_grading", "balancing_conclusion", "balancing_review")

READING = """
-- Reliabilities are written as their denominators, so that the fraction is compared crosswise, in whole numbers.
CREATE FUNCTION grading_reading(g balancing_grading) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
        WHEN g.ended = 'suitable' THEN 'unsuitable'
        WHEN g.ended = 'necessary' THEN 'unnecessary'
        WHEN g.interference = 4 AND g.claim_reliability <> 1 THEN 'uncertain'
        WHEN g.interference * g.privacy_weight * g.claim_reliability
           > g.importance * g.claim_weight * g.privacy_reliability THEN 'privacy'
        WHEN g.interference * g.privacy_weight * g.claim_reliability
           = g.importance * g.claim_weight * g.privacy_reliability THEN 'stalemate'
        ELSE 'claim' END $$;

CREATE FUNCTION gradings_differ(a balancing_grading, b balancing_grading) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT grading_reading(a) <> grading_reading(b) OR (a.ended = '' AND b.ended = '' AND (
        greatest(a.interference, b.interference) > 2 * least(a.interference, b.interference)
        OR greatest(a.privacy_weight, b.privacy_weight) > 2 * least(a.privacy_weight, b.privacy_weight)
        OR greatest(a.privacy_reliability, b.privacy_reliability) > 2 * least(a.privacy_reliability, b.privacy_reliability)
        OR greatest(a.importance, b.importance) > 2 * least(a.importance, b.importance)
        OR greatest(a.claim_weight, b.claim_weight) > 2 * least(a.claim_weight, b.claim_weight)
        OR greatest(a.claim_reliability, b.claim_reliability) > 2 * least(a.claim_reliability, b.claim_reliability)))
$$;

-- Null as long as two people have not graded.
CREATE FUNCTION balancing_differs(p_balancing uuid) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT gradings_differ(a, b) FROM balancing_grading a JOIN balancing_grading b USING (balancing_id)
     WHERE a.balancing_id = p_balancing AND a.seat = 1 AND b.seat = 2 $$;

CREATE FUNCTION balancing_needs_third(p_balancing uuid, p_favourable boolean) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT gradings_differ(a, b)
        OR p_favourable <> (grading_reading(a) = 'claim' AND grading_reading(b) = 'claim')
      FROM balancing_grading a JOIN balancing_grading b USING (balancing_id)
     WHERE a.balancing_id = p_balancing AND a.seat = 1 AND b.seat = 2 $$;

-- Both found a step failed, or the claim's premises too uncertain: no weight and no third person makes up for that.
CREATE FUNCTION balancing_is_barred(p_balancing uuid) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT grading_reading(a) IN ('unsuitable', 'unnecessary', 'uncertain')
       AND grading_reading(b) IN ('unsuitable', 'unnecessary', 'uncertain')
      FROM balancing_grading a JOIN balancing_grading b USING (balancing_id)
     WHERE a.balancing_id = p_balancing AND a.seat = 1 AND b.seat = 2 $$;

CREATE FUNCTION balancing_stands(p_balancing uuid) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (
        SELECT 1 FROM balancing b
          JOIN balancing_conclusion c ON c.balancing_id = b.id AND c.favourable
          LEFT JOIN balancing_review r ON r.balancing_id = b.id
         WHERE b.id = p_balancing AND r.favourable IS DISTINCT FROM false
           AND (b.kind <> 'weigh' OR (
                balancing_is_barred(b.id) IS FALSE
                AND (balancing_needs_third(b.id, true) IS FALSE OR r.favourable IS TRUE)))) $$;

CREATE FUNCTION judged_in_favour(p_request uuid, p_record text) RETURNS boolean LANGUAGE sql STABLE AS $$
    WITH effective AS (
        SELECT w ->> 'id' AS rule, w ->> 'kind' AS kind
          FROM assessment_record r, jsonb_array_elements(r.content::jsonb -> 'weigh') AS w
         WHERE r.digest = p_record AND w ->> 'status' = 'met')
    SELECT EXISTS (SELECT 1 FROM effective) AND NOT EXISTS (
        SELECT 1 FROM effective e
          LEFT JOIN balancing b ON b.request_id = p_request AND b.record_id = p_record
                               AND b.rule = e.rule AND b.kind = e.kind
         WHERE b.id IS NULL OR NOT balancing_stands(b.id)) $$;

-- How many have graded is all that others may know before they have.
CREATE FUNCTION gradings_given(p_balancing uuid) RETURNS bigint LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = public, pg_temp
    AS $$ SELECT count(*) FROM balancing_grading WHERE balancing_id = p_balancing $$;
"""

GUARDS = """
CREATE FUNCTION require_judge(p_user uuid, p_person uuid, p_balancing uuid) RETURNS void LANGUAGE plpgsql AS $$
DECLARE asked uuid;
BEGIN
    -- Whoever acts on the same balancing waits here, and then sees what the other one gave.
    SELECT request_id INTO asked FROM balancing WHERE id = p_balancing FOR UPDATE;
    IF NOT EXISTS (SELECT 1 FROM user_account u WHERE u.id = p_user AND u.person_id = p_person
                      AND u.role = 'legal' AND u.is_active) THEN
        RAISE EXCEPTION 'a balancing is judged by active legal staff in their own person'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF EXISTS (
        SELECT 1 FROM disclosure_request q JOIN user_account u ON u.id = q.filed_by_id
         WHERE q.id = asked AND u.person_id = p_person
        UNION ALL
        SELECT 1 FROM court_order o JOIN user_account u ON u.id = o.uploaded_by_id
         WHERE o.request_id = asked AND u.person_id = p_person
        UNION ALL
        SELECT 1 FROM court_order o JOIN order_terms t ON t.order_id = o.id JOIN user_account u ON u.id = t.entered_by_id
         WHERE o.request_id = asked AND u.person_id = p_person) THEN
        RAISE EXCEPTION 'who filed the request or brought the order does not judge it'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
END $$;

CREATE FUNCTION balancing_guard() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM line_assessment a JOIN request_line l ON l.id = a.line_id
         WHERE a.record_id = NEW.record_id AND l.request_id = NEW.request_id AND l.state = 'UNDER_REVIEW')
       OR NOT EXISTS (
        SELECT 1 FROM assessment_record r, jsonb_array_elements(r.content::jsonb -> 'weigh') AS w
         WHERE r.digest = NEW.record_id AND r.outcome = 'NEEDS_JUDGEMENT'
           AND w ->> 'id' = NEW.rule AND w ->> 'kind' = NEW.kind AND w ->> 'status' = 'met') THEN
        RAISE EXCEPTION 'a balancing is of what the law leaves to people for lines under review'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER balancing_guard BEFORE INSERT ON balancing FOR EACH ROW EXECUTE FUNCTION balancing_guard();

CREATE FUNCTION balancing_grading_guard() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM require_judge(NEW.graded_by_id, NEW.person, NEW.balancing_id);
    IF NOT EXISTS (SELECT 1 FROM balancing WHERE id = NEW.balancing_id AND kind = 'weigh') THEN
        RAISE EXCEPTION 'only a weighing is graded' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF NEW.seat <> 1 + (SELECT count(*) FROM balancing_grading WHERE balancing_id = NEW.balancing_id) THEN
        RAISE EXCEPTION 'the second grading follows the first, and there is no third'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER balancing_grading_guard BEFORE INSERT ON balancing_grading
    FOR EACH ROW EXECUTE FUNCTION balancing_grading_guard();

CREATE FUNCTION balancing_conclusion_guard() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM require_judge(NEW.given_by_id, NEW.person, NEW.balancing_id);
    IF EXISTS (SELECT 1 FROM balancing WHERE id = NEW.balancing_id AND kind = 'weigh') THEN
        IF balancing_differs(NEW.balancing_id) IS NULL THEN
            RAISE EXCEPTION 'a weighing is concluded once two people have graded it'
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        IF NEW.favourable AND balancing_is_barred(NEW.balancing_id) THEN
            RAISE EXCEPTION 'a step that both found failed is made up for by nothing'
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        IF balancing_differs(NEW.balancing_id) AND NOT EXISTS (
            SELECT 1 FROM balancing_review WHERE balancing_id = NEW.balancing_id AND person <> NEW.person) THEN
            RAISE EXCEPTION 'where two people differ a third reviews before anybody else concludes'
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER balancing_conclusion_guard BEFORE INSERT ON balancing_conclusion
    FOR EACH ROW EXECUTE FUNCTION balancing_conclusion_guard();

CREATE FUNCTION balancing_review_guard() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
DECLARE concluded balancing_conclusion%ROWTYPE;
BEGIN
    PERFORM require_judge(NEW.given_by_id, NEW.person, NEW.balancing_id);
    SELECT * INTO concluded FROM balancing_conclusion WHERE balancing_id = NEW.balancing_id;
    IF EXISTS (SELECT 1 FROM balancing_grading WHERE balancing_id = NEW.balancing_id AND person = NEW.person)
       OR concluded.person = NEW.person THEN
        RAISE EXCEPTION 'a second review is made by a third person' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF (CASE WHEN concluded.id IS NULL THEN balancing_differs(NEW.balancing_id)
             ELSE balancing_needs_third(NEW.balancing_id, concluded.favourable) END) IS NOT TRUE THEN
        RAISE EXCEPTION 'nothing calls in a third person here' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER balancing_review_guard BEFORE INSERT ON balancing_review
    FOR EACH ROW EXECUTE FUNCTION balancing_review_guard();

ALTER TABLE balancing_conclusion ADD CONSTRAINT balancing_conclusion_digest
    CHECK (digest = encode(sha256(convert_to(content, 'UTF8')), 'hex'));

-- Approving what the law leaves to people needs their conclusion first, on exactly the record that is decided on.
CREATE FUNCTION decision_judgement_guard() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp SET enable_nestloop = on AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM (
            SELECT DISTINCT l.request_id, a.record_id FROM new_rows n
              JOIN request_line l ON l.id = n.line_id JOIN line_assessment a ON a.id = n.assessment_id
              JOIN assessment_record r ON r.digest = a.record_id AND r.outcome = 'NEEDS_JUDGEMENT'
             WHERE n.verdict = 'approve') AS judged
         WHERE NOT judged_in_favour(judged.request_id, judged.record_id)) THEN
        RAISE EXCEPTION 'approving what the law leaves to people needs their conclusion for it'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER decision_judgement_guard AFTER INSERT ON decision REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION decision_judgement_guard();
"""

# As in 0003, with what people judge added.
TWO_PEOPLE = """
CREATE OR REPLACE FUNCTION require_two_people(p_lines uuid[]) RETURNS void LANGUAGE plpgsql SET enable_nestloop = on AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM unnest(p_lines) AS l(id)
         WHERE NOT EXISTS (
            SELECT 1 FROM decision d
             WHERE d.line_id = l.id
               AND d.round = (SELECT max(round) FROM decision WHERE line_id = l.id)
            HAVING count(*) = 2 AND count(DISTINCT d.person) = 2 AND count(DISTINCT d.seat) = 2
               AND count(DISTINCT d.decided_by_id) = 2
               AND bool_and(d.verdict = 'approve'))
    ) THEN
        RAISE EXCEPTION 'APPROVED needs two approvals by two people in one round'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    -- The newest assessment must rest on a verified order and on the law of the day, not on an as-of date.
    IF EXISTS (
        SELECT 1 FROM unnest(p_lines) AS l(id)
          LEFT JOIN LATERAL (
                SELECT a.for_study, a.terms_id, a.record_id, r.outcome, r.granted, o.state, o.request_id
                  FROM line_assessment a JOIN assessment_record r ON r.digest = a.record_id
                  LEFT JOIN order_terms t ON t.id = a.terms_id LEFT JOIN court_order o ON o.id = t.order_id
                 WHERE a.line_id = l.id ORDER BY a.sequence DESC LIMIT 1) AS newest ON true
         WHERE newest.for_study IS DISTINCT FROM false OR newest.state IS DISTINCT FROM 'VERIFIED'
            OR newest.request_id IS DISTINCT FROM (SELECT request_id FROM request_line WHERE id = l.id)
            OR newest.outcome NOT IN (%s)
            -- Both people must have decided on these terms of the order and on this answer of the law.
            OR EXISTS (SELECT 1 FROM decision d JOIN line_assessment a ON a.id = d.assessment_id
                         JOIN assessment_record r ON r.digest = a.record_id
                        WHERE d.line_id = l.id
                          AND (a.terms_id, r.outcome, r.granted)
                              IS DISTINCT FROM (newest.terms_id, newest.outcome, newest.granted)
                          AND d.round = (SELECT max(round) FROM decision WHERE line_id = l.id))
    ) THEN
        RAISE EXCEPTION 'APPROVED needs a verified order and an assessment that permits'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;%s
END $$;
"""
OUTCOMES = "'PERMITTED', 'CONDITIONAL'"
JUDGED = """
    -- People judged one record; both decided on that very record, and it is still the newest.
    IF EXISTS (
        WITH newest AS (
            SELECT DISTINCT ON (a.line_id) a.line_id, a.record_id, q.request_id, r.outcome
              FROM line_assessment a JOIN assessment_record r ON r.digest = a.record_id
              JOIN request_line q ON q.id = a.line_id
             WHERE a.line_id = ANY (p_lines) ORDER BY a.line_id, a.sequence DESC),
        judged AS (SELECT * FROM newest WHERE outcome = 'NEEDS_JUDGEMENT')
        SELECT 1 FROM (SELECT DISTINCT request_id, record_id FROM judged) AS each
         WHERE NOT judged_in_favour(each.request_id, each.record_id)
        UNION ALL
        SELECT 1 FROM judged j JOIN decision d ON d.line_id = j.line_id JOIN line_assessment a ON a.id = d.assessment_id
         WHERE a.record_id <> j.record_id AND d.round = (SELECT max(round) FROM decision WHERE line_id = j.line_id)
    ) THEN
        RAISE EXCEPTION 'APPROVED needs a conclusion for it on exactly this assessment'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;"""

ROLE = "(SELECT current_setting('broker.role', true))"
USER = "(SELECT nullif(current_setting('broker.user', true), '')::uuid)"
PROCESSES = f"{ROLE} IN ('jobs', 'worker')"
ALL = f"{ROLE} IN ('jobs', 'worker', 'legal')"
# Table -> who sees its rows, who adds them. What one has graded is nobody else's before both have.
POLICIES = {
    "balancing": (ALL, f"{ROLE} = 'legal'"),
    "balancing_grading": (
        f"{PROCESSES} OR ({ROLE} = 'legal' AND (graded_by_id = {USER} OR gradings_given(balancing_id) = 2))",
        f"{ROLE} = 'legal' AND graded_by_id = {USER}",
    ),
    "balancing_conclusion": (ALL, f"{ROLE} = 'legal' AND given_by_id = {USER}"),
    "balancing_review": (ALL, f"{ROLE} = 'legal' AND given_by_id = {USER}"),
}

FORWARD = (
    READING
    + GUARDS
    + TWO_PEOPLE % (f"{OUTCOMES}, 'NEEDS_JUDGEMENT'", JUDGED)
    + "".join(
        f"CREATE TRIGGER {t}_is_final BEFORE UPDATE OR DELETE ON {t} FOR EACH ROW EXECUTE FUNCTION refuse_rewrite();\n"
        for t in TABLES
    )
    + "".join(
        f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;\n"
        f"CREATE POLICY {table}_belongs ON {table} FOR SELECT USING ({sees});\n"
        f"CREATE POLICY {table}_is_added ON {table} FOR INSERT WITH CHECK ({adds});\n"
        for table, (sees, adds) in POLICIES.items()
    )
)
BACK = (
    "".join(
        f"DROP POLICY {table}_is_added ON {table};\nDROP POLICY {table}_belongs ON {table};\n"
        f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY;\n"
        for table in POLICIES
    )
    + "".join(f"DROP TRIGGER {t}_is_final ON {t};\n" for t in TABLES)
    + TWO_PEOPLE % (OUTCOMES, "")
    + """
DROP TRIGGER decision_judgement_guard ON decision;
DROP FUNCTION decision_judgement_guard();
ALTER TABLE balancing_conclusion DROP CONSTRAINT balancing_conclusion_digest;
DROP TRIGGER balancing_review_guard ON balancing_review;
DROP FUNCTION balancing_review_guard();
DROP TRIGGER balancing_conclusion_guard ON balancing_conclusion;
DROP FUNCTION balancing_conclusion_guard();
DROP TRIGGER balancing_grading_guard ON balancing_grading;
DROP FUNCTION balancing_grading_guard();
DROP TRIGGER balancing_guard ON balancing;
DROP FUNCTION balancing_guard();
DROP FUNCTION require_judge(uuid, uuid, uuid);
DROP FUNCTION gradings_given(uuid);
DROP FUNCTION judged_in_favour(uuid, text);
DROP FUNCTION balancing_stands(uuid);
DROP FUNCTION balancing_is_barred(uuid);
DROP FUNCTION balancing_needs_third(uuid, boolean);
DROP FUNCTION balancing_differs(uuid);
DROP FUNCTION gradings_differ(balancing_grading, balancing_grading);
DROP FUNCTION grading_reading(balancing_grading);
"""
)


class Migration(migrations.Migration):

    dependencies = [
        ('broker', '0009_answers_name_their_person'),
    ]

    operations = [
        migrations.CreateModel(
            name='Balancing',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, primary_key=True, serialize=False)),
                ('rule', models.CharField(max_length=255)),
                ('kind', models.CharField(choices=[('weigh', 'Weigh'), ('review', 'Review'), ('conflict', 'Conflict')], max_length=8)),
                ('opened_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('event', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='broker.event')),
                ('record', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='broker.assessmentrecord')),
                ('request', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='balancings', to='broker.disclosurerequest')),
            ],
            options={
                'db_table': 'balancing',
            },
        ),
        migrations.CreateModel(
            name='Conclusion',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, primary_key=True, serialize=False)),
                ('person', models.UUIDField()),
                ('favourable', models.BooleanField()),
                ('reason', models.CharField(max_length=4000)),
                ('given_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('content', models.TextField()),
                ('digest', models.CharField(max_length=64)),
                ('balancing', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='conclusion', to='broker.balancing')),
                ('event', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='broker.event')),
                ('given_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'db_table': 'balancing_conclusion',
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='Grading',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, primary_key=True, serialize=False)),
                ('seat', models.PositiveSmallIntegerField()),
                ('person', models.UUIDField()),
                ('ended', models.CharField(blank=True, max_length=9)),
                ('interference', models.PositiveSmallIntegerField(null=True)),
                ('privacy_weight', models.PositiveSmallIntegerField(null=True)),
                ('privacy_reliability', models.PositiveSmallIntegerField(null=True)),
                ('importance', models.PositiveSmallIntegerField(null=True)),
                ('claim_weight', models.PositiveSmallIntegerField(null=True)),
                ('claim_reliability', models.PositiveSmallIntegerField(null=True)),
                ('content', models.JSONField()),
                ('graded_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('balancing', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='gradings', to='broker.balancing')),
                ('event', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='broker.event')),
                ('graded_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'db_table': 'balancing_grading',
                'ordering': ['seat'],
            },
        ),
        migrations.CreateModel(
            name='SecondReview',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, primary_key=True, serialize=False)),
                ('person', models.UUIDField()),
                ('favourable', models.BooleanField()),
                ('reason', models.CharField(max_length=4000)),
                ('given_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('balancing', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='second_review', to='broker.balancing')),
                ('event', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='broker.event')),
                ('given_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'db_table': 'balancing_review',
                'abstract': False,
            },
        ),
        migrations.AddConstraint(
            model_name='balancing',
            constraint=models.UniqueConstraint(fields=('request', 'record', 'rule'), name='balancing_once_a_record'),
        ),
        migrations.AddConstraint(
            model_name='balancing',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['weigh', 'review', 'conflict'])), name='balancing_kind_known'),
        ),
        migrations.AddConstraint(
            model_name='grading',
            constraint=models.UniqueConstraint(fields=('balancing', 'person'), name='balancing_grading_two_people'),
        ),
        migrations.AddConstraint(
            model_name='grading',
            constraint=models.UniqueConstraint(fields=('balancing', 'seat'), name='balancing_grading_one_per_seat'),
        ),
        migrations.AddConstraint(
            model_name='grading',
            constraint=models.CheckConstraint(condition=models.Q(('seat__in', [1, 2])), name='balancing_grading_two_seats'),
        ),
        migrations.AddConstraint(
            model_name='grading',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('claim_reliability__in', [1, 2, 4]), ('claim_reliability__isnull', False), ('claim_weight__in', [1, 2, 4]), ('claim_weight__isnull', False), ('ended', ''), ('importance__in', [1, 2, 4]), ('importance__isnull', False), ('interference__in', [1, 2, 4]), ('interference__isnull', False), ('privacy_reliability__in', [1, 2, 4]), ('privacy_reliability__isnull', False), ('privacy_weight__in', [1, 2, 4]), ('privacy_weight__isnull', False)), models.Q(('claim_reliability', None), ('claim_weight', None), ('ended__in', ['suitable', 'necessary']), ('importance', None), ('interference', None), ('privacy_reliability', None), ('privacy_weight', None)), _connector='OR'), name='balancing_grading_whole_or_ended'),
        ),
        migrations.RunSQL(FORWARD, BACK),
    ]
