"""The attempts of test_database_roles.py: each statement beside the one wall that stops it."""

from __future__ import annotations

from dataclasses import dataclass

WEB, WORKER, JOBS, FEEDER = "broker_web", "broker_worker", "broker_jobs", "broker_feeder"


@dataclass(frozen=True)
class Attempt:
    """A statement that must be refused. without: what a superuser takes away for it to succeed.

    person: in the web process, who asks ("role organisation user" as keys of the known rows).
    rows: how many rows it touches or sees when it succeeds; with the wall a statement that sees rows sees none.
    """

    role: str
    statement: str
    without: str
    store: str = "default"
    person: str = ""
    rows: int | None = None


def grant(right: str, table: str, role: str) -> str:
    return f"GRANT SELECT, {right} ON {table} TO {role}"


def rewrite(role: str, right: str, statement: str, table: str, store: str = "default") -> Attempt:
    """Changing or deleting, which a missing grant refuses; behind it stand a trigger and row-level security."""
    return Attempt(
        role,
        statement,
        f"{grant(right, table, role)}; ALTER TABLE {table} DISABLE TRIGGER USER, DISABLE ROW LEVEL SECURITY",
        store,
        person="legal",
        rows=1,
    )


def add(role: str, table: str, statement: str, store: str = "default") -> Attempt:
    """Adding a row, which a missing grant refuses."""
    return Attempt(role, statement, grant("INSERT", table, role), store, person="legal", rows=1)


def see(person: str, table: str, where: str = "") -> Attempt:
    """Seeing rows of somebody else, which row-level security refuses."""
    tables = (
        "disclosure_request, request_line, court_order, order_terms, tranche, sealed_release, decision, recipient_key, "
        "order_document, line_assessment, assessment_record, event, state_move"
    )
    off = "; ".join(f"ALTER TABLE {name} DISABLE ROW LEVEL SECURITY" for name in tables.split(", "))
    return Attempt(WEB, f"SELECT 1 FROM {table} {where}", off, person=person, rows=1)


COPY_EVENT = "UPDATE event SET kind = 'x:y' WHERE id = %(event)s"
NEW_DECISION = (
    "INSERT INTO decision (id, line_id, round, seat, person, decided_by_id, verdict, reason, assessment_id, "
    "decided_at, event_id) SELECT gen_random_uuid(), line_id, 1, 2, %(second_person)s, %(second)s, 'approve', 'r', "
    "assessment_id, now(), event_id FROM decision WHERE line_id = %(open_line)s"
)
NEW_ORDER = (
    "INSERT INTO court_order (id, request_id, court_id, file_number, document_id, uploaded_by_id, uploaded_at, state, "
    "event_id) SELECT %(new_order)s, request_id, court_id, 'another', %(document)s, uploaded_by_id, now(), 'RECEIVED', "
    "%(new_order_event)s FROM court_order WHERE id = %(order)s"
)
NEW_ACCOUNT = (
    "INSERT INTO user_account (id, person_id, username, display_name, email, organisation_id, role, is_active, "
    "password, session_stamp) "
    "SELECT gen_random_uuid(), gen_random_uuid(), 'x', 'x', '', organisation_id, 'legal', true, '', session_stamp "
    "FROM user_account WHERE id = %(second)s"
)
NEW_TRANCHE = (
    "INSERT INTO tranche (id, request_id, terms_id, recipient_key_id, created_at, event_id) "
    "SELECT gen_random_uuid(), request_id, terms_id, recipient_key_id, now(), %(event)s "
    "FROM tranche WHERE id = %(tranche)s"
)
NEW_MOVE = (
    "INSERT INTO state_move (subject_id, event_id, old_state, new_state) VALUES (gen_random_uuid(), %(event)s, '', 'X')"
)
NEW_CHECK = (
    "INSERT INTO order_check (order_id, number, code, title, detail, passed) "
    "SELECT id, 99, 'x', 'x', '', true FROM court_order WHERE id = %(order)s"
)
NEW_POLICY = (
    "INSERT INTO signature_policy (court_id, timestamp_required, revocation_required, revocation_max_age_hours, "
    "certificate_policies, key_usage, registered_at) VALUES (%(court)s, false, false, 24, '[]', '[]', now())"
)
NEW_PLACE = (
    "INSERT INTO revocation_source (id, court_id, url, registered_at) "
    "VALUES (gen_random_uuid(), %(court)s, 'http://a.example/a.crl', now())"
)
NEW_PACK = (
    "INSERT INTO pack_release (id, pack, meaning_hash, text_hash, content, signed_by, signed_as, signed_on, for_trial, "
    "enabled_by_id, enabled_at, event_id, withdrawn_reason) "
    "SELECT gen_random_uuid(), 'es', repeat('1', 64), repeat('1', 64), '[]', 'x', 'x', {signed_on}, {trial}, {by}, "
    "now(), %(loose_event)s, ''"
)
SIGNED_PACK = NEW_PACK.format(signed_on="'2026-11-20'", trial="false", by="%(second)s")
TRIAL_PACK = NEW_PACK.format(signed_on="NULL", trial="true", by="NULL")
NO_GUARD_OF_PACKS = "ALTER TABLE pack_release DISABLE TRIGGER USER, DISABLE ROW LEVEL SECURITY"
NEW_GRADING = (
    "INSERT INTO balancing_grading (id, balancing_id, seat, person, graded_by_id, ended, content, graded_at, event_id) "
    "VALUES (gen_random_uuid(), %(balancing)s, 2, %(second_person)s, %(second)s, 'suitable', '{}', now(), %(event)s)"
)
NEW_HOLD = (
    "INSERT INTO hold_act (id, request_id, until_on, reason, made_by_id, made_at, event_id) "
    "VALUES (gen_random_uuid(), %(request)s, current_date + 9, 'r', %(second)s, now(), %(event)s)"
)
OPEN_GRADINGS = "ALTER TABLE balancing_grading DISABLE ROW LEVEL SECURITY"

