"""What a court's registration says about its signatures: whose they are, and what they must bring.

Values only, and their JSON form for the child process; where they come from is `material.py`.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

DEFAULT_MAX_AGE: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class SignaturePolicy:
    """What the signatures of a court must bring beyond being its own.

    revocation_required: fresh evidence that no certificate was revoked; without it an order is refused.
    revocation_max_age: how much older than the signing time that evidence may be.
    certificate_policies: dotted identifiers, one of which the signer's certificate must name; empty means any.
    key_usage: names of asn1crypto (`digital_signature`, `non_repudiation`) that it must all have.
    """

    timestamp_required: bool = False
    revocation_required: bool = True
    revocation_max_age: timedelta = DEFAULT_MAX_AGE
    certificate_policies: frozenset[str] = frozenset()
    key_usage: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class CourtTrust:
    """Everything that is registered for one court, DER throughout.

    certificates: its authority's, its signers' own, or both; with a signer's own among them, only the signers
        registered so are accepted.
    timestamp_authorities: from whom timestamps are accepted.
    revocation_lists: CRLs fetched from the registered places.
    """

    certificates: tuple[bytes, ...] = ()
    timestamp_authorities: tuple[bytes, ...] = ()
    revocation_lists: tuple[bytes, ...] = ()
    policy: SignaturePolicy = field(default_factory=SignaturePolicy)

    def to_data(self) -> dict[str, Any]:
        """Return plain JSON data that `from_data` reads."""
        policy = self.policy
        return {
            **{name: [base64.b64encode(der).decode() for der in getattr(self, name)] for name in _LISTS},
            "policy": {
                "timestamp_required": policy.timestamp_required,
                "revocation_required": policy.revocation_required,
                "revocation_max_age": policy.revocation_max_age.total_seconds(),
                "certificate_policies": sorted(policy.certificate_policies),
                "key_usage": sorted(policy.key_usage),
            },
        }

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> "CourtTrust":
        """Read what `to_data` wrote; raises LookupError, TypeError or ValueError for anything else."""
        lists = {name: tuple(base64.b64decode(der, validate=True) for der in data[name]) for name in _LISTS}
        policy = data["policy"]
        return cls(
            **lists,
            policy=SignaturePolicy(
                timestamp_required=policy["timestamp_required"],
                revocation_required=policy["revocation_required"],
                revocation_max_age=timedelta(seconds=policy["revocation_max_age"]),
                certificate_policies=frozenset(policy["certificate_policies"]),
                key_usage=frozenset(policy["key_usage"]),
            ),
        )


_LISTS: Final = ("certificates", "timestamp_authorities", "revocation_lists")
