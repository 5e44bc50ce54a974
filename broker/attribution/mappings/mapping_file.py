"""The configuration history of all computed mappings, from one TOML file.

    [[epoch]]
    name = "cgn-1"                          # the NAT or rule; its epochs do not overlap
    kind = "deterministic-nat"
    from = 2026-01-01T00:00:00Z             # with an offset
    to = 2026-06-01T03:00:00+02:00          # left out: until further notice
    inside = ["100.64.0.0/24"]
    outside = ["203.0.113.0/28"]
    boundary-addresses = true
    order = "sequential"
    sharing-ratio = 16
    realm = "north"                         # this and what follows may be left out
    dynamic-factor = 2
    reserved-ports = 1024
    ports-per-user = 3584

    [[epoch]]
    name = "map-north"
    kind = "map"
    from = 2026-01-01T00:00:00Z
    ipv6-prefix = "2001:db8::/40"
    ipv4-prefix = "192.0.2.0/24"
    ea-bits = 16
    psid-offset = 6                         # this and what follows may be left out
    psid-length = 8                         # with `ea-bits = 0` a `psid` as well

What the keys mean stands at `DeterministicNat` and `MapRule`; `realm` is that of the sources (`describe_source`) whose
logs tell who had the inside addresses.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from ipaddress import IPv4Network, IPv6Network
from itertools import pairwise
from typing import Any

from broker.attribution.mappings.answers import MappingError
from broker.attribution.mappings.deterministic_nat import DeterministicNat
from broker.attribution.mappings.history import Epoch
from broker.attribution.mappings.map_e import MapRule
from broker.errors import InputError, Problem

MOST_BYTES = 1 << 20
_HEADER = re.compile(r"\s*\[\[\s*epoch\s*\]\]")
_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
_AT_LINE = re.compile(r"\(at line (\d+), column \d+\)")


def read_mappings(content: bytes) -> list[tuple[int, Epoch]]:
    """Read the history, in the order of the file, each epoch with the line it begins on.

    Raises InputError with every defect found: its line, the key, and what was expected there.
    """
    if len(content) > MOST_BYTES:
        raise InputError([Problem("mapping.too-large", "", f"The file has more than {MOST_BYTES} bytes.")])
    try:
        text = content.decode()
        data = tomllib.loads(text)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise InputError([Problem("mapping.not-utf-8", "", "The text is not UTF-8.", line)]) from None
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        # What the parser says of the text quotes nothing of it but single characters.
        found = _AT_LINE.search(str(error))
        line = int(found[1]) if found else len(text.splitlines()) or 1
        raise InputError([Problem("mapping.not-toml", "", "The text is not TOML from here on.", line)]) from None
    lines = text.splitlines()
    tables = data.pop("epoch", [])
    problems = [Problem("mapping.key", key, "Only [[epoch]] tables may stand here.", 1) for key in data]
    if not isinstance(tables, list) or not tables or not all(isinstance(table, dict) for table in tables):
        raise InputError([*problems, Problem("mapping.empty", "epoch", "The file has no [[epoch]] table.", 1)])
    starts = [number for number, line in enumerate(lines, 1) if _HEADER.match(line)]
    if len(starts) != len(tables):
        # Written as an inline array, or hidden in a long string: readable, but its lines cannot be named.
        raise InputError([*problems, Problem("mapping.form", "epoch", "Write each epoch as a table [[epoch]].", 1)])
    epochs: list[tuple[int, Epoch]] = []
    for start, table in zip(starts, tables, strict=True):
        reader = _Table(table, start, lines)
        if (epoch := reader.epoch()) is not None:
            epochs.append((start, epoch))
        problems += reader.problems
    problems += _overlaps(epochs)
    if problems:
        raise InputError(problems)
    return epochs


def kind_of(mapping: DeterministicNat | MapRule) -> str:
    """Say what a mapping is called in the file."""
    return next(kind for kind, made in _KINDS.items() if made is type(mapping))


def written(mapping: DeterministicNat | MapRule) -> dict[str, Any]:
    """Give a configuration as plain values by the keys of the file, with what may be left out filled in."""
    return {key: _as_written(getattr(mapping, key.replace("-", "_"))) for key in _FIELDS[kind_of(mapping)]}


def mapping_of(kind: str, values: Mapping[str, Any]) -> DeterministicNat | MapRule:
    """Make a mapping of what `written` gave; raises MappingError, ValueError or KeyError for anything else."""
    fields = {key: _FIELDS[kind][key][0](value) for key, value in values.items() if value is not None}
    return _KINDS[kind](**{key.replace("-", "_"): value for key, value in fields.items()})


def _as_written(value: Any) -> Any:
    if isinstance(value, tuple):
        return [str(item) for item in value]
    return str(value) if isinstance(value, IPv4Network | IPv6Network) else value


def _overlaps(epochs: list[tuple[int, Epoch]]) -> list[Problem]:
    """Find epochs of one name that overlap in time."""
    by_time = sorted(epochs, key=lambda item: (item[1].name, item[1].from_at))
    return [
        Problem("mapping.epochs-overlap", "from", f"This epoch begins before the one at line {first} ends.", second)
        for (first, before), (second, after) in pairwise(by_time)
        if before.name == after.name and (before.to_at is None or after.from_at < before.to_at)
    ]


class _Table:
    """One [[epoch]] table while it is read; `problems` collects what is wrong with it."""

    def __init__(self, table: Mapping[str, Any], start: int, lines: list[str]) -> None:
        self.table = dict(table)
        self.start = start
        self.lines = lines
        self.problems: list[Problem] = []

    def epoch(self) -> Epoch | None:
        """Give the epoch, or None with at least one problem."""
        name = self.take("name", _name)
        kind = self.take("kind", _kind)
        from_at = self.take("from", _instant)
        to_at = self.take("to", _instant, None)
        fields = {}
        realm = self.take("realm", _name, "") if kind == "deterministic-nat" else ""
        for key, (read, *default) in (_FIELDS[kind] if kind else {}).items():
            fields[key.replace("-", "_")] = self.take(key, read, *default)
        if kind:
            for key in self.table:
                self.problem("mapping.key", key, f"A mapping of kind '{kind}' has no such key.")
        if self.problems:
            return None
        try:
            mapping = _KINDS[kind](**fields)
        except MappingError as error:
            self.problem(error.code, error.field.replace("_", "-"), f"{error}.")
            return None
        if to_at is not None and from_at >= to_at:
            self.problem("mapping.time", "to", "The epoch must end after it begins.")
            return None
        return Epoch(name, mapping, from_at, to_at, realm)

    def take(self, key: str, read: Callable[[Any], Any], *default: Any) -> Any:
        """Read one key and set it aside; without a default it has to be there."""
        if key not in self.table:
            if not default:
                self.problem("mapping.missing", key, "This key is missing.")
            return default[0] if default else None
        try:
            return read(self.table.pop(key))
        except ValueError as error:
            self.problem("mapping.value", key, f"{error}.")
            return None

    def problem(self, code: str, key: str, message: str) -> None:
        found = self.start
        for number, line in enumerate(self.lines[self.start :], self.start + 1):
            if _HEADER.match(line):
                break
            if re.match(rf"\s*\"?{re.escape(key)}\"?\s*=", line):
                found = number
                break
        self.problems.append(Problem(code, key, message, found))


def _name(value: Any) -> str:
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise ValueError("Expected up to 64 letters, digits, dots, dashes and underscores")
    return value


def _kind(value: Any) -> str:
    if not isinstance(value, str) or value not in _KINDS:
        raise ValueError(f"Expected one of: {', '.join(_KINDS)}")
    return value


def _instant(value: Any) -> datetime:
    if not isinstance(value, datetime) or value.utcoffset() is None:
        raise ValueError("Expected a date and time with an offset, like 2026-01-01T00:00:00Z")
    return value.astimezone(UTC)


def _number(value: Any) -> int:
    if type(value) is not int:
        raise ValueError("Expected a whole number")
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("Expected true or false")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("Expected a text in quotes")
    return value


def _ipv4(value: Any) -> IPv4Network:
    return IPv4Network(_prefix(value, IPv4Network))


def _ipv6(value: Any) -> IPv6Network:
    return IPv6Network(_prefix(value, IPv6Network))


def _prefix(value: Any, family: type[IPv4Network | IPv6Network]) -> str:
    try:
        if isinstance(value, str) and "/" in value and family(value):
            return value
    except ValueError:
        pass
    version = "IPv4" if family is IPv4Network else "IPv6"
    raise ValueError(f"Expected an {version} prefix with its length and no host bits")


def _ipv4s(value: Any) -> tuple[IPv4Network, ...]:
    if not isinstance(value, list):
        raise ValueError("Expected a list of prefixes")
    return tuple(_ipv4(item) for item in value)


_KINDS: dict[str, type[DeterministicNat] | type[MapRule]] = {"deterministic-nat": DeterministicNat, "map": MapRule}
# Kind -> key -> how it is read, and its default where it may be left out.
_FIELDS: dict[str, dict[str, tuple[Any, ...]]] = {
    "deterministic-nat": {
        "inside": (_ipv4s,),
        "outside": (_ipv4s,),
        "boundary-addresses": (_flag,),
        "order": (_text,),
        "sharing-ratio": (_number,),
        "dynamic-factor": (_number, 0),
        "reserved-ports": (_number, 1024),
        "ports-per-user": (_number, None),
    },
    "map": {
        "ipv6-prefix": (_ipv6,),
        "ipv4-prefix": (_ipv4,),
        "ea-bits": (_number,),
        "psid-offset": (_number, 6),
        "psid-length": (_number, None),
        "psid": (_number, None),
    },
}
