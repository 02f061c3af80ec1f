"""What a verifier makes of views that nobody can tell: the worst for "holds", nothing for "fails"."""

from dataclasses import dataclass, field, replace
from types import SimpleNamespace

import pytest
from synthetic import SyntheticPairs

from nightproof.trust.measure import measure
from nightproof.trust.metrics import METRICS
from nightproof.trust.policy import DRAFT

ONLY_VIEWS = replace(DRAFT, claims=tuple(claim for claim in DRAFT.claims if claim.metric in ("ssim", "psnr", "flip")))


@dataclass
class UntoldPairs(SyntheticPairs):
    """As given, but in the views `untold` the reference contradicts itself."""

    untold: tuple[int, ...] = ()
    untold_paths: tuple[int, ...] = ()
    self_ssim: float = field(init=False, default=1.0)

    def pair(self, index):
        self.self_ssim = 0.9 if index in self.untold else 1.0
        return super().pair(index)

    def segment(self, index, frames):
        self.self_ssim = 0.9 if index in self.untold_paths else 1.0
        return super().segment(index, frames)


def measured(level, untold, policy=ONLY_VIEWS):
    pairs = UntoldPairs(level, untold=tuple(untold))
    return measure(pairs, policy, source_sha256="1" * 64, asset_sha256="2" * 64, complexity=0.5)


def views(found):
    return {sample.metric: sample.values for sample in found.samples}


def test_one_view_that_cannot_be_told_costs_views_and_no_verdict():
    told, untold = measured(0.0, ()), measured(0.0, (3,))
    assert told.verdict.outcome == untold.verdict.outcome == "holds"
    assert len(views(untold)["ssim"]) > len(views(told)["ssim"])
    assert untold.self_ssim == pytest.approx(0.9)


def test_it_counts_as_the_worst_there_is():
    claims = {claim.metric: claim for claim in ONLY_VIEWS.claims}
    for metric, values in views(measured(0.0, (3,))).items():
        assert values[3] == claims[metric].clip


def test_where_most_cannot_be_told_nothing_is_said():
    found = measured(0.0, range(0, 200, 2))
    assert found.verdict.outcome == "undecided"
    assert len(views(found)["ssim"]) == ONLY_VIEWS.cap_for("view", 0.5)


def test_a_bad_asset_fails_by_the_views_that_can_be_told():
    assert measured(60.0, (1, 2)).verdict.outcome == "fails"
    assert measured(60.0, range(200)).verdict.outcome == "undecided"


def test_a_path_that_cannot_be_told_counts_as_the_worst_there_is_too():
    """VMAF's claim, with a stand-in that finds every path perfect and needs no ffmpeg."""
    real = METRICS["vmaf"]
    perfect = SimpleNamespace(
        name="vmaf", per="segment", unavailable=str, measure=lambda shown: 100.0, error=real.error, value=real.value
    )
    policy = replace(DRAFT, claims=tuple(claim for claim in DRAFT.claims if claim.metric in ("ssim", "vmaf")))
    told, untold = (
        measure(
            UntoldPairs(0.0, untold_paths=paths), policy, source_sha256="1" * 64, asset_sha256="2" * 64, complexity=0.5,
            metrics={**METRICS, "vmaf": perfect},
        )
        for paths in ((), (1,))
    )  # fmt: skip
    clip = next(claim.clip for claim in policy.claims if claim.metric == "vmaf")
    assert told.verdict.outcome == "holds"
    assert views(untold)["vmaf"][:3] == (100.0, clip, 100.0)
    assert untold.self_ssim == pytest.approx(0.9) and told.self_ssim == 1.0
