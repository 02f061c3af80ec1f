"""What a finished job tells: on the terminal, as JSON, and for the report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nightproof.records.analysis import Analysis
from nightproof.records.asset import Asset
from nightproof.records.plan import Plan
from nightproof.records.route import Route
from nightproof.records.scene import Scene
from nightproof.records.verdict import Verdict


@dataclass(frozen=True)
class MetricResult:
    """One metric over all views, as the committee aggregated it."""

    mean: float | None
    bound: float | None
    """What the mean is better than, at the policy's error rate; None while undecided or not evaluated."""
    threshold: float | None
    """None for what is reported and not judged."""
    outcome: str
    views: int
    note: str = ""

    def to_json(self) -> dict[str, Any]:
        return {
            "mean": self.mean,
            "bound": self.bound,
            "threshold": self.threshold,
            "holds": self.outcome == "holds",
            "outcome": self.outcome,
            "views": self.views,
            "note": self.note,
        }


@dataclass(frozen=True)
class JobOutcome:
    """Everything a face shows of a finished job."""

    job: str
    scene: Scene
    analysis: Analysis
    route: Route
    plan: Plan
    """As made before the work, from an estimate."""
    hindsight: Plan
    """The same for what the work really took: comparable with what it cost."""
    asset: Asset
    verdict: Verdict
    certified: bool
    agreement: float
    metrics: Mapping[str, MetricResult]
    certificate_sha256: str
    seconds: float
    cpu_seconds: float
    cost_now_usd: float
    carbon_now_kg: float
    files: Mapping[str, Path]
    caveats: tuple[str, ...] = ()
    """What the verdict says nothing or little about; see `judging.caveats`."""

    def to_json(self) -> dict[str, Any]:
        return {
            "job": self.job,
            "route": {
                "pipeline": self.route.pipeline,
                "wanted": self.route.wanted,
                "fallback_reason": self.route.fallback_reason,
                "scores": {
                    "baking": self.route.scores.baking,
                    "dynamic": self.route.scores.dynamic,
                    "complexity": self.route.scores.complexity,
                },
            },
            "verdict": self.verdict.outcome,
            "certified": self.certified,
            "agreement": self.agreement,
            "metrics": {name: result.to_json() for name, result in self.metrics.items()},
            "bytes_in": self.scene.source_bytes,
            "bytes_out": self.asset.main.size_bytes,
            "seconds": round(self.seconds, 3),
            "cpu_seconds": round(self.cpu_seconds, 3),
            "cost": {
                "now_usd": self.cost_now_usd,
                "best_usd": self.hindsight.cost_usd,
                "baseline_usd": self.hindsight.baseline.cost_usd,
                "baseline": self.hindsight.baseline_name,
                "savings_fraction": self.hindsight.savings_fraction,
                "roi": self.hindsight.roi,
                "now_carbon_kg": self.carbon_now_kg,
                "best_carbon_kg": self.hindsight.carbon_kg,
                "carbon_usd_per_kg": self.hindsight.carbon_usd_per_kg,
                "planned_usd": self.plan.cost_usd,
                "planned_cpu_seconds": self.plan.work_cpu_seconds,
                "work_cpu_seconds": self.hindsight.work_cpu_seconds,
            },
            "notes": [*self.asset.notes, *self.caveats],
            "files": {name: str(path) for name, path in self.files.items()},
        }
