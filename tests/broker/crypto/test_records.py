"""Sealing at rest: what opens, and everything that must not."""

from __future__ import annotations

import json
import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.crypto import suites
from broker.crypto.epochs import EpochPrivateKey, load_private, new_epoch
from broker.crypto.errors import SealError, UnsealError
from broker.crypto.records import SealedRecordParts, open_record, seal_record
from broker.errors import BrokerError
from tests.support.hpke_reference import open_base_x25519

VECTORS = Path(__file__).resolve().parents[3] / "fixtures" / "envelopes" / "records.json"
SETS: list[dict[str, Any]] = json.loads(VECTORS.read_text())
ALTERED = [(vectors, case) for vectors in SETS for case in vectors["altered"]]
EPOCH = new_epoch(3)
RECORD = uuid.UUID("0190f3a2-1111-7000-8000-000000000001")


def _epoch(vectors: dict[str, Any], folder: Path) -> EpochPrivateKey:
    path = folder / "epoch.private"
    path.write_text(vectors["epoch_private"])
    path.chmod(0o600)
    return load_private(path)


def _open(case: dict[str, Any], epoch: EpochPrivateKey) -> bytes:
    raw, place = case["parts"], case["place"]
    parts = SealedRecordParts(
        nonce=bytes.fromhex(raw["nonce"]),
        body=bytes.fromhex(raw["body"]),
        suite=raw["suite"],
        epoch_id=raw["epoch_id"],
        wrapped_key=bytes.fromhex(raw["wrapped_key"]),
    )
    return open_record(
        parts,
        isp=place["isp"],
        record_id=uuid.UUID(place["record_id"]),
        schema=place["schema"],
        epoch_private=epoch,
    )


@pytest.mark.parametrize("vectors", SETS, ids=lambda vectors: f"suite {vectors['suite']}")
def test_a_record_sealed_by_an_earlier_version_still_opens(vectors: dict[str, Any], tmp_path: Path) -> None:
    assert _open(vectors["good"], _epoch(vectors, tmp_path)) == bytes.fromhex(vectors["plaintext"])


@pytest.mark.parametrize(("vectors", "case"), ALTERED, ids=[f"suite {v['suite']} {c['defect']}" for v, c in ALTERED])
def test_an_altered_record_fails_with_its_code(vectors: dict[str, Any], case: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(BrokerError) as caught:
        _open(case, _epoch(vectors, tmp_path))
    assert caught.value.code == case["code"]


def test_every_way_of_altering_a_record_is_tried_for_both_suites() -> None:
    assert [vectors["suite"] for vectors in SETS] == [suites.HPKE_HYBRID, suites.HPKE_X25519]
    assert all(len(vectors["altered"]) == 16 for vectors in SETS)


def test_the_wrapped_key_opens_with_an_independent_reading_of_rfc_9180(tmp_path: Path) -> None:
    vectors = SETS[1]
    parts, place = vectors["good"]["parts"], vectors["good"]["place"]
    fields = (
        b"disclosure-broker sealed record v1",
        place["isp"].encode(),
        uuid.UUID(place["record_id"]).bytes,
        (1).to_bytes(4, "big"),
        (7).to_bytes(4, "big"),
        (2).to_bytes(2, "big"),
    )
    binding = b"".join(len(field).to_bytes(4, "big") + field for field in fields)
    private = _epoch(vectors, tmp_path).hpke.raw
    data_key = open_base_x25519(bytes.fromhex(parts["wrapped_key"]), private, binding)
    body = suites.aead_open(data_key, bytes.fromhex(parts["nonce"]), bytes.fromhex(parts["body"]), binding)
    assert body == bytes.fromhex(vectors["plaintext"])


@given(
    plaintext=st.binary(min_size=1, max_size=2000),
    isp=st.text(min_size=1, max_size=30),
    record_id=st.uuids(),
    schema=st.integers(0, 2**32 - 1),
)
def test_whatever_is_sealed_opens_again(plaintext: bytes, isp: str, record_id: uuid.UUID, schema: int) -> None:
    parts = seal_record(plaintext, isp=isp, record_id=record_id, schema=schema, epoch=EPOCH.public)
    assert plaintext == open_record(parts, isp=isp, record_id=record_id, schema=schema, epoch_private=EPOCH)


@given(st.tuples(st.text(max_size=5), st.text(max_size=5)))
def test_two_operators_never_share_a_binding(isps: tuple[str, str]) -> None:
    sealed_for, opened_for = isps
    parts = seal_record(b"x", isp=sealed_for, record_id=RECORD, schema=1, epoch=EPOCH.public)
    if sealed_for == opened_for:
        assert open_record(parts, isp=opened_for, record_id=RECORD, schema=1, epoch_private=EPOCH) == b"x"
    else:
        with pytest.raises(UnsealError):
            open_record(parts, isp=opened_for, record_id=RECORD, schema=1, epoch_private=EPOCH)


def test_refuses_to_seal_an_empty_record() -> None:
    with pytest.raises(SealError, match="empty"):
        seal_record(b"", isp="a", record_id=RECORD, schema=1, epoch=EPOCH.public)


def test_the_key_of_one_epoch_opens_no_record_of_another_even_under_its_number() -> None:
    other = new_epoch(3)
    parts = seal_record(b"x", isp="a", record_id=RECORD, schema=1, epoch=EPOCH.public)
    with pytest.raises(UnsealError):
        open_record(parts, isp="a", record_id=RECORD, schema=1, epoch_private=other)


def test_no_two_seals_share_key_nonce_or_bytes() -> None:
    first, second = (seal_record(b"same", isp="a", record_id=RECORD, schema=1, epoch=EPOCH.public) for _ in range(2))
    assert first.nonce != second.nonce
    assert first.body != second.body
    assert first.wrapped_key != second.wrapped_key


@pytest.mark.parametrize("position", ["nonce", "body", "wrapped_key"])
def test_any_single_changed_byte_is_noticed(position: str) -> None:
    parts = seal_record(b"a name", isp="a", record_id=RECORD, schema=1, epoch=EPOCH.public)
    original: bytes = getattr(parts, position)
    for index in range(len(original)):
        changed = original[:index] + bytes([original[index] ^ 0x80]) + original[index + 1 :]
        change: dict[str, Any] = {position: changed}
        damaged = replace(parts, **change)
        with pytest.raises(UnsealError):
            open_record(damaged, isp="a", record_id=RECORD, schema=1, epoch_private=EPOCH)


def test_messages_of_a_failed_opening_hold_no_plaintext_and_no_key() -> None:
    parts = seal_record(b"a name", isp="a", record_id=RECORD, schema=1, epoch=EPOCH.public)
    with pytest.raises(UnsealError) as caught:
        open_record(parts, isp="b", record_id=RECORD, schema=1, epoch_private=EPOCH)
    assert str(RECORD) in str(caught.value)
    assert "a name" not in str(caught.value)
    assert EPOCH.hpke.raw.hex() not in repr(EPOCH)
