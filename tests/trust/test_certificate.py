"""A certificate stands for every one of its bytes, or is refused with the reason."""

import base64
import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest
from synthetic import local_asker, task

from nightproof.records.asset import AssetFile
from nightproof.records.record import canonical_json
from nightproof.trust import certificate as c
from nightproof.trust.certifying import NotCertifiable, make_certificate
from nightproof.trust.committee import Files, VerifierFailed, run_committee

ASSET = b"these are the bytes of an asset"


def certified(folder: Path, level: float):
    asked = replace(task(), asset_sha256=hashlib.sha256(ASSET).hexdigest())
    ask = local_asker(level)
    files = Files(folder / "source", folder / "asset", folder / "cache")
    judgement = run_committee(asked, files, folder=folder, ask=ask)
    parts = [AssetFile("asset.glb", asked.asset_sha256, len(ASSET))]
    return judgement, make_certificate(judgement, asked, parts, folder=folder, ask=ask, route="baking")


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    return certified(tmp_path_factory.mktemp("good"), 1.0)


def reworked(data: bytes, change) -> bytes:
    outer = json.loads(data)
    change(outer)
    return canonical_json(outer)


def restated(data: bytes, change) -> bytes:
    def rework(outer):
        inner = json.loads(base64.b64decode(outer["payload"]))
        change(inner)
        outer["payload"] = base64.b64encode(canonical_json(inner)).decode()

    return reworked(data, rework)


def test_an_honest_certificate_verifies(good):
    verified = c.verify(ASSET, good[1])
    assert verified.outcome == "holds"
    assert len(verified.signers) == 4
    assert verified.metrics["ssim"]["holds"]
    assert "one machine" in verified.machine


def test_the_same_judgement_gives_the_same_bytes(tmp_path):
    first = certified(tmp_path, 1.0)
    assert certified(tmp_path, 1.0) == first


def test_a_bad_asset_gets_an_honest_certificate_that_does_not_hold(tmp_path):
    judgement, data = certified(tmp_path, 40.0)
    assert judgement.verdict.outcome == "fails"
    with pytest.raises(c.DoesNotHold, match="fails"):
        c.verify(ASSET, data)


def test_any_single_changed_byte_is_refused(good):
    data = good[1]
    for position in range(len(data)):
        changed = bytearray(data)
        changed[position] ^= 1 << (position % 8)
        with pytest.raises(c.CertificateRefused):
            c.verify(ASSET, bytes(changed))


@pytest.mark.parametrize("extra", [b"\n", b" ", b"\0"])
def test_added_and_cut_bytes_are_refused(good, extra):
    for changed in (good[1] + extra, extra + good[1], good[1][:-1], b""):
        with pytest.raises(c.NotCanonical):
            c.verify(ASSET, changed)


def test_a_changed_asset_is_refused(good):
    with pytest.raises(c.WrongAsset):
        c.verify(ASSET + b"!", good[1])


def test_a_file_beside_the_asset_is_named_but_not_vouched_for(good):
    beside = {"name": "asset-sh.glb", "digest": {"sha256": hashlib.sha256(b"beside").hexdigest()}}
    named = restated(good[1], lambda inner: inner["subject"].append(beside))
    with pytest.raises(c.NotMeasured, match=r"asset-sh\.glb") as refused:
        c.verify(b"beside", named)
    assert "asset.glb" in refused.value.hint


def test_votes_removed_below_the_quorum_are_refused(good):
    for left in (0, 1, 2):
        with pytest.raises(c.NoQuorum):
            c.verify(ASSET, reworked(good[1], lambda o, n=left: o.update(signatures=o["signatures"][:n])))


def test_a_vote_removed_above_the_quorum_is_missed(good):
    with pytest.raises(c.MissingSignature):
        c.verify(ASSET, reworked(good[1], lambda o: o["signatures"].pop()))


def test_a_repeated_key_is_refused(good):
    repeat = reworked(good[1], lambda o: o["signatures"].insert(0, o["signatures"][0]))
    with pytest.raises(c.ForeignKey, match="twice"):
        c.verify(ASSET, repeat)


def test_a_foreign_key_is_refused(good):
    def swap(outer):
        outer["signatures"][0]["keyid"] = "0" * 64

    with pytest.raises(c.ForeignKey):
        c.verify(ASSET, reworked(good[1], swap))


def test_two_members_with_one_key_are_refused(good):
    def twin(inner):
        inner["predicate"]["committee"][1]["public_key"] = inner["predicate"]["committee"][0]["public_key"]

    with pytest.raises(c.ForeignKey, match="twice"):
        c.verify(ASSET, restated(good[1], twin))


def test_an_untrusted_committee_is_refused_where_trust_is_asked_for(good):
    signers = c.verify(ASSET, good[1]).signers
    assert c.verify(ASSET, good[1], trusted=signers)
    with pytest.raises(c.ForeignKey, match="trusted"):
        c.verify(ASSET, good[1], trusted=signers[1:])


def test_a_rewritten_statement_has_no_valid_signature(good):
    def praise(inner):
        inner["predicate"]["aggregates"][0]["mean"] = 1.0

    with pytest.raises(c.BadSignature):
        c.verify(ASSET, restated(good[1], praise))


def test_unknown_versions_and_members_are_refused(good):
    with pytest.raises(c.UnknownVersion):
        c.verify(ASSET, restated(good[1], lambda i: i.update(predicateType="urn:nightproof:certificate:v2")))
    with pytest.raises(c.NotCanonical):
        c.verify(ASSET, restated(good[1], lambda i: i["predicate"].update(surprise=1)))
    with pytest.raises(c.NotCanonical):
        c.verify(ASSET, reworked(good[1], lambda o: o.update(surprise=1)))


def test_a_verifier_does_not_sign_what_it_did_not_vote_for(tmp_path):
    asked = replace(task(), asset_sha256=hashlib.sha256(ASSET).hexdigest())
    ask = local_asker(40.0)
    judgement = run_committee(asked, Files(tmp_path, tmp_path, tmp_path), folder=tmp_path, ask=ask)
    lie = replace(judgement, verdict=replace(judgement.verdict, outcome="holds"))
    with pytest.raises(Exception, match="did not vote"):
        make_certificate(lie, asked, [AssetFile("a.glb", asked.asset_sha256, 1)], folder=tmp_path, ask=ask)


def test_a_dying_verifier_costs_its_weight_and_two_cost_the_certificate(tmp_path):
    asked = replace(task(), asset_sha256=hashlib.sha256(ASSET).hexdigest())

    def dying(count):
        honest = local_asker()

        def ask(home, request, progress):
            if int(home.name[-1]) <= count:
                raise VerifierFailed("died")
            return honest(home, request, progress)

        return ask

    parts = [AssetFile("asset.glb", asked.asset_sha256, len(ASSET))]
    files = Files(tmp_path, tmp_path, tmp_path)
    one = run_committee(asked, files, folder=tmp_path / "1", ask=dying(1))
    assert one.decided
    assert one.agreement == pytest.approx(0.75)
    assert c.verify(ASSET, make_certificate(one, asked, parts, folder=tmp_path / "1", ask=dying(1)))
    two = run_committee(asked, files, folder=tmp_path / "2", ask=dying(2))
    assert not two.decided
    with pytest.raises(NotCertifiable):
        make_certificate(two, asked, parts, folder=tmp_path / "2", ask=dying(2))
