"""How often the betting test is fooled, and how many views it needs: simulated assets, three hard distributions.

    python benchmarks/eprocess.py [--assets 2000]

Every claim of every policy faces assets whose mean error is just at its limit (false accepts); the SSIM claim of
`standard` then meets better and worse assets (views until decided). Fails where a figure of the project is missed.
"""

from __future__ import annotations

import argparse
import sys

import numpy as np

from nightproof.trust.eprocess import MeanClaim, decide_many
from nightproof.trust.measure import bounded_claim
from nightproof.trust.metrics import METRICS
from nightproof.trust.policy import POLICIES, STANDARD

KINDS = ("Beta", "5 % bad views", "1 % holes")


def errors(kind: str, mean: float, worst: float, count: int, views: int, seed: int) -> np.ndarray:
    """Errors in [0, worst] whose mean is exactly `mean`."""
    rng = np.random.default_rng(seed)
    if kind == "Beta":
        return worst * rng.beta(2, 2 * (worst / mean - 1), (count, views))
    rate, peak = (0.05, min(worst, 10 * mean)) if kind == "5 % bad views" else (0.01, worst)
    return np.where(rng.random((count, views)) < rate, peak, (mean - rate * peak) / (1 - rate))


def false_accepts(assets: int) -> float:
    """Prints the table; returns the worst excess over the promised rate."""
    print(f"{'false accepts at the limit':30}" + "".join(f"{kind:>16}" for kind in KINDS) + f"{'promised':>12}")
    excess = -1.0
    for policy in POLICIES.values():
        for claim in policy.claims:
            metric = METRICS[claim.metric]
            bounded = bounded_claim(claim, metric)
            cap = policy.cap_for(metric.per, 1.0)
            shares = []
            for kind in KINDS:
                sample = errors(kind, bounded.limit, bounded.worst, assets, cap, seed=11)
                shares.append(float(np.mean(decide_many(sample, bounded)[0] == 1)))
            excess = max(excess, max(shares) - claim.error_rate)
            row = "".join(f"{100 * share:15.2f}%" for share in shares)
            print(f"{policy.name + ' ' + claim.metric:30}{row}{100 * claim.error_rate:11.0f}%")
    return excess


def views_needed(assets: int, claim: MeanClaim, cap: int) -> float:
    """Prints the table; returns the mean number of views at SSIM .990 over the three distributions."""
    print(f"\n{'views until decided, mean (p90)':30}" + "".join(f"{kind:>22}" for kind in KINDS))
    at_990 = []
    for ssim in (0.994, 0.990, 0.985, 0.975, 0.970):
        cells = []
        for kind in KINDS:
            outcome, views = decide_many(errors(kind, 1 - ssim, claim.worst, assets, cap, seed=12), claim)
            right = np.mean(outcome == (1 if 1 - ssim < claim.limit else -1))
            cells.append(f"{views.mean():8.0f} ({np.quantile(views, 0.9):.0f}) {100 * right:5.1f}%")
            if ssim == 0.990:
                at_990.append(views.mean())
        print(f"SSIM {ssim:.3f}, decided rightly".ljust(30) + "".join(f"{cell:>22}" for cell in cells))
    return float(np.mean(at_990))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--assets", type=int, default=2000)
    assets = parser.parse_args().assets
    excess = false_accepts(assets)
    claim = STANDARD.claim("ssim")
    assert claim
    mean_views = views_needed(assets, bounded_claim(claim, METRICS["ssim"]), STANDARD.cap_for("view", 1.0))
    print(f"\nSSIM .990 under standard: {mean_views:.0f} views on average over the three distributions")
    sys.exit("a figure is missed" if excess > 0 or mean_views > 90 else 0)


if __name__ == "__main__":
    main()