ATTEMPTS: dict[str, Attempt] = {
    # The web process knows who asks and decides nothing by itself.
    "web rewrites an event": rewrite(WEB, "UPDATE", COPY_EVENT, "event"),
    "web deletes a move": rewrite(WEB, "DELETE", "DELETE FROM state_move WHERE id = %(move)s", "state_move"),
    "web empties the moves": Attempt(WEB, "TRUNCATE state_move", grant("TRUNCATE", "state_move", WEB)),
    "web invents a move": add(WEB, "state_move", NEW_MOVE),
    "web deletes a line": rewrite(WEB, "DELETE", "DELETE FROM terms_line WHERE id = %(terms_line)s", "terms_line"),
    "web changes what a line asks": rewrite(
        WEB, "UPDATE", "UPDATE request_line SET address = '203.0.113.9' WHERE id = %(line)s", "request_line"
    ),
    "web passes an order": add(WEB, "order_check", NEW_CHECK),
    "web rewrites a check": rewrite(
        WEB, "UPDATE", "UPDATE order_check SET passed = true WHERE order_id = %(order)s", "order_check"
    ),
    "web rewrites a decision": rewrite(
        WEB, "UPDATE", "UPDATE decision SET reason = 'x' WHERE line_id = %(open_line)s", "decision"
    ),
    "the worker has rows kept": Attempt(
        WORKER,
        NEW_HOLD,
        f"{grant('INSERT', 'hold_act', WORKER)}; ALTER TABLE hold_act DISABLE TRIGGER USER, DISABLE ROW LEVEL SECURITY",
        rows=1,
    ),
    "the feeder ends a hold": Attempt(
        FEEDER, "UPDATE lease_hold SET lapses_at = now()", grant("UPDATE", "lease_hold", FEEDER), "leases"
    ),
    "the worker moves a hold to another address": Attempt(
        WORKER, "UPDATE lease_hold SET address = '203.0.113.9'", grant("UPDATE", "lease_hold", WORKER), "leases"
    ),
    "web rewrites a grading": rewrite(
        WEB,
        "UPDATE",
        "UPDATE balancing_grading SET interference = 1 WHERE balancing_id = %(balancing)s",
        "balancing_grading",
    ),
    "web deletes a grading": rewrite(
        WEB, "DELETE", "DELETE FROM balancing_grading WHERE balancing_id = %(balancing)s", "balancing_grading"
    ),
    "a colleague grades in another's name": Attempt(WEB, NEW_GRADING, OPEN_GRADINGS, person="colleague", rows=1),
    "a second grader sees what the first one gave": Attempt(
        WEB, "SELECT 1 FROM balancing_grading", OPEN_GRADINGS, person="colleague", rows=1
    ),
    "counsel sees a balancing": Attempt(
        WEB, "SELECT 1 FROM balancing", "ALTER TABLE balancing DISABLE ROW LEVEL SECURITY", person="counsel", rows=1
    ),
    "counsel sees a grading": Attempt(WEB, "SELECT 1 FROM balancing_grading", OPEN_GRADINGS, person="counsel", rows=1),
    "the worker grades": Attempt(
        WORKER, NEW_GRADING, f"GRANT INSERT ON balancing_grading TO broker_worker; {OPEN_GRADINGS}", rows=1
    ),
    "jobs reads what was graded": Attempt(
        JOBS,
        "SELECT count(*) FROM balancing_grading",
        f"GRANT SELECT ON balancing_grading TO broker_jobs; {OPEN_GRADINGS}",
        rows=1,
    ),
    "web rewrites a package": rewrite(
        WEB, "UPDATE", "UPDATE sealed_release SET package = 'x' WHERE tranche_id = %(tranche)s", "sealed_release"
    ),
    "web rewrites terms": rewrite(
        WEB, "UPDATE", "UPDATE order_terms SET recipient = 'x' WHERE order_id = %(order)s", "order_terms"
    ),
    "web assesses": add(
        WEB,
        "pack_version",
        "INSERT INTO pack_version (text_hash, meaning_hash, pack, content) VALUES ('x', 'x', 'es', '')",
    ),
    "web trusts a certificate": add(
        WEB,
        "court_certificate",
        "INSERT INTO court_certificate (id, court_id, der, sha256, use, registered_at) "
        "VALUES (gen_random_uuid(), %(court)s, 'x', 'x', 'signature', now())",
    ),
    "web relaxes a court's policy": add(WEB, "signature_policy", NEW_POLICY),
    "web registers a place of lists": add(WEB, "revocation_source", NEW_PLACE),
    "web says whose signature an order has": rewrite(
        WEB, "UPDATE", "UPDATE court_order SET signed_identity = 'x' WHERE id = %(order)s", "court_order"
    ),
    "web changes a role": Attempt(
        WEB,
        "UPDATE user_account SET role = 'legal' WHERE id = %(engineer)s",
        "ALTER TABLE user_account DISABLE TRIGGER account_reach_guard",
        rows=1,
    ),
    "web opens an account for a second pair of eyes": Attempt(
        WEB, NEW_ACCOUNT, "ALTER TABLE user_account DISABLE TRIGGER account_reach_guard", rows=1
    ),
    # Rules decide because counsel of their place signed them, and because nobody else can say so.
    "web enables a pack nobody signed": Attempt(WEB, TRIAL_PACK, NO_GUARD_OF_PACKS, person="legal", rows=1),
    "web rewrites who signed a pack": rewrite(
        WEB, "UPDATE", "UPDATE pack_release SET signed_by = 'x' WHERE withdrawn_at IS NULL", "pack_release"
    ),
    "web deletes a signature": rewrite(WEB, "DELETE", "DELETE FROM pack_release", "pack_release"),
    "the worker enables a pack": Attempt(
        WORKER, SIGNED_PACK, f"{grant('INSERT', 'pack_release', WORKER)}; {NO_GUARD_OF_PACKS}", rows=1
    ),
    "jobs enables a pack": Attempt(
        JOBS, SIGNED_PACK, f"{grant('INSERT', 'pack_release', JOBS)}; {NO_GUARD_OF_PACKS}", rows=1
    ),
    "jobs says what a stored pack means": rewrite(
        JOBS, "UPDATE", "UPDATE pack_version SET meaning_hash = repeat('1', 64)", "pack_version"
    ),
    "the worker writes what web unpickles": add(
        WORKER, "limit_count", "INSERT INTO limit_count VALUES ('x', 'x', now())"
    ),
    "jobs sees the second factors": Attempt(
        JOBS, "SELECT count(*) FROM mfa_authenticator", "GRANT SELECT ON mfa_authenticator TO broker_jobs"
    ),
    "web becomes the worker": Attempt(WEB, "SET ROLE broker_worker", "GRANT broker_worker TO broker_web"),
    "web makes a table": Attempt(WEB, "CREATE TABLE mine (x int)", "GRANT CREATE ON SCHEMA public TO broker_web"),
    "web switches a guard off": Attempt(
        WEB, "ALTER TABLE event DISABLE TRIGGER USER", "ALTER TABLE event OWNER TO broker_web"
    ),
    "web switches row security off": Attempt(
        WEB, "ALTER TABLE decision DISABLE ROW LEVEL SECURITY", "ALTER TABLE decision OWNER TO broker_web"
    ),
    "web drops the moves": Attempt(WEB, "DROP TABLE state_move", "ALTER TABLE state_move OWNER TO broker_web"),
    "web runs as a replica": Attempt(
        WEB,
        "SET LOCAL session_replication_role = replica",
        "GRANT SET ON PARAMETER session_replication_role TO broker_web",
    ),
    "web reads a server file": Attempt(
        WEB,
        "SELECT pg_read_file('PG_VERSION')",
        "GRANT pg_read_server_files TO broker_web; GRANT EXECUTE ON FUNCTION pg_read_file(text) TO broker_web",
    ),
    # Row-level security, by person.
    "nobody sees a request": see("nobody", "disclosure_request"),
    "nobody sees an event": see("nobody", "event"),
    "nobody sees a line": see("nobody", "request_line"),
    "a strange counsel sees a request": see("stranger", "disclosure_request", "WHERE id = %(request)s"),
    "a strange counsel sees a line": see("stranger", "request_line", "WHERE id = %(line)s"),
    "a strange counsel sees an order": see("stranger", "court_order", "WHERE id = %(order)s"),
    "a strange counsel sees a document": see("stranger", "order_document"),
    "a strange counsel sees a package": see("stranger", "sealed_release"),
    "a strange counsel sees a key": see("stranger", "recipient_key"),
    "a strange counsel sees an event": see("stranger", "event", "WHERE subject_id = %(request)s"),
    "a strange counsel sees an assessment": see("stranger", "assessment_record"),
    "a strange clerk sees a request": see("strange_clerk", "disclosure_request"),
    "a strange clerk sees an order": see("strange_clerk", "court_order"),
    "a clerk sees a package": see("clerk", "sealed_release"),
    "a clerk sees a decision": see("clerk", "decision"),
    "counsel sees a decision": see("counsel", "decision"),
    "an auditor sees a request": see("auditor", "disclosure_request"),
    "an engineer sees a line": see("engineer", "request_line"),
    "counsel files for another organisation": Attempt(
        WEB,
        "INSERT INTO disclosure_request SELECT (jsonb_populate_record(q, jsonb_build_object('id', gen_random_uuid(), "
        "'reference', 'R-X', 'organisation_id', %(stranger_organisation)s::uuid))).* "
        "FROM disclosure_request q WHERE id = %(request)s",
        "ALTER TABLE disclosure_request DISABLE ROW LEVEL SECURITY",
        person="counsel",
        rows=1,
    ),
    # The worker answers what others decided.
    "the worker brings an order": add(WORKER, "court_order", NEW_ORDER),
    "the worker decides": add(WORKER, "decision", NEW_DECISION),
    "the worker approves a tranche": add(WORKER, "tranche", NEW_TRANCHE),
    "the worker makes an account": add(WORKER, "user_account", NEW_ACCOUNT),
    "the worker passes an order": add(WORKER, "order_check", NEW_CHECK),
    "the worker rewrites terms": rewrite(
        WORKER, "UPDATE", "UPDATE order_terms SET recipient = 'x' WHERE order_id = %(order)s", "order_terms"
    ),
    "the worker rewrites an event": rewrite(WORKER, "UPDATE", COPY_EVENT, "event"),
    "the worker deletes a package": rewrite(
        WORKER, "DELETE", "DELETE FROM sealed_release WHERE tranche_id = %(tranche)s", "sealed_release"
    ),
    "the worker reads sessions": Attempt(
        WORKER, "SELECT count(*) FROM django_session", "GRANT SELECT ON django_session TO broker_worker", rows=1
    ),
    "the worker reads keys of the API": Attempt(
        WORKER, "SELECT count(*) FROM api_key", "GRANT SELECT ON api_key TO broker_worker", rows=1
    ),
    "the worker adds a lease": Attempt(
        WORKER, "INSERT INTO lease SELECT * FROM lease WHERE false", grant("INSERT", "lease", WORKER), "leases"
    ),
    "the worker deletes leases": Attempt(WORKER, "DELETE FROM lease", grant("DELETE", "lease", WORKER), "leases"),
    "the worker changes an identity": Attempt(
        WORKER, "UPDATE sealed_record SET body = ''", grant("UPDATE", "sealed_record", WORKER), "identities"
    ),
    "the worker removes a data key": Attempt(
        WORKER, "DELETE FROM sealed_key", grant("DELETE", "sealed_key", WORKER), "identities"
    ),
    # Jobs check and assess; they neither decide nor answer.
    "jobs decides": add(JOBS, "decision", NEW_DECISION),
    "jobs brings an order": add(JOBS, "court_order", NEW_ORDER),
    "jobs approves a tranche": add(JOBS, "tranche", NEW_TRANCHE),
    "jobs relaxes a court's policy": add(JOBS, "signature_policy", NEW_POLICY),
    "jobs registers a place of lists": add(JOBS, "revocation_source", NEW_PLACE),
    "jobs seals": Attempt(
        JOBS,
        "INSERT INTO sealed_release SELECT * FROM sealed_release WHERE false",
        grant("INSERT", "sealed_release", JOBS),
    ),
    "jobs rewrites an event": rewrite(JOBS, "UPDATE", COPY_EVENT, "event"),
    "jobs deletes an event": rewrite(JOBS, "DELETE", "DELETE FROM event WHERE id = %(loose_event)s", "event"),
    "jobs reads sessions": Attempt(
        JOBS, "SELECT count(*) FROM django_session", "GRANT SELECT ON django_session TO broker_jobs", rows=1
    ),
    # The feeder fills two stores and sees nothing of the third.
    **{
        f"the feeder reads {table}": Attempt(
            FEEDER,
            f"SELECT count(*) FROM {table}",
            f"GRANT SELECT ON {table} TO broker_feeder; ALTER TABLE {table} DISABLE ROW LEVEL SECURITY",
            rows=1,
        )
        for table in ("request_line", "event", "user_account", "court_order", "organisation", "outbox")
    },
    "the feeder rewrites an event": rewrite(FEEDER, "UPDATE", COPY_EVENT, "event"),
    "the feeder reads what is sealed": Attempt(
        FEEDER, "SELECT body FROM sealed_record", "GRANT SELECT ON sealed_record TO broker_feeder", "identities"
    ),
    "the feeder reads data keys": Attempt(
        FEEDER, "SELECT wrapped FROM sealed_key", "GRANT SELECT ON sealed_key TO broker_feeder", "identities"
    ),
    "the feeder rewrites leases": Attempt(
        FEEDER,
        "UPDATE lease SET valid_to = now()",
        f"{grant('UPDATE', 'lease', FEEDER)}; DROP TRIGGER lease_is_final ON lease",
        "leases",
    ),
    "the feeder reads what is held for a case": Attempt(
        FEEDER, "SELECT case_id FROM lease_hold", grant("SELECT", "lease_hold", FEEDER), "leases"
    ),
    "the feeder takes back a hold": Attempt(
        FEEDER, "DELETE FROM lease_hold", grant("SELECT, DELETE", "lease_hold", FEEDER), "leases"
    ),
    "the feeder drops months": Attempt(
        FEEDER,
        "SELECT drop_lease_months('1990-01-01T00:00:00Z')",
        "GRANT EXECUTE ON FUNCTION drop_lease_months(timestamptz) TO broker_feeder",
        "leases",
    ),
    "the feeder drops holds, also lapsed ones": Attempt(
        FEEDER,
        "SELECT drop_lapsed_holds()",
        "GRANT EXECUTE ON FUNCTION drop_lapsed_holds() TO broker_feeder",
        "leases",
    ),
    "the worker removes a hold": Attempt(
        WORKER, "DELETE FROM lease_hold", grant("SELECT, DELETE", "lease_hold", WORKER), "leases"
    ),
    "the worker removes held rows": Attempt(
        WORKER, "DELETE FROM held_lease", grant("SELECT, DELETE", "held_lease", WORKER), "leases"
    ),
    "the worker removes held sessions": Attempt(
        WORKER, "DELETE FROM held_radacct", grant("SELECT, DELETE", "held_radacct", WORKER), "leases"
    ),
    "the worker closes an open lease": Attempt(
        WORKER, "DELETE FROM open_lease", grant("SELECT, DELETE", "open_lease", WORKER), "leases"
    ),
    "the worker changes the address plan": Attempt(
        WORKER, "UPDATE address_plan SET to_at = now()", grant("UPDATE", "address_plan", WORKER), "leases"
    ),
    "the feeder deletes leases": Attempt(FEEDER, "DELETE FROM lease", grant("DELETE", "lease", FEEDER), "leases"),
}
