"""What every pipeline promises, and the table of those that are built."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from nightproof.errors import NightproofError
from nightproof.records.analysis import Analysis
from nightproof.records.route import Estimate, Route, Unsuitable
from nightproof.records.scene import Scene

if TYPE_CHECKING:
    from nightproof.scenes.flat import FlatScene
    from nightproof.scenes.gltf import GltfDocument


class PipelineGaveUp(NightproofError):
    """A pipeline found out while working that it is the wrong one: the job falls back to packing and says why."""

    hint = "Nothing is lost: packing does this scene. Force it from the start with --pipeline packing."


class BudgetExceeded(PipelineGaveUp):
    """At sensible quality the asset would be larger than its source."""


class NotBakeable(PipelineGaveUp):
    """What the views see of the scene cannot be held by a texture."""


class Progress(Protocol):
    """Where long work says how far it is. Called often; cheap; may raise KeyboardInterrupt."""

    def __call__(self, fraction: float, message: str) -> None:
        """`fraction` in [0, 1] of this step; `message` in a few words."""


def silent(fraction: float, message: str) -> None:
    """The progress of work that nobody watches."""


@dataclass(frozen=True)
class Source:
    """A scene opened for work: the record, the untouched document, and the soup that renderers read."""

    record: Scene
    document: GltfDocument
    flat: FlatScene
    """With the environment that the analysis chose already in place."""


@dataclass(frozen=True)
class Made:
    """What a pipeline hands back; the job stores the files and writes the `Asset` record."""

    files: Mapping[str, Path]
    """Name in the output folder → finished file below `scratch`. The first is the asset a viewer opens."""
    shading: str
    """`lit` or `unlit`, as in `records.asset`."""
    exposure: float
    notes: tuple[str, ...] = ()
    work: Mapping[str, float] = field(default_factory=dict)


class Pipeline(Protocol):
    """One way of turning a scene into an asset that shows in real time."""

    name: str
    version: str

    def estimate(self, scene: Scene, analysis: Analysis) -> Estimate | Unsuitable:
        """Foretell cost and quality, or say why this pipeline is the wrong one. Takes milliseconds."""

    def make(
        self, source: Source, route: Route, *, seed: int, scratch: Path, threads: int, progress: Progress = silent
    ) -> Made:
        """Do the work. The same source, route and seed give the same files, byte for byte, for any `threads`.

        Writes below `scratch` only, reads nothing else, and may be killed at any time: called again with the same
        `scratch`, it carries on where it stopped.
        """


def known_pipelines() -> dict[str, Pipeline]:
    """The pipelines that are built, by name. Importing them here keeps `import nightproof` light."""
    from nightproof.pipelines.baking.pipeline import BakingPipeline
    from nightproof.pipelines.packing.pipeline import PackingPipeline

    return {"baking": BakingPipeline(), "packing": PackingPipeline()}


ALL_PIPELINES = ("baking", "splatting", "hybrid", "packing")
"""Every pipeline that the router may want, built or not."""
