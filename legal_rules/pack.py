"""Load a pack by name or path, with what it builds on, its two hashes, and every defect located.

Every pack stands on `packs/floor.toml`, whether it says so or not: the floor cannot be left out, redefined
or excepted.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import date
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from . import check
from .errors import PackError, Problem
from .located import Located
from .model import Case, Closing, Pack, Rule, Source
from .phrases import LANGUAGE, NAME, Condition, FactSpec
from .reader import Reader

PACKS = Path(__file__).parent / "packs"
FLOOR = "floor"
NEVER = "never"  # beside the packs, and none: what must never come out of any, see `invariants.py`
MOST_LAYERS = 8


def load_pack(name_or_path: str | Path) -> Pack:
    """Load a pack of this package by its id ("es"), or any pack file by its path.

    What it builds on is looked for beside the file, then in this package, and merged in; the floor always.
    Raises PackError with every located problem; a pack with a problem is never returned.
    """
    if isinstance(name_or_path, str) and NAME.fullmatch(name_or_path):
        return _packaged(name_or_path)
    return _load(Path(name_or_path))


def pack_from_texts(texts: Sequence[Sequence[str]], text_hash: str) -> Pack:
    """Load a pack from the texts it was stored with; no file of today is looked at, not even the floor.

    texts: (file name, text) of every layer, lowest first, as `Pack.files` gave them. text_hash: the hash they were
    stored under. Raises PackError when the texts have another hash, or are no pack for this engine any more.
    """
    try:
        layers = [(name, text.encode()) for name, text in texts]
    except (ValueError, TypeError, AttributeError) as error:
        raise PackError("stored texts are pairs of a file name and its text", "pack.stored-form") from error
    if not layers or _text_hash(layers) != text_hash:
        raise PackError("the stored texts are not those of the hash they are stored under", "pack.other-text")
    return merge([Located(name, content) for name, content in layers])


def packaged_ids() -> tuple[str, ...]:
    """List the ids of the packs that come with this package, the floor included."""
    return tuple(sorted(path.stem for path in PACKS.glob("*.toml") if path.stem != NEVER))


@lru_cache(maxsize=64)
def _packaged(name: str) -> Pack:
    return _load(PACKS / f"{name}.toml")


def _load(path: Path) -> Pack:
    floor = PACKS / f"{FLOOR}.toml"
    if path.resolve() == floor.resolve():
        return merge([_open(floor)])
    return merge([_open(floor), *_layers(path)])


def _open(path: Path) -> Located:
    try:
        if path.exists() and not path.is_file():
            raise OSError("a pipe or a device would be waited for, perhaps for ever")
        content = path.read_bytes()
    except (OSError, ValueError) as error:
        raise PackError([Problem(path.name, 0, "pack.not-found", "no such pack file can be read")]) from error
    return Located(path.name, content)


def _layers(path: Path, above: tuple[str, ...] = ()) -> list[Located]:
    """List a file and what it builds on, lowest first, each once; the floor is left to the caller."""
    located = _open(path)
    line = located.line("pack", 0, "builds-on")
    if located.file in above or len(above) >= MOST_LAYERS:
        trail = " -> ".join([*above, located.file])
        raise located.error(line, "pack.cycle", f"builds-on never ends: {trail}")
    header = located.data.get("pack")
    below = header.get("builds-on", []) if isinstance(header, dict) else []
    layers: list[Located] = []
    for name in below if isinstance(below, list) else [below]:
        if not isinstance(name, str) or not NAME.fullmatch(name):
            raise located.error(line, "key.type", "builds-on lists ids of packs")
        if name == FLOOR:
            continue
        places = [folder / f"{name}.toml" for folder in (path.parent, PACKS)]
        found = next((place for place in places if place.is_file()), None)
        if found is None:
            raise located.error(line, "pack.not-found", f"builds on {name!r}, which is no pack file here")
        for layer in _layers(found, (*above, located.file)):
            if all(layer.file != known.file for known in layers):
                layers.append(layer)
    return [*layers, located]


def merge(layers: list[Located]) -> Pack:
    """Merge located files, lowest first, into one pack. Raises PackError with every problem found."""
    facts: dict[str, FactSpec] = {}
    categories: dict[str, str] = {}
    sources: dict[str, Source] = {}
    terms: dict[str, Condition] = {}
    rules: list[Rule] = []
    closing, cases = Closing(), list[Case]()
    problems: list[Problem] = []
    for located in layers:
        reader = Reader(located, facts, categories, sources, terms)
        header = check.header(located, problems)
        reader.read(header["id"])
        facts, categories, sources, terms = reader.facts, reader.categories, reader.sources, reader.terms
        rules += reader.rules
        closing, cases = reader.closing or closing, reader.cases
        problems += reader.problems
    top = layers[-1]
    if not problems:
        problems += check.whole(rules, facts, sources, terms, layers)
    if problems:
        raise PackError(sorted(problems))
    pack = Pack(
        id=header["id"],
        title=header["title"],
        status=header["status"],
        jurisdiction=header["jurisdiction"],
        language=LANGUAGE,
        permits=check.permits(top),
        facts=MappingProxyType(facts),
        categories=MappingProxyType(categories),
        sources=MappingProxyType(sources),
        terms=MappingProxyType(terms),
        rules=tuple(rules),
        closing=closing,
        cases=tuple(cases),
        builds_on=tuple(layer.file.removesuffix(".toml") for layer in layers if layer is not top),
        files=tuple((layer.file, layer.content.decode()) for layer in layers),
        text_hash=_text_hash([(layer.file, layer.content) for layer in layers]),
        meaning_hash="",
    )
    return dataclasses.replace(pack, meaning_hash=_meaning(pack))


def _text_hash(layers: Sequence[tuple[str, bytes]]) -> str:
    """Hash the bytes of all files with their names, lowest first."""
    digests = [[name, hashlib.sha256(content).hexdigest()] for name, content in layers]
    return hashlib.sha256(json.dumps(digests).encode()).hexdigest()


def _meaning(pack: Pack) -> str:
    """Hash what the rules mean: types, conditions, dates, citations and what may be permitted; no prose, no cases."""
    prose = {"says", "instead", "ask", "between", "file", "line", "title", "note"}

    def plain(value: Any) -> Any:
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            kept = [field.name for field in dataclasses.fields(value) if field.compare and field.name not in prose]
            if isinstance(value, Rule) and value.lasting is None:
                # A text from before a hold could say how long it lasts means what it meant.
                kept.remove("lasting")
            return [type(value).__name__, *([name, plain(getattr(value, name))] for name in kept)]
        if isinstance(value, Mapping):
            return [[key, plain(item)] for key, item in sorted(value.items())]
        if isinstance(value, tuple):
            return [plain(item) for item in value]
        return value.isoformat() if isinstance(value, date) else value

    parts = [LANGUAGE, pack.facts, sorted(pack.categories), pack.sources, pack.rules, pack.closing.cite]
    parts.append(sorted(pack.permits))
    canonical = json.dumps([plain(part) if not isinstance(part, list) else part for part in parts], sort_keys=True)
    return hashlib.sha256(canonical.encode()).hexdigest()
