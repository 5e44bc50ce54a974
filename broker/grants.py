"""Who may do what with which table: one matrix, applied by the owner and compared at every start.

Rights are those of PostgreSQL; columns in parentheses narrow a right to them, which is also enough to lock rows.
What is not listed is granted to nobody: no process deletes or truncates, and none changes or removes an event.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg import sql

from broker.databases import ALIASES, Process, role_of

WEB, WORKER, JOBS, FEEDER = Process.WEB, Process.WORKER, Process.JOBS, Process.FEEDER

_READ = "SELECT"
_ADD = "SELECT, INSERT"
_MOVE = "SELECT, UPDATE (state, event_id)"

# Store -> table -> process -> rights.
GRANTS: Mapping[str, Mapping[str, Mapping[Process, str]]] = {
    "default": {
        "organisation": {WEB: _READ, WORKER: _READ, JOBS: _READ},
        # A trigger keeps web from opening or raising accounts of the operator's own staff.
        "user_account": {WEB: "SELECT, INSERT, UPDATE (password, last_login, role, is_active, session_stamp)"},
        "invitation": {WEB: "SELECT, INSERT, UPDATE (used_at, withdrawn_at)"},
        "recipient_key": {WEB: "SELECT, INSERT, UPDATE (withdrawn_at)", WORKER: _READ, JOBS: _READ},
        "court_certificate": {WEB: _READ, WORKER: _READ, JOBS: _READ},
        "signature_policy": {WORKER: _READ, JOBS: _READ},
        "revocation_source": {
            WORKER: _READ,
            JOBS: "SELECT, UPDATE (asked_at, content, issued_at, next_at, fetched_at)",
        },
        "api_key": {WEB: "SELECT, INSERT, UPDATE (revoked_at)"},
        "django_session": {WEB: "SELECT, INSERT, UPDATE, DELETE"},
        "usersessions_usersession": {WEB: "SELECT, INSERT, UPDATE, DELETE"},
        "mfa_authenticator": {WEB: "SELECT, INSERT, UPDATE, DELETE"},
        # What is in it is read by unpickling, so nobody but web may ever write it.
        "limit_count": {WEB: "SELECT, INSERT, UPDATE, DELETE"},
        # The library asks whether an address waits to be verified; there are none.
        "account_emailaddress": {WEB: _READ},
        "account_emailconfirmation": {},
        "django_content_type": {WEB: _READ},
        "django_admin_log": {},
        "auth_permission": {},
        "auth_group": {},
        "auth_group_permissions": {},
        "django_migrations": {},
        "disclosure_request": {WEB: _ADD, WORKER: _READ, JOBS: _READ},
        "request_line": {WEB: "SELECT, INSERT, UPDATE (state, event_id)", WORKER: _MOVE, JOBS: _MOVE},
        "evidence_file": {WEB: _ADD},
        # Jobs ask which questions are open, and one of their own about an order; what people wrote is not for them.
        "line_question": {WEB: _ADD, JOBS: _ADD},
        "line_answer": {WEB: _ADD, JOBS: "SELECT (question_id)"},
        "order_document": {WEB: _ADD, WORKER: _READ, JOBS: _READ},
        # The worker locks an order and changes none: a guard refuses another instant of upload.
        "court_order": {
            WEB: "SELECT, INSERT, UPDATE (state, event_id)",
            WORKER: "SELECT, UPDATE (uploaded_at)",
            JOBS: "SELECT, UPDATE (state, event_id, signed_identity)",
        },
        "order_revocation": {WEB: _ADD},
        "order_terms": {WEB: _ADD, WORKER: _READ, JOBS: _READ},
        "terms_line": {WEB: _ADD, WORKER: _READ, JOBS: _READ},
        "order_check": {WEB: _READ, WORKER: _READ, JOBS: _ADD},
        "pack_version": {WEB: _READ, WORKER: _READ, JOBS: _ADD},
        "pack_release": {
            WEB: "SELECT, INSERT, UPDATE (withdrawn_by_id, withdrawn_at, withdrawn_reason, withdrawn_event_id)",
            WORKER: _READ,
        },
        # Whether packs enabled for trying out count here is the owner's to say.
        "trial_place": {},
        "assessment_record": {WEB: _READ, WORKER: _READ, JOBS: _ADD},
        "line_assessment": {WEB: _READ, WORKER: _READ, JOBS: _ADD},
        "fact_answer": {WEB: _ADD, WORKER: _READ, JOBS: _READ},
        # The sweep of jobs asks whether a denial is final.
        "decision": {WEB: _ADD, WORKER: _READ, JOBS: "SELECT (line_id, round)"},
        "decision_note": {WEB: _ADD},
        "balancing": {WEB: _ADD, WORKER: _READ},
        "balancing_grading": {WEB: _ADD, WORKER: _READ},
        "balancing_conclusion": {WEB: _ADD, WORKER: _READ},
        "balancing_review": {WEB: _ADD, WORKER: _READ},
        "hold_act": {WEB: _ADD, WORKER: _READ, JOBS: _ADD},
        "line_hold": {WEB: _ADD, WORKER: _READ, JOBS: _ADD},
        "hold_end": {WEB: _ADD, WORKER: _READ, JOBS: _ADD},
        "tranche": {WEB: _ADD, WORKER: _READ, JOBS: _READ},
        "tranche_line": {WEB: _ADD, WORKER: _READ, JOBS: _READ},
        "sealed_release": {WEB: _READ, WORKER: _ADD, JOBS: _READ},
        "outbox": {WEB: "SELECT, INSERT, UPDATE", WORKER: "SELECT, UPDATE", JOBS: "SELECT, INSERT, UPDATE"},
        "event": {WEB: _ADD, WORKER: "INSERT", JOBS: _ADD, FEEDER: "INSERT"},
        "state_move": {WEB: _READ, JOBS: _READ},
    },
    "leases": {
        "lease_source": {
            FEEDER: "SELECT, INSERT, UPDATE (realm, worst_offset, derived, coverage, stated, logged, shows_within, "
            "clocks, retired, serial, serves_from, serves_until, drift_checked_on, in_place, lags, heard, "
            "doubted_from)",
            WORKER: _READ,
        },
        "lease_drifted_day": {FEEDER: "SELECT, INSERT, UPDATE (cleared_at)", WORKER: _READ},
        "lease_source_day": {
            FEEDER: "SELECT, INSERT, UPDATE (largest_offset, measured_count, found_offset, accepted_offset, told_at)",
            WORKER: _READ,
        },
        "lease_import": {FEEDER: _ADD, WORKER: _READ},
        "log_progress": {FEEDER: "SELECT, INSERT, UPDATE"},
        "log_holding": {FEEDER: "SELECT, INSERT, UPDATE, DELETE"},
        "log_reject": {FEEDER: _ADD},
        "lease_holder": {FEEDER: _ADD, WORKER: _READ},
        "line_term": {FEEDER: "SELECT, INSERT, UPDATE (to_at)", WORKER: _READ},
        # Partitions of the three belong to nobody but the owner; what counts is the right on the whole.
        "lease": {FEEDER: _ADD, WORKER: _READ},
        "port_block": {FEEDER: _ADD, WORKER: _READ},
        "odd_block": {FEEDER: _ADD, WORKER: _READ},
        # The one table of evidence whose rows change: a lease that has ended moves on.
        "open_lease": {FEEDER: "SELECT, INSERT, UPDATE, DELETE", WORKER: _READ},
        "address_width": {FEEDER: _ADD, WORKER: _READ},
        "block_shape": {FEEDER: _ADD, WORKER: _READ},
        "address_plan": {FEEDER: "SELECT, INSERT, UPDATE (to_at)", WORKER: _READ},
        "mapping_epoch": {FEEDER: "SELECT, INSERT, UPDATE (to_at, stated_at)", WORKER: _READ},
        # A hold is extended and ended; what it keeps goes with the function below, and only once it has lapsed.
        "lease_hold": {WORKER: "SELECT, INSERT, UPDATE (lapses_at, radius_settled)"},
        "held_lease": {WORKER: _ADD},
        "held_radacct": {WORKER: _ADD},
        "django_migrations": {},
    },
    "identities": {
        "subscriber_import": {FEEDER: _ADD},
        # The feeder sees which references are taken and nothing of what is sealed under them.
        "sealed_record": {FEEDER: "SELECT (subscriber_ref), INSERT", WORKER: _READ},
        "sealed_key": {FEEDER: "INSERT", WORKER: _READ},
        "django_migrations": {},
    },
}

# Store -> function -> who may call it; what a trigger calls needs no right.
FUNCTIONS: Mapping[str, Mapping[str, tuple[Process, ...]]] = {
    "default": {
        "broker_schema()": (WEB, WORKER, JOBS, FEEDER),
        "decision_under_way(uuid[])": (WEB, WORKER, JOBS),
        "gradings_given(uuid)": (WEB, WORKER),
        "people_answered(uuid, text)": (WEB, WORKER, JOBS),
        "preserved_until(uuid[])": (WEB,),
    },
    "leases": {
        "broker_schema()": (WORKER, FEEDER),
        "make_lease_months(timestamptz, timestamptz)": (FEEDER,),
        "drop_lease_months(timestamptz)": (WORKER,),
        "drop_lapsed_holds()": (WORKER,),
    },
    "identities": {"broker_schema()": (WORKER, FEEDER)},
}

# Tables whose rows belong to somebody: without row-level security no process may serve them.
ROW_SECURITY = (
    "disclosure_request",
    "request_line",
    "evidence_file",
    "line_question",
    "line_answer",
    "order_document",
    "court_order",
    "order_revocation",
    "order_terms",
    "terms_line",
    "order_check",
    "pack_release",
    "assessment_record",
    "line_assessment",
    "fact_answer",
    "decision",
    "decision_note",
    "hold_act",
    "line_hold",
    "hold_end",
    "balancing",
    "balancing_grading",
    "balancing_conclusion",
    "balancing_review",
    "tranche",
    "tranche_line",
    "sealed_release",
    "recipient_key",
    "event",
    "state_move",
)

_RIGHT = re.compile(r"(SELECT|INSERT|UPDATE|DELETE|TRUNCATE)(?: \(([a-z_, ]+)\))?")
RIGHTS = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")


@dataclass(frozen=True, slots=True)
class Right:
    """One right on one table; columns: those it is narrowed to, or none for the whole table."""

    table: str
    name: str
    columns: tuple[str, ...] = ()


def rights_of(process: Process, alias: str) -> list[Right]:
    """Everything one kind of process may do with the tables of one store."""
    found = []
    for table, by_process in GRANTS[alias].items():
        for name, columns in _RIGHT.findall(by_process.get(process, "")):
            found.append(Right(table, name, tuple(part.strip() for part in columns.split(",") if part.strip())))
    return found


def apply_grants(connection: BaseDatabaseWrapper) -> None:
    """Make the rights of every process on one store exactly those of the matrix; called as the owner."""
    alias = connection.alias
    processes = [p for p in Process if p != Process.OWNER and alias in ALIASES[p]]
    roles = sql.SQL(", ").join(sql.Identifier(role_of(process)) for process in processes)
    statements: list[sql.Composable] = [
        sql.SQL("REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC, {}").format(roles),
        sql.SQL("REVOKE ALL ON ALL SEQUENCES IN SCHEMA public FROM PUBLIC, {}").format(roles),
        # Triggers run without this right; what is left are helpers of ours that nobody else has to call.
        sql.SQL("REVOKE ALL ON ALL FUNCTIONS IN SCHEMA public FROM PUBLIC, {}").format(roles),
        sql.SQL("REVOKE ALL ON SCHEMA public FROM PUBLIC"),
        sql.SQL("GRANT USAGE ON SCHEMA public TO {}").format(roles),
    ]
    for function, callers in FUNCTIONS[alias].items():
        who = sql.SQL(", ").join(sql.Identifier(role_of(process)) for process in callers)
        statements.append(sql.SQL("GRANT EXECUTE ON FUNCTION {} TO {}").format(sql.SQL(function), who))
    for process in processes:
        for right in rights_of(process, alias):
            columns = sql.SQL(" ({})").format(sql.SQL(", ").join(map(sql.Identifier, right.columns)))
            statements.append(
                sql.SQL("GRANT {}{} ON {} TO {}").format(
                    sql.SQL(right.name),
                    columns if right.columns else sql.SQL(""),
                    sql.Identifier(right.table),
                    sql.Identifier(role_of(process)),
                )
            )
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def differences(connection: BaseDatabaseWrapper, process: Process) -> tuple[list[str], list[str]]:
    """Compare the rights this connection has with those of the matrix: (missing, too many), as "RIGHT on table"."""
    wanted = rights_of(process, connection.alias)
    missing = [f"{right.name} on {right.table}" for right in wanted if not _has(connection, right)]
    whole = {(right.table, right.name) for right in wanted if not right.columns}
    extra = [
        f"{name} on {table}"
        for table, name in _rights_on_whole_tables(connection, GRANTS[connection.alias])
        if (table, name) not in whole
    ]
    return missing, extra


def _has(connection: BaseDatabaseWrapper, right: Right) -> bool:
    with connection.cursor() as cursor:
        if not right.columns:
            cursor.execute("SELECT has_table_privilege(%s, %s)", [right.table, right.name])
            return bool(cursor.fetchone()[0])
        cursor.execute(
            "SELECT bool_and(has_column_privilege(%s, c, %s)) FROM unnest(%s::text[]) AS c",
            [right.table, right.name, list(right.columns)],
        )
        return bool(cursor.fetchone()[0])


def _rights_on_whole_tables(connection: BaseDatabaseWrapper, tables: Iterable[str]) -> list[tuple[str, str]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT t, r FROM unnest(%s::text[]) AS t, unnest(%s::text[]) AS r WHERE has_table_privilege(t, r)",
            [list(tables), list(RIGHTS)],
        )
        return list(cursor.fetchall())
