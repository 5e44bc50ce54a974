"""What the examination of an order document says: numbered checks, published codes, and their JSON form.

Nothing here reads a document; `verification.py` does, and `sandbox.py` runs it at arm's length.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

# The published table. A number is never given to another check; new checks get new numbers.
TITLES: Final[dict[int, str]] = {
    0: "The examination ran to its end",
    1: "Size",
    2: "A complete PDF that can be read",
    3: "No active, hidden or external content",
    4: "Signed",
    5: "Signature matches the content",
    6: "Signature covers the whole file",
    7: "Signed by the registered signer of this court",
    8: "Certificate valid, not revoked, and algorithms strong enough",
    9: "Not attached before",
}
# Those that the document alone decides; check 0 says that they could be made, check 9 needs all other orders.
NUMBERS: Final = (1, 2, 3, 4, 5, 6, 7, 8)

PASSED: Final = "order.passed"
NOT_REACHED: Final = "order.not-reached"

CODES: Final[dict[str, str]] = {
    PASSED: "The check was made and holds.",
    NOT_REACHED: "The check was not made, because an earlier one failed. Correct that one first.",
    "order.verifier-crashed": (
        "The examination broke off without a verdict, so the document counts as refused. "
        "Ask the court for a fresh copy; if that breaks too, show the file to the engineers."
    ),
    "order.verifier-timeout": (
        "The examination took longer than allowed, so the document counts as refused. "
        "Ask the court for a simpler file, for instance one without scanned pages."
    ),
    "order.sandbox-missing": (
        "This machine cannot shut the examination in, so no document is opened. Show the system check to the "
        "engineers (broker.E008), then attach the order again."
    ),
    "order.replayed": "This order was attached before, perhaps in another file. An order is used once.",
    "order.empty": "The file is empty. Upload the order again.",
    "order.too-large": "The file is larger than an order may be. Ask the court for a smaller copy.",
    "order.not-a-pdf": "The file is not a PDF. Upload the PDF that the court signed.",
    "order.truncated": "The file stops before its end. Upload it again, or ask the court for a fresh copy.",
    "order.malformed": "The file breaks the rules of PDF or of signatures. Ask the court for a fresh copy.",
    "order.encrypted": "The file is encrypted. Ask the court for a copy without a password.",
    "order.ambiguous-structure": (
        "Two programs could show two different orders from this file: it has two tables of contents, or begins like "
        "a web page. "
        "Ask the court to export it again."
    ),
    "order.too-complex": "The file has more parts than an order needs. Ask the court for a simpler copy.",
    "order.javascript": "The file contains a script. Ask the court for a copy without it.",
    "order.launch-action": "The file can start a program. Ask the court for a copy without it.",
    "order.automatic-action": "The file does something by itself when opened. Ask for a copy without it.",
    "order.embedded-file": "The file carries other files. Have each document uploaded on its own.",
    "order.xfa": "The file contains an XFA form, whose text can change. Ask the court for a plain PDF.",
    "order.external-reference": "The file refers to something outside itself. Ask for a self-contained copy.",
    "order.multimedia": "The file contains sound, film or 3D content. Ask the court for a plain copy.",
    "order.unsigned": "The file has no signature. Upload the signed original, not a print or a copy.",
    "order.image-only": (
        "The file is a picture without an electronic signature; a pictured signature proves nothing. "
        "Upload the signed original."
    ),
    "order.signature-format": "A signature is of a kind not accepted. Ask the court for PAdES.",
    "order.altered": "The file is not what was signed: it was changed. Ask the court for the original.",
    "order.byte-range": "A signature leaves out more than itself. Ask the court for the original.",
    "order.trailing-bytes": "Bytes were added after the signed file. Upload it as the court sent it.",
    "order.changed-after-signing": (
        "The file was changed after the last signature, be it by a note, a filled field or a saved copy. "
        "Upload the file as the court sent it."
    ),
    "order.changed-between-signatures": (
        "Between two signatures more was changed than a signature, a timestamp or validation data. "
        "Ask the court for a copy signed without changes in between."
    ),
    "order.no-registered-certificate": (
        "No usable certificate is registered for this court. Confirm it over another channel and register it."
    ),
    "order.self-signed": "The signature's certificate vouches only for itself. Refuse it and tell the court.",
    "order.unknown-signer": (
        "The signature does not lead to the certificate registered for this court, whatever names it shows. "
        "If the court changed its certificate, have the new one registered first; otherwise tell the court."
    ),
    "order.wrong-signer": (
        "The signature leads to the court's authority but not to a signer registered for this court. "
        "Ask for the court's own signature, or have the new signer registered."
    ),
    "order.timestamp-untrusted": (
        "A timestamp is from no authority registered for this court. Register it, or ask for a copy without."
    ),
    "order.timestamp-invalid": "A timestamp was made for something else. Ask the court for the original.",
    "order.timestamp-missing": (
        "This court's orders have to prove by a timestamp when they were signed, and this one does not. "
        "Ask the court to sign again with a timestamp (PAdES B-T or better)."
    ),
    "order.timestamp-contradicted": (
        "A signature says that it is younger than the timestamp over it. Ask the court to sign again."
    ),
    "order.certificate-expired": "A certificate had run out. Ask the court to sign again.",
    "order.certificate-not-yet-valid": "A certificate was not valid yet. Ask the court to sign again.",
    "order.certificate-revoked": "A certificate was revoked. Refuse the order and tell the court.",
    "order.revocation-unknown": (
        "This court's registration asks for evidence that its certificates were not revoked, and there is none. "
        "Have the place of its revocation lists registered, or ask the court for an order that brings the "
        "evidence (PAdES B-LT); then attach the order again."
    ),
    "order.revocation-stale": (
        "The evidence that the certificates were not revoked is too old. Have the revocation lists fetched, "
        "then attach the order again."
    ),
    "order.policy-missing": (
        "The certificate was not issued under a policy registered for this court. Tell the court."
    ),
    "order.certificate-rejected": (
        "The certificates do not fit together: one forbids what another does. Tell the court."
    ),
    "order.key-usage": "The certificate is not meant for signing documents. Ask for one that is.",
    "order.weak-algorithm": "An algorithm or key is too weak. Ask the court to sign with a stronger one.",
    "order.signed-in-the-future": "The signature says it was made after now. Check the clock; ask the court.",
}

# Failures that say nothing about the document: the same file may pass at another time.
UNSETTLED: Final = frozenset(
    {
        "order.verifier-crashed",
        "order.verifier-timeout",
        "order.sandbox-missing",
        "order.revocation-unknown",
        "order.revocation-stale",
    }
)

_MAX_DETAIL: Final = 500
_IDENTITY: Final = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a check fails: a code of `CODES` and what was found, in our words and never the document's."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Check:
    """One numbered check: `passed` is None if an earlier failure kept it from being made."""

    number: int
    code: str
    passed: bool | None
    title: str
    detail: str


@dataclass(frozen=True, slots=True)
class DocumentVerdict:
    """All checks of one document, in order.

    identity: what the order is known by if all checks hold, 64 hexadecimal digits; else "". The same order saved
        again, with timestamps added for instance, keeps it.
    """

    checks: tuple[Check, ...]
    identity: str = ""

    @property
    def passed(self) -> bool:
        """Say whether every check of the table was made and held."""
        return tuple(c.number for c in self.checks) == NUMBERS and all(c.passed is True for c in self.checks)

    @property
    def failure(self) -> Check | None:
        """Return the check that failed, or None; there is never more than one."""
        return next((check for check in self.checks if check.passed is False), None)

    def to_json(self) -> str:
        """Write the verdict as one JSON object; `from_json` reads it."""
        rows = [{"number": c.number, "code": c.code, "passed": c.passed, "detail": c.detail} for c in self.checks]
        return json.dumps({"checks": rows, "identity": self.identity})

    @classmethod
    def from_json(cls, text: str | bytes) -> "DocumentVerdict":
        """Read what `to_json` wrote, believing nothing else.

        Raises ValueError unless the checks are those of the table in their order: some passed, then
        at most one failed with a published code, then the rest not reached.
        """
        try:
            data = json.loads(text)
            rows = [(row["number"], row["code"], row["passed"], row["detail"]) for row in data["checks"]]
            results = [
                None if passed is True else Problem(code, detail)
                for _, code, passed, detail in rows
                if passed is not None
            ]
            readable = all(len(detail) <= _MAX_DETAIL and detail.isprintable() for *_, detail in rows)
            verdict = build_verdict(results, identity=data["identity"])
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
            raise ValueError("This is not the JSON of a verdict; examine the document again.") from error
        if not readable or rows != [(c.number, c.code, c.passed, c.detail) for c in verdict.checks]:
            raise ValueError("The verdict contradicts the table of checks; examine the document again.")
        return verdict


def build_verdict(results: Sequence[Problem | None], identity: str = "") -> DocumentVerdict:
    """Number the results of the checks made, in order, and mark the rest as not reached.

    results: None for a check that holds; a problem may only be the last.
    Raises ValueError for an unpublished code, a check after a failure, more results than checks, or an identity
    where not every check holds, or none where every check does.
    """
    if any(problem is not None for problem in results[:-1]) or len(results) > len(NUMBERS):
        raise ValueError("No check is made after a failed one, nor one outside the table.")
    checks = []
    for number in NUMBERS:
        reached = number <= len(results)
        problem = results[number - 1] if reached else None
        if problem is None:
            code, passed = (PASSED, True) if reached else (NOT_REACHED, None)
            checks.append(Check(number, code, passed, TITLES[number], ""))
        elif problem.code in CODES and problem.code not in {PASSED, NOT_REACHED}:
            checks.append(Check(number, problem.code, False, TITLES[number], problem.detail))
        else:
            raise ValueError("A failure needs a published code of its own; add it to CODES.")
    verdict = DocumentVerdict(tuple(checks), identity)
    if verdict.passed is not (_IDENTITY.fullmatch(identity) is not None) or (identity and not verdict.passed):
        raise ValueError("A document has an identity if, and only if, every check holds.")
    return verdict


def verdict_without_examination(code: str, detail: str) -> DocumentVerdict:
    """Make the verdict for a document whose examination did not end: check 0 failed, nothing reached."""
    first = Check(0, code, False, TITLES[0], detail)
    return DocumentVerdict((first, *build_verdict([]).checks))
