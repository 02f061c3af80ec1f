"""Open a scene file for work: the document, its record, the soup, what lights it, and the analysis."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nightproof.errors import UnusableInput
from nightproof.pipelines.pipeline import Source
from nightproof.records.analysis import Analysis

if TYPE_CHECKING:
    from nightproof.optimizer.analyzer import Examination
    from nightproof.scenes.flat import Environment

NAMED_ENVIRONMENTS = ("none", "studio", "sky")


@dataclass(frozen=True)
class Opened:
    """A scene with its analysis; `source.flat` carries the environment that the analysis names."""

    source: Source
    analysis: Analysis


def open_source(path: Path) -> Source:
    """Read a scene file whole, unlit by anything but its own lights. Raises `UnusableInput`."""
    from nightproof.scenes.flatten import flatten
    from nightproof.scenes.gltf import load_gltf
    from nightproof.scenes.load import scene_record

    document = load_gltf(path)
    flat = flatten(document)
    return Source(record=scene_record(document, path.name, flat), document=document, flat=flat)


def open_visible(path: Path) -> Source:
    """`open_source` of a scene that will be judged by its pictures. Raises `UnusableInput` where they would be empty:
    two pictures of nothing are equal, and a certificate of that would be true and worthless."""
    source = open_source(path)
    corners = source.flat.positions[source.flat.triangles].astype(np.float64)
    if not np.any(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])):
        raise UnusableInput(
            f"{path.name} has no surface to look at: its scene holds no triangle with an area",
            hint="Was the right scene exported? Points and lines are not shown; `nightproof inspect` tells more.",
        )
    return source


def open_scene(path: Path, *, environment: str, threads: int) -> Opened:
    """Read and analyse a scene file, and put the environment in place that it will be seen in."""
    source = open_source(path)
    analysis = analyse(source, environment=environment, threads=threads)
    return Opened(source=lit(source, environment, analysis), analysis=analysis)


def analyse(source: Source, *, environment: str, threads: int) -> Analysis:
    """The analysis, with the environment as the user wishes it: by name, by content, or as the analyzer finds."""
    return examine(source, environment=environment, threads=threads).analysis


def examine(source: Source, *, environment: str, threads: int) -> Examination:
    """`analyse` with the parts that the analysis was made of."""
    from nightproof.optimizer.analyzer import SceneAnalyzer

    found = SceneAnalyzer(threads=threads).examine(source.record, source.document, source.flat)
    if environment == "auto":
        return found
    return replace(found, analysis=replace(found.analysis, environment=environment_name(environment)))


def lit(source: Source, environment: str, analysis: Analysis) -> Source:
    """`source` in the light that `analysis` names; a user's file is read from where `environment` says it is."""
    chosen = analysis.environment if environment == "auto" else environment
    return replace(source, flat=replace(source.flat, environment=environment_for(chosen)))


def environment_name(wish: str) -> str:
    """How records name an environment: as it is where it is one of ours, by content where it is a file."""
    if wish in NAMED_ENVIRONMENTS:
        return wish
    from nightproof.jobs.blobs import given_file_sha256

    return given_file_sha256(Path(wish))


def environment_for(wish: str) -> Environment | None:
    from nightproof.scenes.environment import named_environment, read_environment

    return named_environment(wish) if wish in NAMED_ENVIRONMENTS else read_environment(Path(wish))
