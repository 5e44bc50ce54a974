"""Rows are seen by those they belong to, and by nobody where nobody asks; and guards see everything.

1. Row-level security on every table that holds something of a request. A process says on whose behalf it asks in the
   settings `broker.role`, `broker.organisation` and `broker.user` of its transaction; unset means no rows. Jobs and
   worker name themselves and see all; the web process names the person: legal staff see all, counsel and authorities
   what their organisation asked for, clerks what was addressed to their court, auditors the events.
2. A row of a request's inside is seen with the request: a subselect that row-level security narrows in turn. The
   settings are read in scalar subselects, which are evaluated once and keep indexes usable.
3. The owner of the tables is not held to it, on purpose: the guards of the earlier migrations run as the owner from
   here on, so that no guard is fooled by a row that the caller cannot see, and nobody but a guard writes a state move.
4. Every role may ask for the state of the schema.

Source: PostgreSQL 15 to 18, "Row Security Policies" and "Writing SECURITY DEFINER Functions Safely".
"""

from django.db import migrations

ROLE = "(SELECT current_setting('broker.role', true))"
ORGANISATION = "(SELECT nullif(current_setting('broker.organisation', true), '')::uuid)"
USER = "(SELECT nullif(current_setting('broker.user', true), '')::uuid)"

PROCESSES = f"{ROLE} IN ('jobs', 'worker')"
ALL = f"{ROLE} IN ('jobs', 'worker', 'legal')"


def seen_with(table: str, condition: str) -> str:
    """See a row with another that is seen."""
    return f"EXISTS (SELECT 1 FROM {table} seen WHERE {condition})"


# Table -> who sees and adds its rows.
POLICIES = {
    "disclosure_request": f"{ALL} OR ({ROLE} IN ('counsel', 'authority') AND organisation_id = {ORGANISATION}) "
    f"OR ({ROLE} = 'clerk' AND court_id = {ORGANISATION})",
    "request_line": f"{ALL} OR {seen_with('disclosure_request', 'seen.id = request_line.request_id')}",
    "court_order": f"{ALL} OR {seen_with('disclosure_request', 'seen.id = court_order.request_id')}",
    "order_terms": f"{ALL} OR {seen_with('court_order', 'seen.id = order_terms.order_id')}",
    "terms_line": f"{ALL} OR {seen_with('order_terms', 'seen.id = terms_line.terms_id')}",
    "order_check": f"{ALL} OR {seen_with('court_order', 'seen.id = order_check.order_id')}",
    "line_assessment": f"{ALL} OR {seen_with('request_line', 'seen.id = line_assessment.line_id')}",
    "assessment_record": f"{ALL} OR {seen_with('line_assessment', 'seen.record_id = assessment_record.digest')}",
    "tranche": f"{ALL} OR {seen_with('disclosure_request', 'seen.id = tranche.request_id')}",
    "tranche_line": f"{ALL} OR {seen_with('tranche', 'seen.id = tranche_line.tranche_id')}",
    # The court learns from the line's state that there is an answer; the answer is the recipient's.
    "sealed_release": f"{ALL} OR ({ROLE} <> 'clerk' AND {seen_with('tranche', 'seen.id = sealed_release.tranche_id')})",
    # What is inside the operator.
    "decision": ALL,
    "decision_note": ALL,
    # Whoever answered a question sees that answer.
    "fact_answer": f"{ALL} OR (answered_by_id = {USER} "
    f"AND {seen_with('disclosure_request', 'seen.id = fact_answer.request_id')})",
    "recipient_key": f"{ALL} OR organisation_id = {ORGANISATION}",
    "state_move": f"{ALL} OR {seen_with('request_line', 'seen.id = state_move.subject_id')} "
    f"OR {seen_with('court_order', 'seen.id = state_move.subject_id')}",
}
EVENTS = (
    f"{ALL} OR {ROLE} = 'auditor' OR {seen_with('disclosure_request', 'seen.id = event.subject_id')} "
    f"OR {seen_with('court_order', 'seen.id = event.subject_id')} "
    f"OR {seen_with('tranche', 'seen.id = event.subject_id')}"
)
DOCUMENTS = f"{ALL} OR {seen_with('court_order', 'seen.document_id = order_document.sha256')}"

# They read more than their caller may see, and write what their caller may not.
GUARDS = (
    "request_line_inserted()",
    "request_line_updated()",
    "court_order_guard()",
    "decision_guard()",
    "tranche_line_guard()",
    "sealed_release_guard()",
    "terms_line_guard()",
)

FORWARD = (
    "".join(
        f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;\n"
        f"CREATE POLICY {table}_belongs ON {table} USING ({condition}) WITH CHECK ({condition});\n"
        for table, condition in POLICIES.items()
    )
    + f"""
ALTER TABLE event ENABLE ROW LEVEL SECURITY;
CREATE POLICY event_belongs ON event FOR SELECT USING ({EVENTS});
-- Everybody's deeds are recorded; a feeder's too, who sees nothing here.
CREATE POLICY event_is_added ON event FOR INSERT WITH CHECK (true);

-- A document is there before the order that makes it visible, and the same document may be there already.
ALTER TABLE order_document ENABLE ROW LEVEL SECURITY;
CREATE POLICY order_document_belongs ON order_document FOR SELECT USING ({DOCUMENTS});
CREATE POLICY order_document_is_added ON order_document FOR INSERT WITH CHECK ({ROLE} IN ('clerk', 'legal'));
"""
    + "".join(f"ALTER FUNCTION {guard} SECURITY DEFINER SET search_path = public, pg_temp;\n" for guard in GUARDS)
    + """
-- Whether an approval stands in an open round is all that the other side has to know of a decision.
CREATE FUNCTION decision_under_way(p_lines uuid[]) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = public, pg_temp
    AS $$ SELECT EXISTS (
        SELECT 1 FROM request_line l JOIN decision d ON d.line_id = l.id AND d.verdict = 'approve'
         WHERE l.id = ANY (p_lines) AND l.state = 'UNDER_REVIEW'
           AND (d.round = 2 OR NOT EXISTS (
                SELECT 1 FROM decision x WHERE x.line_id = l.id AND x.verdict = 'deny'))) $$;

CREATE FUNCTION broker_schema() RETURNS SETOF text LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = public, pg_temp
    AS $$ SELECT app || '.' || name FROM django_migrations WHERE app = 'broker' $$;
"""
)
BACK = (
    "DROP FUNCTION broker_schema();\nDROP FUNCTION decision_under_way(uuid[]);\n"
    + "".join(f"ALTER FUNCTION {guard} SECURITY INVOKER RESET search_path;\n" for guard in GUARDS)
    + """
DROP POLICY order_document_is_added ON order_document;
DROP POLICY order_document_belongs ON order_document;
ALTER TABLE order_document DISABLE ROW LEVEL SECURITY;
DROP POLICY event_is_added ON event;
DROP POLICY event_belongs ON event;
ALTER TABLE event DISABLE ROW LEVEL SECURITY;
"""
    + "".join(
        f"DROP POLICY {table}_belongs ON {table};\nALTER TABLE {table} DISABLE ROW LEVEL SECURITY;\n"
        for table in POLICIES
    )
)


class Migration(migrations.Migration):
    dependencies = [("broker", "0005_courts_say_what_signatures_bring")]
    operations = [migrations.RunSQL(FORWARD, BACK)]
