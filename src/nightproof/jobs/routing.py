"""Ask every pipeline what it foretells, and the router which one it is to be."""

from __future__ import annotations

from collections.abc import Mapping

from nightproof.pipelines.pipeline import known_pipelines
from nightproof.records.analysis import Analysis
from nightproof.records.route import Estimate, Route, Unsuitable
from nightproof.records.scene import Scene


def estimates_for(scene: Scene, analysis: Analysis) -> Mapping[str, Estimate | Unsuitable]:
    """What each pipeline that is built foretells for this scene. Takes milliseconds."""
    return {name: pipeline.estimate(scene, analysis) for name, pipeline in known_pipelines().items()}


def choose_route(scene: Scene, analysis: Analysis, wanted: str = "auto") -> Route:
    """The router's choice, or the user's where `wanted` names a pipeline."""
    from nightproof.optimizer.router import OptimizationRouter

    return OptimizationRouter().route(analysis, estimates_for(scene, analysis), wanted)
