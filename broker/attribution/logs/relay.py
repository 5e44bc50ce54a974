"""Which line a DHCP client is on, by what the relay added (RFC 3046, RFC 4649, RFC 4580). Opaque bytes, never text."""

from __future__ import annotations

import json
from collections.abc import Mapping

from broker.attribution.logs import text
from broker.attribution.logs.events import Event, Kind

# What may name the holder of a lease for a source, and the kind of its identity.
HOLDERS = {"circuit-id": "circuit", "remote-id": "remote", "subscriber-id": "subscriber"}

# The client's own identity, which it chooses: by the word of an operator in whose network it cannot take another's.
CLIENT = "client"

_SUB_OPTIONS = {1: "circuit-id", 2: "remote-id", 6: "subscriber-id"}


def from_context(context: str) -> dict[str, str]:
    """Give the ids of option 82 that Kea keeps with a lease (`store-extended-info`), as hexadecimal digits.

    A client renews without its relay, so only what the server kept still names its line. The context is a JSON object
    with ISC.relay-agent-info, either `0x...` itself or an object with `sub-options`; other contexts give nothing.
    Source: Kea manual, "Storing Extended Lease Information".
    """
    try:
        value = json.loads(context)["ISC"]["relay-agent-info"]
        if isinstance(value, dict):
            value = value["sub-options"]
        data = bytes.fromhex(value.removeprefix("0x"))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}
    if data[:1] == b"\x52" and len(data) > 1 and data[1] == len(data) - 2:
        # Older releases keep the whole option with its code and length.
        data = data[2:]
    found: dict[str, str] = {}
    while len(data) >= 2 and len(data) >= 2 + data[1]:
        kind, length = data[0], data[1]
        if kind in _SUB_OPTIONS and length:
            found[_SUB_OPTIONS[kind]] = data[2 : 2 + length].hex()
        data = data[2 + length :]
    return {} if data else found


def holder(wanted: str, ids: Mapping[str, str], client: str) -> str:
    """Name the holder of a lease: by what this source is configured for, or "" if this record does not show it.

    ids: what the record shows of the line. client: the client's own identity.
    An empty holder says that the session, which names client and address, is the one whose line an earlier record
    showed: the client's own identity in its place would look like a second holder.
    """
    if wanted == CLIENT:
        return client
    return text.octets(HOLDERS[wanted], ids[wanted]) if wanted in ids else ""


def beside(event: Event, wanted: str, ids: Mapping[str, str]) -> list[Event]:
    """Give an event and, where the client is taken at its word, what the record shows of its line.

    The line is a second holder of the same session at the same moment, so nothing is certain of it: whoever takes the
    identity of another line's client is not named as he is. Source: attribution.md 3.4.
    """
    if wanted != CLIENT or not ids:
        return [event]
    name, digits = min(ids.items())
    return [event, event._replace(kind=Kind.ALIVE, holder=text.octets(HOLDERS.get(name, name), digits), since=None)]


def check_wanted(wanted: str) -> str:
    """Give the configured holder back; ValueError if there is no such kind."""
    if wanted not in HOLDERS and wanted != CLIENT:
        raise ValueError("the holder must be circuit-id, remote-id, subscriber-id or client")
    return wanted
