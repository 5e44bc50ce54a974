"""Run every stored assessment again: to the same bytes, or under today's packs to see what would be decided otherwise.

Records are streamed, pack by pack. A pack is read from the text it was stored with, its floor included; today's files
are looked at in the second report only, where that is the question. Nothing is written.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import date
from functools import lru_cache
from typing import Any

from broker.assessment.models import AssessmentRecord, PackVersion
from legal_rules import (
    ENGINE,
    Comparison,
    Pack,
    PackError,
    ReplayError,
    Stored,
    compare,
    decide_again,
    load_pack,
    pack_from_texts,
    packaged_ids,
    read_stored,
    replay,
)

CHUNK = 500

Progress = Callable[[int, int], None]


@dataclass(slots=True)
class Replayed:
    """What came of a replay. different: digest -> why, as a code. other_engines: engine -> records it made."""

    equal: int = 0
    different: dict[str, str] = field(default_factory=dict)
    other_engines: Counter[str] = field(default_factory=Counter)

    @property
    def total(self) -> int:
        return self.equal + len(self.different) + self.other_engines.total()


def replay_all(progress: Progress = lambda done, total: None) -> Replayed:
    """Replay every record with the pack it was made with and compare the bytes."""
    found = Replayed()
    total = AssessmentRecord.objects.count()
    # Records come pack by pack; of the packs, too, only the last few are kept in memory.
    pack_of = lru_cache(maxsize=4)(_pack_of)
    for record in _records():
        content = record.content.encode()
        try:
            # Before the pack is read: this engine need not understand what another one did.
            engine = read_stored(content).key.engine
            if engine != ENGINE:
                found.other_engines[engine[:16]] += 1
            elif replay(content, pack_of(record.pack_version_id)) == content:
                found.equal += 1
            else:
                found.different[record.digest] = "replay.other-bytes"
        except PackError as error:
            found.different[record.digest] = error.code
        progress(found.total, total)
    return found


@dataclass(slots=True)
class Otherwise:
    """Records that today's pack would decide otherwise in the same way. made_by: the engines that made them.

    question: "encoding" (today's pack, on the day of then) or "today" (today's pack, on today's day).
    not_asked: facts that were known then and that today's pack does not ask.
    """

    question: str
    pack: str
    comparison: Comparison
    not_asked: tuple[str, ...]
    digests: list[str] = field(default_factory=list)
    days: set[date] = field(default_factory=set)
    made_by: set[str] = field(default_factory=set)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self) | {
            "days": sorted(day.isoformat() for day in self.days),
            "made_by": sorted(self.made_by),
        }


@dataclass(slots=True)
class Reconsidered:
    """The second report. unusable: digest -> why a record could not be decided again, as a code."""

    on: date
    total: int = 0
    otherwise: list[Otherwise] = field(default_factory=list)
    unusable: dict[str, str] = field(default_factory=dict)


def reconsider_all(on: date, progress: Progress = lambda done, total: None) -> Reconsidered:
    """Decide every record's facts again with today's pack of the same id, twice.

    1. On the day that governed then: what differs is the encoding of the law, or law that was entered since then.
    2. On the day `on`: what differs in addition is that the law, or a time limit, has run on since.
    """
    found = Reconsidered(on)
    total = AssessmentRecord.objects.count()
    groups: dict[tuple[str, str, Comparison, tuple[str, ...]], Otherwise] = {}
    for record in _records():
        found.total += 1
        try:
            stored = read_stored(record.content.encode())
            pack = _todays(stored.key.pack)
            for question, day in (("encoding", stored.on), ("today", on)):
                _reconsider(groups, question, stored, pack, day, record.digest)
        except PackError as error:
            found.unusable[record.digest] = error.code
        progress(found.total, total)
    found.otherwise = list(groups.values())
    return found


def _reconsider(
    groups: dict[tuple[str, str, Comparison, tuple[str, ...]], Otherwise],
    question: str,
    stored: Stored,
    pack: Pack,
    day: date,
    digest: str,
) -> None:
    answer, not_asked = decide_again(stored, pack, day)
    comparison = compare(stored.data, answer.to_data())
    if not comparison.differs:
        return
    key = (question, pack.id, comparison, not_asked)
    group = groups.setdefault(key, Otherwise(question, pack.id, comparison, not_asked))
    group.digests.append(digest)
    group.days.add(stored.on)
    group.made_by.add(stored.key.engine)


def _records() -> Iterator[AssessmentRecord]:
    """Every record, those of one pack text together, a chunk in memory at a time."""
    rows = AssessmentRecord.objects.order_by("pack_version_id", "digest").only("digest", "content", "pack_version_id")
    return rows.iterator(chunk_size=CHUNK)


def _todays(pack_id: str) -> Pack:
    # Only packs of ours by their ids: a stored text that names a path must not have one read.
    if pack_id not in packaged_ids():
        raise ReplayError("there is no pack of this id today", "replay.pack-gone")
    return load_pack(pack_id)


def _pack_of(text_hash: str) -> Pack:
    return stored_pack(PackVersion.objects.get(text_hash=text_hash))


def stored_pack(version: PackVersion) -> Pack:
    """Read a pack from the text it was stored with.

    Raises PackError when it is not the text of its hash, or when the row says that it means something else: what may be
    approved goes by what the row says.
    """
    try:
        texts = json.loads(version.content)
    except (ValueError, RecursionError) as error:
        raise PackError("the stored texts are no JSON", "pack.stored-form") from error
    pack = pack_from_texts(texts, version.text_hash)
    if (pack.id, pack.meaning_hash) != (version.pack, version.meaning_hash):
        raise PackError("the stored text is another pack, or means something else, than its row says", "pack.other-row")
    return pack
