"""How states and events read on the pages of legal staff."""

from __future__ import annotations

from broker.intake.models import State

# The words of a line's state on the operator's pages. What comes after an approval reads the same for a hit,
# a miss and a late refusal, because the states are the same.
STATE_WORDS: dict[str, str] = {
    State.RECEIVED: "Received; the rules are being applied",
    State.REFUSED: "Refused by the law",
    State.INCOMPLETE: "Something has to be settled first",
    State.AWAITING_ORDER: "Awaiting a court order",
    State.UNDER_REVIEW: "Under review",
    State.DENIED: "Denied",
    State.CONTESTED: "Contested before the court",
    State.HELD: "Log rows are kept, as was asked",
    State.APPROVED: "Approved; the answer is being prepared",
    State.WAITING: "Approved; the answer is being prepared",
    State.RELEASING: "Approved; the answer is being prepared",
    State.RELEASED: "Answered; only the recipient can read it",
    State.WITHDRAWN: "Withdrawn by the requesting party",
    State.EXPIRED: "Expired",
    State.RECALLED: "Approval recalled",
    State.NEEDS_ATTENTION: "Needs an engineer: the answer could not be prepared",
}

# The same in a word or two, where there is little room.
SHORT_WORDS: dict[str, str] = {
    State.RECEIVED: "received",
    State.REFUSED: "refused",
    State.INCOMPLETE: "incomplete",
    State.AWAITING_ORDER: "awaiting order",
    State.UNDER_REVIEW: "under review",
    State.DENIED: "denied",
    State.CONTESTED: "contested",
    State.HELD: "kept",
    State.APPROVED: "approved",
    State.WAITING: "approved",
    State.RELEASING: "approved",
    State.RELEASED: "answered",
    State.WITHDRAWN: "withdrawn",
    State.EXPIRED: "expired",
    State.RECALLED: "recalled",
    State.NEEDS_ATTENTION: "needs an engineer",
}

# What of the log belongs to the way of a request, in words; other kinds of event are the auditor's. What follows an
# approval is the same for every answer.
EVENT_WORDS: dict[str, str] = {
    "request:filed": "Request filed",
    "line:received": "Lines received",
    "evidence:received": "Evidence received with the request",
    "line:questioned": "Lines questioned that look mistyped",
    "line:question-answered": "Question about a line answered by who typed it",
    "hold:set": "Log rows are to be kept",
    "hold:ended": "Log rows are kept no longer",
    "hold:carried-out": "Holds carried out",
    "line:refused": "Refused by the law",
    "line:incomplete": "Something has to be settled first",
    "line:awaiting-order": "Awaiting a court order",
    "line:under-review": "Put under review",
    "line:held": "Kept, as was asked",
    "line:held-no-longer": "Kept no longer",
    "line:approved": "Approved by two people",
    "line:denied": "Denied",
    "line:contested": "Contested before the court",
    "line:reopened": "Under review again",
    "line:recalled": "Approval recalled",
    "line:order-revoked": "Approved lines recalled with their order",
    "line:rules-withdrawn": "Approved lines recalled with the review of their rules",
    "order:revoked": "Order revoked by the court",
    "line:withdrawn": "Withdrawn",
    "line:released": "Answered",
    "line:needs-attention": "The answer could not be prepared",
    "order:received": "Order received",
    "order:terms-entered": "Terms of the order entered",
    "order:terms-checked": "Terms of the order checked",
    "order:verified": "Document of the order verified",
    "order:rejected": "Document of the order rejected",
    "assessment:made": "Law applied",
    "fact:answered": "Question answered",
    "balancing:opened": "Balancing begun",
    "balancing:graded": "Balancing graded",
    "balancing:reviewed": "Balancing reviewed by a third person",
    "balancing:concluded": "Balancing concluded",
    "decision:made": "Decision made",
    "tranche:made": "Lines approved together",
    "release:sealed": "Answer sealed to the recipient",
    "release:downloaded": "Answer fetched by the recipient",
}
