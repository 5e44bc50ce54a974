"""Import the stages' models so that Django finds them; nothing else."""

from broker.assessment.models import AssessmentRecord, FactAnswer, LineAssessment, PackVersion
from broker.assessment.pack_release import PackRelease
from broker.audit.models import Event, StateMove
from broker.decisions.balancing.models import Balancing, Conclusion, Grading, SecondReview
from broker.decisions.holds.models import HoldAct, HoldEnd, LineHold
from broker.decisions.models import Decision, Note, Tranche, TrancheLine
from broker.intake.models import DisclosureRequest, EvidenceFile, LineAnswer, LineQuestion, RequestLine
from broker.orders.models import CourtOrder, OrderCheck, OrderDocument, OrderRevocation, OrderTerms, TermsLine
from broker.outbox.models import OutboxRow
from broker.parties.court_trust import RevocationSource, SignaturePolicy
from broker.parties.models import ApiKey, CourtCertificate, Invitation, Organisation, RecipientKey, User
from broker.release.models import SealedRelease

__all__ = [
    "ApiKey",
    "AssessmentRecord",
    "Balancing",
    "Conclusion",
    "CourtCertificate",
    "CourtOrder",
    "Decision",
    "DisclosureRequest",
    "Event",
    "EvidenceFile",
    "FactAnswer",
    "Grading",
    "HoldAct",
    "HoldEnd",
    "Invitation",
    "LineAnswer",
    "LineAssessment",
    "LineHold",
    "LineQuestion",
    "Note",
    "OrderCheck",
    "OrderDocument",
    "OrderRevocation",
    "OrderTerms",
    "Organisation",
    "OutboxRow",
    "PackRelease",
    "PackVersion",
    "RecipientKey",
    "RequestLine",
    "RevocationSource",
    "SealedRelease",
    "SecondReview",
    "SignaturePolicy",
    "StateMove",
    "TermsLine",
    "Tranche",
    "TrancheLine",
    "User",
]
