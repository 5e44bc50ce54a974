"""Packed lists reach the server as what they are packed from."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from ipaddress import ip_network
from typing import Any

import pytest

from broker.leases.packed import ZERO, Packed, big_integers, integers, microseconds, moments, network, networks
from broker.leases.reading import fetch

pytestmark = pytest.mark.django_db(databases=["default", "leases"])

MOMENTS = [
    datetime(1, 1, 1, tzinfo=UTC),
    datetime(1999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    datetime(2000, 1, 1, tzinfo=UTC),
    datetime(2026, 10, 25, 2, 30, tzinfo=timezone(timedelta(hours=2))),
    datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
]
NETWORKS = ["198.51.100.77/32", "198.51.100.64/26", "0.0.0.0/0", "2001:db8:41:700::/56", "2001:db8::7/128", "::/0"]


def read_back(packed: Packed, kind: str) -> list[Any]:
    return [value for (value,) in fetch(f"SELECT value::{kind} FROM unnest(%(list)b) AS t (value)", {"list": packed})]


def test_moments_arrive_to_the_microsecond() -> None:
    assert read_back(moments([microseconds(moment - ZERO) for moment in MOMENTS]), "timestamptz") == MOMENTS


def test_networks_arrive_without_what_is_beyond_their_width() -> None:
    elements = []
    for text in NETWORKS:
        wanted = ip_network(text)
        beyond = (1 << wanted.max_prefixlen - wanted.prefixlen) - 1
        elements.append(network(wanted.version, int(wanted.network_address) | beyond, wanted.prefixlen))
    assert read_back(networks(elements), "text") == NETWORKS


@pytest.mark.parametrize(("pack", "kind", "bits"), [(integers, "int", 31), (big_integers, "bigint", 63)])
def test_integers_arrive_to_their_limits_and_not_beyond(pack: Any, kind: str, bits: int) -> None:
    values = [-(1 << bits), -1, 0, 1, (1 << bits) - 1]
    assert read_back(pack(values), kind) == values
    with pytest.raises(struct.error):
        pack([1 << bits])


@pytest.mark.parametrize("pack", [integers, big_integers, moments, networks])
def test_a_list_may_be_empty(pack: Any) -> None:
    nothing: Sequence[Any] = []
    assert read_back(pack(nothing), "text") == []
