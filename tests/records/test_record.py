"""Records have one spelling, one digest, and a strict way back."""

import json

import pytest

from nightproof.errors import BrokenRecord
from nightproof.records.record import canonical_json, parse_json
from nightproof.records.verdict import MetricVerdict, Verdict


def verdict(threshold: float = 0.98) -> Verdict:
    metric = MetricVerdict(metric="ssim", threshold=threshold, error_rate=0.05, outcome="holds")
    return Verdict(source_sha256="a" * 64, asset_sha256="b" * 64, policy="c" * 64, outcome="holds", metrics=(metric,))


def test_a_record_survives_the_way_there_and_back():
    assert Verdict.from_bytes(verdict().canonical_bytes()) == verdict()


def test_the_digest_moves_with_any_field():
    assert verdict().digest != verdict(0.97).digest


def test_key_order_and_white_space_do_not_move_the_digest():
    shuffled = json.dumps(dict(reversed(verdict().to_json().items())), indent=3).encode()
    assert Verdict.from_bytes(shuffled).digest == verdict().digest


@pytest.mark.parametrize(
    "broken",
    [
        {"outcome": "perhaps"},
        {"metrics": "none"},
        {"version": 2},
        {"kind": "vote"},
        {"surprise": 1},
        {"policy": 5},
        {"metrics": [{"metric": "ssim", "threshold": True, "error_rate": 0.05, "outcome": "holds"}]},
    ],
)
def test_a_field_that_does_not_belong_is_refused(broken):
    with pytest.raises(BrokenRecord):
        Verdict.from_json({**verdict().to_json(), **broken})


def test_a_missing_field_is_named():
    value = verdict().to_json()
    del value["policy"]
    with pytest.raises(BrokenRecord, match="/policy"):
        Verdict.from_json(value)


@pytest.mark.parametrize("text", [b"{", b'{"a":NaN}', b'{"a":1,"a":2}', b"[" * 5000, b"\xff"])
def test_hostile_json_is_one_typed_error(text):
    with pytest.raises(BrokenRecord):
        parse_json(text)


def test_canonical_json_refuses_what_json_cannot_say():
    with pytest.raises(ValueError):
        canonical_json({"a": float("nan")})
