"""Measure view after view until every claim is decided, one fails, or the cap is reached. Rules S1 to S8."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from nightproof.records.evidence import MetricSamples
from nightproof.records.verdict import MetricVerdict, Outcome, Verdict
from nightproof.trust.eprocess import MeanClaim, SequentialTest
from nightproof.trust.metrics import METRICS, ImagePair, ImageSequence, Metric
from nightproof.trust.metrics.metric import Image
from nightproof.trust.policy import Claim, Policy

Progress = Callable[[float, str], None]


class ViewPairs(Protocol):
    """Pictures of the source and of the asset, by view number."""

    def pair(self, index: int) -> tuple[Image, Image]:
        """(reference, asset) of view `index`; 8-bit sRGB, the policy's size. The same images whenever asked."""

    def segment(self, index: int, frames: int) -> tuple[tuple[Image, ...], tuple[Image, ...]]:
        """(references, assets) along camera path `index`, in order."""

    @property
    def self_ssim(self) -> float:
        """The least agreement with itself of the references shown last; 1 where references are exact."""


@dataclass
class _Judged:
    """A claim under test and what was measured for it."""

    claim: Claim
    metric: Metric
    reason: str
    cautious: SequentialTest
    """Counts what could not be told as the worst there is: only this one may say "holds"."""
    lenient: SequentialTest
    """Counts it as perfect: only this one may say "fails"."""
    values: list[float] = field(default_factory=list)

    @property
    def outcome(self) -> Outcome:
        if self.reason:
            return "not_evaluated"
        if self.lenient.outcome == "fails":
            return "fails"
        return "holds" if self.cautious.outcome == "holds" else "undecided"

    def add(self, shown: ImagePair | ImageSequence) -> None:
        value = self.metric.measure(shown)
        self.values.append(value)
        for test in (self.cautious, self.lenient):
            test.add(self.metric.error(value))

    def add_untold(self) -> None:
        """S3: the reference contradicts itself, so nobody knows how good the asset is here."""
        self.values.append(self.claim.clip)
        self.cautious.add(self.metric.error(self.claim.clip))
        self.lenient.add(0.0)


@dataclass(frozen=True)
class Measured:
    """What one verifier found."""

    samples: tuple[MetricSamples, ...]
    verdict: Verdict
    worst_tile_ssim: float
    self_ssim: float
    """The least of any reference."""


def measure(
    pairs: ViewPairs,
    policy: Policy,
    *,
    source_sha256: str,
    asset_sha256: str,
    complexity: float,
    progress: Progress = lambda fraction, message: None,
    metrics: Mapping[str, Metric] = METRICS,
) -> Measured:
    """Look at views, then at path segments, no longer than it takes."""
    judged = [_judged(claim, metrics[claim.metric]) for claim in policy.claims]
    of_views = [j for j in judged if j.metric.per == "view" and not j.reason]
    of_segments = [j for j in judged if j.metric.per == "segment" and not j.reason]
    worst = least_agreement = 1.0
    cap = policy.cap_for("view", complexity)
    for index in range(cap):
        if _settled(of_views):
            break
        progress(0.8 * index / cap, f"view {index + 1} of at most {cap}")
        pair = ImagePair(*pairs.pair(index))
        least_agreement = min(least_agreement, pairs.self_ssim)
        if _count(of_views, pair, pairs.self_ssim >= policy.reference_self_ssim):
            worst = min(worst, pair.scores.worst_tile_ssim)
    if all(item.outcome == "holds" for item in of_views):  # S6: otherwise the verdict cannot become better
        segments = policy.cap_for("segment", complexity)
        least_agreement = min(least_agreement, _measure_segments(pairs, policy, of_segments, segments, progress))
    else:
        for item in of_segments:
            item.reason = "a claim about single views does not hold; path segments were not rendered"
    verdict = Verdict(
        source_sha256=source_sha256,
        asset_sha256=asset_sha256,
        policy=policy.digest,
        outcome=_outcome(judged),
        metrics=tuple(
            MetricVerdict(
                metric=j.claim.metric, threshold=j.claim.threshold, error_rate=j.claim.error_rate, outcome=j.outcome
            )
            for j in judged
        ),
    )
    samples = tuple(
        MetricSamples(metric=j.claim.metric, values=tuple(j.values), not_evaluated=j.reason) for j in judged
    )
    return Measured(samples, verdict, worst, least_agreement)


def bounded_claim(claim: Claim, metric: Metric) -> MeanClaim:
    """A claim in the error space of its metric."""
    return MeanClaim(metric.error(claim.threshold), metric.error(claim.clip), claim.error_rate)


def summary(claim: Claim, values: tuple[float, ...]) -> tuple[float | None, float | None]:
    """Mean of the counted values and the bound that it is better than, in the metric's own unit (S8)."""
    if not values:
        return None, None
    metric = METRICS[claim.metric]
    test = SequentialTest(bounded_claim(claim, metric))
    for value in values:
        test.add(metric.error(value))
    return metric.value(test.mean), metric.value(test.upper_bound())


def relative_noise(values: tuple[float, ...], metric: Metric) -> float:
    """Standard error of the mean error, relative to it."""
    errors = [metric.error(value) for value in values]
    if len(errors) < 2 or sum(errors) <= 0:
        return 0.0
    mean = sum(errors) / len(errors)
    variance = sum((error - mean) ** 2 for error in errors) / (len(errors) - 1)
    return math.sqrt(variance / len(errors)) / mean


def _judged(claim: Claim, metric: Metric) -> _Judged:
    bounded = bounded_claim(claim, metric)
    return _Judged(claim, metric, metric.unavailable(), SequentialTest(bounded), SequentialTest(bounded))


def _settled(judged: list[_Judged]) -> bool:
    """Every claim is decided, or one fails: then the verdict is known."""
    outcomes = {item.outcome for item in judged}
    return "fails" in outcomes or "undecided" not in outcomes


def _measure_segments(pairs: ViewPairs, policy: Policy, judged: list[_Judged], cap: int, progress: Progress) -> float:
    """The least agreement of a reference with itself."""
    least_agreement = 1.0
    for index in range(cap):
        if _settled(judged):
            break
        progress(0.8 + 0.2 * index / cap, f"path {index + 1} of at most {cap}")
        sequence = ImageSequence(*pairs.segment(index, policy.segment_frames))
        least_agreement = min(least_agreement, pairs.self_ssim)
        _count(judged, sequence, pairs.self_ssim >= policy.reference_self_ssim)
    return least_agreement


def _count(judged: list[_Judged], shown: ImagePair | ImageSequence, told: bool) -> bool:
    """Let every claim have what was seen, or what stands for it where its reference contradicts itself; `told`."""
    for item in judged:
        if told:
            item.add(shown)
        else:
            item.add_untold()
    return told


def _outcome(judged: list[_Judged]) -> Literal["holds", "fails", "undecided"]:
    """S7."""
    outcomes = {item.outcome for item in judged}
    missing = any(item.claim.required and item.outcome == "not_evaluated" for item in judged)
    if "fails" in outcomes:
        return "fails"
    return "undecided" if "undecided" in outcomes or missing else "holds"
