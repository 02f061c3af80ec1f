"""Ask every pipeline what it foretells, and the router which one it is to be."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from nightproof.jobs.learning import corrections
from nightproof.pipelines.pipeline import known_pipelines
from nightproof.records.analysis import Analysis
from nightproof.records.route import Estimate, Route, Unsuitable
from nightproof.records.scene import Scene


def estimates_for(scene: Scene, analysis: Analysis) -> Mapping[str, Estimate | Unsuitable]:
    """What each pipeline that is built foretells for this scene. Takes milliseconds."""
    return {name: pipeline.estimate(scene, analysis) for name, pipeline in known_pipelines().items()}


def choose_route(scene: Scene, analysis: Analysis, store: Path, wanted: str = "auto") -> Route:
    """The router's choice, or the user's where `wanted` names a pipeline; estimates as past jobs in `store` teach."""
    from nightproof.optimizer.router import OptimizationRouter

    return OptimizationRouter(corrections(store)).route(analysis, estimates_for(scene, analysis), wanted)
