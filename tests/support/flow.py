"""Take requests through the stages with the real services and tasks, on the people and leases of the demo folder.

`Flow.run` does inline what relay and workers do in processes of their own; tests that need real processes use
`tests.support.deployment` instead.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.utils import timezone

from broker import tasks
from broker.databases import Process
from broker.decisions.models import Decision
from broker.decisions.services import decide
from broker.demo.world import LEASES_COMPLETE, World, make_world
from broker.intake.models import DisclosureRequest
from broker.intake.services import file_request
from broker.intake.slip_questions import SentEvidence
from broker.orders.models import CourtOrder
from broker.orders.services import attach_order
from broker.outbox.models import OutboxRow
from broker.parties.middleware import context_of
from broker.parties.models import User
from broker.release.envelope import OpenedRelease, open_package
from broker.release.models import SealedRelease
from broker.row_context import RowContext, acting
from tests.support.answers import FINDINGS, STATEMENTS, answer_as_staff
from tests.support.court import Court, order_pdf
from tests.support.packs import enable_packs

DEMO = Path(settings.BASE_DIR) / "fixtures" / "demo"
PASSWORD = "correct horse battery"

# Addresses of the demo folder at which something particular is true.
HIT = {"address": "198.51.100.23", "observed_at": "2026-09-14T21:05:09+02:00"}
MISS = {"address": "198.51.100.99", "observed_at": "2026-09-14T21:05:09+02:00"}
SHARED = {"address": "203.0.113.7", "observed_at": "2026-09-18T22:41:10+02:00"}
ONLY_RETAINED = {"address": "198.51.100.25", "observed_at": "2026-09-14T21:05:09+02:00"}


def civil_request(world: World, lines: Iterable[Mapping[str, Any]], **changes: Any) -> dict[str, Any]:
    """A civil request in Spain as the API takes it."""
    return {
        "court": str(world.organisations["madrid-mercantil"].id),
        "proceeding": "civil",
        "jurisdiction": "es",
        "measure": "disclosure",
        "legal_relation": "Producer of phonograms",
        "purpose": "To prepare a suit",
        "categories": ["name", "postal-address", "email"],
        "facts": dict(STATEMENTS) if changes.get("proceeding", "civil") == "civil" else {},
        "lines": [{"source_port": None, "evidence": "A-1", **line} for line in lines],
    } | changes


def civil_terms(lines: Iterable[Mapping[str, Any]], **changes: Any) -> dict[str, Any]:
    """Terms of a civil order that covers these lines and has every finding the law asks for."""
    return {
        "order_by": "court",
        "proceeding": "civil",
        "judge": "Judge",
        "issued_on": "2026-10-20",
        "expires_on": "2036-10-20",
        "addressee": "Telecable Ejemplo S.A.",
        "legal_basis": "LEC art. 256.1.11",
        "categories": ["name", "postal-address"],
        "recipient": "Asociación Fonográfica Ejemplo",
        "use_terms": "Only for the suit.",
        "notice_terms": "Notice is not deferred.",
        "findings": FINDINGS,
        "lines": [
            {
                "address": line["address"],
                "source_port": line.get("source_port"),
                "from": line.get("from", line.get("observed_at")),
                "until": line.get("until"),
                "protocol": line.get("protocol"),
            }
            for line in lines
        ],
    } | changes


def load_stores() -> None:
    """Fill the two walled-off stores from the demo folder, with fresh keys."""
    call_command("make_keys", verbosity=0)
    call_command("import_subscribers", str(DEMO / "subscribers.csv"), verbosity=0)
    call_command("import_plan", str(DEMO / "address_plan.csv"), verbosity=0)
    call_command("import_leases", str(DEMO / "leases.csv"), *LEASES_COMPLETE, verbosity=0)


@dataclass
class Flow:
    """The demo's people, and short ways to take a request from one stage to the next."""

    world: World
    court: Court
    _pdf: bytes = field(default=b"", repr=False)

    @classmethod
    def create(cls) -> Flow:
        world = make_world(DEMO, settings.HOME / "recipients", PASSWORD)
        enable_packs()
        return cls(world, Court.create(world.organisations["madrid-mercantil"].name))

    def person(self, name: str) -> User:
        return self.world.people[name]

    def signed_order(self) -> bytes:
        """A readable order, signed by the court's registered signer; every call gives another document."""
        return self.court.sign(order_pdf("Auto", [f"Ejemplo ficticio {uuid.uuid4()}"]))

    def file(
        self,
        lines: Iterable[Mapping[str, Any]],
        *,
        as_of: date | None = None,
        answered: bool = True,
        evidence: SentEvidence | None = None,
        **changes: Any,
    ) -> DisclosureRequest:
        """File a request. answered: the operator's legal staff have answered what the law asks of them."""
        carla = self.person("carla")
        with acting(context_of(carla)):
            filed = file_request(carla, civil_request(self.world, lines, **changes), as_of=as_of, evidence=evidence)
        if answered:
            answer_as_staff(filed, [self.person("laura"), self.person("pedro")])
        return filed

    def attach(self, request: DisclosureRequest, terms: Mapping[str, Any], document: bytes | None = None) -> CourtOrder:
        marta = self.person("marta")
        with acting(context_of(marta)):
            return attach_order(marta, request, f"DP {uuid.uuid4().hex[:12]}", document or self.signed_order(), terms)

    def approve(
        self,
        request: DisclosureRequest,
        line_ids: Sequence[uuid.UUID] | None = None,
        by: Sequence[str] = ("laura", "pedro"),
    ) -> None:
        ids = list(request.lines.values_list("id", flat=True)) if line_ids is None else line_ids
        for name in by:
            with acting(context_of(self.person(name))):
                decide(self.person(name), request, ids, Decision.Verdict.APPROVE, "Compared with the signed text.")

    def run(self, *kinds: str) -> None:
        """Do the work that is due, of these kinds or of all, as the processes would, until there is none."""
        doers = {"assess": tasks.assess, "check-order": tasks.check_order, "release": tasks.release}
        doers |= {"drop-leases": tasks.drop_leases, "hold": tasks.hold}
        for _ in range(100):
            rows = OutboxRow.objects.filter(done=False, tries=0, next_at__lte=timezone.now())
            row = (rows.filter(kind__in=kinds) if kinds else rows).first()
            if row is None:
                break
            process = Process.WORKER if row.kind in ("release", "drop-leases", "hold") else Process.JOBS
            with acting(RowContext(process, process.value)):
                doers[row.kind](str(row.id))
        failed = OutboxRow.objects.exclude(last_error="").first()
        assert failed is None, f"{failed.kind} failed: {failed.last_error}"

    def released(
        self,
        lines: Sequence[Mapping[str, Any]],
        terms_lines: Sequence[Mapping[str, Any]] | None = None,
        request: Mapping[str, Any] | None = None,
        terms: Mapping[str, Any] | None = None,
    ) -> DisclosureRequest:
        """File, order, approve and release in one go; terms default to those that cover the lines."""
        filed = self.file(lines, **(request or {}))
        self.run()
        self.attach(filed, civil_terms(lines if terms_lines is None else terms_lines, **(terms or {})))
        self.run()
        self.approve(filed)
        self.run()
        return filed

    def open(self, request: DisclosureRequest) -> OpenedRelease:
        """Open the request's one package with the recipient's key."""
        release = SealedRelease.objects.get(tranche__request=request)
        identity = self.world.identities["phonograms"].read_text().strip()
        return open_package(
            bytes(release.package), identity, operator_certificate=(settings.KEY_DIR / "seal.crt").read_bytes()
        )

    def answers(self, request: DisclosureRequest) -> list[dict[str, Any]]:
        """The lines of the opened release.json."""
        lines = self.open(request).release["lines"]
        return json.loads(json.dumps(lines))  # type: ignore[no-any-return]  # plain JSON by construction
