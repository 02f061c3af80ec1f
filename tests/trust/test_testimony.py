"""Whoever holds the evidence sees every view, and can tell that it is what the certificate names."""

import dataclasses

import numpy as np
import pytest
from synthetic import local_asker, task

from nightproof.records import evidence as records
from nightproof.records.verdict import MetricVerdict
from nightproof.trust.committee import Files, run_committee
from nightproof.trust.eprocess import MeanClaim, SequentialTest, stakes
from nightproof.trust.testimony import betting, gather, severity, spokesman


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    folder = tmp_path_factory.mktemp("verifiers")
    nowhere = folder / "unused"
    judgement = run_committee(task(), Files(nowhere, nowhere, nowhere), folder=folder, ask=local_asker())
    return judgement, folder


def test_all_evidence_is_what_the_judgement_names(judged):
    judgement, folder = judged
    testimony = gather(judgement, task(), folder)
    assert [evidence.digest for evidence in testimony.evidence] == [member.evidence for member in judgement.members]
    assert testimony.judgement == judgement.digest
    assert records.Testimony.from_bytes(testimony.canonical_bytes()) == testimony


def test_evidence_that_nobody_named_or_that_was_spoilt_is_left_out(judged):
    judgement, folder = judged
    strangers = dataclasses.replace(judgement, members=judgement.members[1:])
    assert len(gather(strangers, task(), folder).evidence) == len(judgement.members) - 1
    report = next(folder.glob("*/reports/*.json"))
    kept = report.read_bytes()
    report.write_bytes(kept[:-20])
    try:
        assert len(gather(judgement, task(), folder).evidence) == len(judgement.members) - 1
    finally:
        report.write_bytes(kept)


def test_the_spokesman_stands_behind_the_verdict(judged):
    judgement, folder = judged
    testimony = gather(judgement, task(), folder)
    first, *rest = judgement.members
    dissent = dataclasses.replace(judgement, members=(dataclasses.replace(first, agreed=False), *rest))
    assert spokesman(testimony, judgement).digest == first.evidence
    assert spokesman(testimony, dissent).digest == rest[0].evidence
    assert spokesman(dataclasses.replace(testimony, evidence=()), judgement) is None


def test_the_bets_reach_the_goal_exactly_when_the_claim_was_decided(judged):
    judgement, folder = judged
    evidence = spokesman(gather(judgement, task(), folder), judgement)
    outcomes = {verdict.metric: verdict for verdict in judgement.verdict.metrics}
    for claim in task().policy.claims:
        values = next(sample.values for sample in evidence.samples if sample.metric == claim.metric)
        verdict: MetricVerdict = outcomes[claim.metric]
        if values and verdict.outcome == "holds":
            holds, fails = betting(claim, values)
            assert max(holds) >= np.log(1 / claim.error_rate) > max(fails)


def test_stakes_are_those_of_the_test_that_decides():
    claim = MeanClaim(limit=0.05, worst=0.25, alpha=0.1)
    errors = np.random.default_rng(3).gamma(2.0, 0.012, 60)
    test = SequentialTest(claim)
    outcomes = [test.add(error) for error in errors]
    holds, fails = stakes(errors, claim)
    assert np.argmax(holds >= -np.log(claim.alpha)) == outcomes.index("holds") and np.all(fails < -np.log(claim.alpha))


def test_a_view_is_as_bad_as_its_worst_claim(judged):
    judgement, folder = judged
    evidence = spokesman(gather(judgement, task(), folder), judgement)
    samples = tuple(
        dataclasses.replace(
            sample, values={"ssim": (1.0, 0.9), "psnr": (30.0, 60.0), "flip": (0.0, 0.3)}[sample.metric]
        )
        if sample.metric in ("ssim", "psnr", "flip")
        else sample
        for sample in evidence.samples
    )
    assert severity(task(), dataclasses.replace(evidence, samples=samples)) == pytest.approx((1.0, 2.0))
