"""The law of disclosure as data, and the small engine that applies it. Standard library only.

No Django, no clock, no network: the day is an argument, so an assessment can be run again as of its day.
"""

from .assess import ENGINE, assess, assess_lines
from .assessment import (
    Assessment,
    Change,
    Citation,
    ConditionNode,
    Duty,
    Finding,
    Lead,
    Outcome,
    Question,
    Reason,
    ReplayKey,
    StatedFact,
    Weighing,
)
from .comparison import Comparison, Difference, compare
from .doubts import Doubts, doubts_of
from .errors import FactError, PackError, Problem, ReplayError
from .facts import Fact, GivenFact
from .model import Pack, Rule, Source
from .open_duties import facts_of_open_duties
from .open_holds import facts_of_open_holds
from .pack import load_pack, pack_from_texts, packaged_ids
from .phrases import FactSpec
from .replay import Stored, decide_again, read_stored, replay

__all__ = [
    "ENGINE",
    "Assessment",
    "Change",
    "Citation",
    "Comparison",
    "ConditionNode",
    "Difference",
    "Doubts",
    "Duty",
    "Fact",
    "FactError",
    "FactSpec",
    "Finding",
    "GivenFact",
    "Lead",
    "Outcome",
    "Pack",
    "PackError",
    "Problem",
    "Question",
    "Reason",
    "ReplayError",
    "ReplayKey",
    "Rule",
    "Source",
    "StatedFact",
    "Stored",
    "Weighing",
    "assess",
    "assess_lines",
    "compare",
    "decide_again",
    "doubts_of",
    "facts_of_open_duties",
    "facts_of_open_holds",
    "load_pack",
    "pack_from_texts",
    "packaged_ids",
    "read_stored",
    "replay",
]
