"""A recipient, an operator's seal and release contents, for tests."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path

from broker.crypto import age
from broker.crypto.seal_certificate import DemoSeal, SealSigner, load_seal_signer, make_demo_seal
from broker.release.content import (
    LineOutcome,
    ReleaseContent,
    ReleaseLine,
    ReleaseOrder,
    ReleasePack,
    ReleaseRecipient,
    ReleaseTerms,
)
from broker.release.envelope import OpenedRelease, open_package
from broker.release.which_address import WhichAddress

VALID_FROM = datetime(2024, 1, 1, tzinfo=UTC)
VALID_UNTIL = datetime(2044, 1, 1, tzinfo=UTC)
ISSUED_AT = datetime(2026, 11, 2, 9, 30, tzinfo=UTC)
OBSERVED_AT = datetime(2026, 9, 14, 19, 5, 9, tzinfo=UTC)
WINDOW = (datetime(2026, 9, 14, 19, 5, 7, tzinfo=UTC), datetime(2026, 9, 14, 19, 5, 12, tzinfo=UTC))
CATEGORIES = ("name", "postal-address")
SUBSCRIBER = {"name": "Inés Invención Ejemplo", "postal-address": "Calle Ficticia 12, 3.º B\n28004 Madrid"}


@dataclass(frozen=True)
class Recipient:
    """Somebody with an age key of their own."""

    organisation: str
    identity: str = field(repr=False)
    public_key: str
    fingerprint: str

    @classmethod
    def create(cls, organisation: str) -> Recipient:
        """Make a recipient with a fresh key."""
        return cls.with_identity(organisation, age.new_identity())

    @classmethod
    def with_identity(cls, organisation: str, identity: str) -> Recipient:
        """Make a recipient with a given secret key."""
        public_key = age.public_key_of(identity)
        return cls(organisation, identity, public_key, age.recipient_fingerprint(public_key))

    def open(self, sealed: bytes, operator_certificate: bytes) -> OpenedRelease:
        """Open a package with every check; raises as open_package does."""
        return open_package(sealed, self.identity, operator_certificate=operator_certificate)

    def write_identity(self, path: Path) -> Path:
        """Write the secret key as age-keygen does."""
        path.write_text(f"# public key: {self.public_key}\n{self.identity}\n")
        path.chmod(0o600)
        return path


@cache
def operator_seal(operator: str = "Telecable Ejemplo S.A.") -> DemoSeal:
    """Make an operator's seal, once for each name."""
    return make_demo_seal(operator, valid_from=VALID_FROM, valid_until=VALID_UNTIL)


def signer_of(seal: DemoSeal) -> SealSigner:
    """Load a seal as the worker does, its authority's certificate included."""
    return load_seal_signer(seal.key, seal.certificate + seal.authority)


def identified(number: int = 1, subscriber: dict[str, str] | None = None) -> ReleaseLine:
    """Build a line answered with a name."""
    return ReleaseLine(
        line=number,
        address="198.51.100.23",
        source_port=51820,
        observed_at=OBSERVED_AT,
        outcome=LineOutcome.IDENTIFIED,
        reason="unique",
        window=WINDOW,
        subscriber=SUBSCRIBER if subscriber is None else subscriber,
        address_is=None if subscriber and "postal-address" not in subscriber else WhichAddress.ONLY_ADDRESS,
    )


def not_identified(number: int = 1, reason: str = "none", explanation: str = "") -> ReleaseLine:
    """Build a line answered with a reason why there is no name."""
    return ReleaseLine(
        line=number,
        address="2001:db8:41:7::5c",
        source_port=None,
        observed_at=OBSERVED_AT,
        outcome=LineOutcome.NOT_IDENTIFIED,
        reason=reason,
        explanation=explanation,
    )


def release_content(
    recipient: Recipient,
    lines: tuple[ReleaseLine, ...] | None = None,
    *,
    requested: tuple[str, ...] = CATEGORIES,
    issued_at: datetime = ISSUED_AT,
) -> ReleaseContent:
    """Build a release of invented facts."""
    return ReleaseContent(
        release_id=uuid.UUID("0190f3a2-7c1e-7c44-9a57-2f3f6a2b9d10"),
        request_reference="R-2026-000118",
        operator="Telecable Ejemplo S.A.",
        order=ReleaseOrder(
            court="Juzgado de lo Mercantil n.º 99 de Madrid (ejemplo ficticio)",
            file_number="DP 118/2026",
            sha256="ab" * 32,
            issued_on=date(2026, 10, 20),
            legal_basis="LEC 256.1.11",
        ),
        recipient=ReleaseRecipient(recipient.organisation, recipient.fingerprint),
        issued_at=issued_at,
        requested=requested,
        terms=ReleaseTerms(use="Only in the proceedings DP 118/2026.", retention="To be erased when they have ended."),
        pack=ReleasePack("es", "ef" * 32, "01" * 32, "Reviewed by Lucía Letrada Ejemplo, abogada, on 2026-10-01"),
        lines=(identified(),) if lines is None else lines,
    )
