"""Open a scene file for work: the document, its record, the soup, what lights it, and the analysis."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nightproof.errors import UnusableInput
from nightproof.jobs.asking import environment_file, environment_name
from nightproof.pipelines.pipeline import Source
from nightproof.records.analysis import Analysis

if TYPE_CHECKING:
    from nightproof.optimizer.analyzer import Examination
    from nightproof.scenes.flat import Environment
    from nightproof.scenes.gltf import GltfDocument

MOST_NOTES = 8


@dataclass(frozen=True)
class Opened:
    """A scene with its analysis; `source.flat` carries the environment that the analysis names."""

    source: Source
    analysis: Analysis


def open_source(path: Path, scene: str | None = None) -> Source:
    """Read a scene file whole, unlit by anything but its own lights. Raises `UnusableInput`."""
    from nightproof.scenes.flatten import flatten
    from nightproof.scenes.load import scene_record
    from nightproof.scenes.reading import load_scene

    document = load_scene(path, scene)
    flat = flatten(document)
    return Source(record=scene_record(document, path.name, flat), document=document, flat=flat)


def open_visible(path: Path, scene: str | None = None) -> Source:
    """`open_source` of a scene that will be judged by its pictures. Raises `UnusableInput` where they would be empty:
    two pictures of nothing are equal, and a certificate of that would be true and worthless."""
    source = open_source(path, scene)
    corners = source.flat.positions[source.flat.triangles].astype(np.float64)
    if not np.any(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])):
        raise UnusableInput(
            f"{path.name} has no surface to look at: its scene holds no triangle with an area",
            hint="Was the right scene exported? Points and lines are not shown; `nightproof inspect` tells more.",
        )
    return source


def open_scene(path: Path, *, environment: str, threads: int, scene: str | None = None) -> Opened:
    """Read and analyse a scene file, and put the environment in place that it will be seen in."""
    source = open_source(path, scene)
    analysis = analyse(source, environment=environment, threads=threads)
    return Opened(source=lit(source, environment, analysis), analysis=analysis)


def analyse(source: Source, *, environment: str, threads: int) -> Analysis:
    """The analysis, with the environment as the user wishes it: by name, by content, or as the analyzer finds."""
    return examine(source, environment=environment, threads=threads).analysis


def examine(source: Source, *, environment: str, threads: int) -> Examination:
    """`analyse` with the parts that the analysis was made of."""
    from nightproof.optimizer.analyzer import SceneAnalyzer

    found = SceneAnalyzer(threads=threads).examine(source.record, source.document, source.flat)
    analysis = replace(found.analysis, hints=(*found.analysis.hints, *_told(source.flat.notes)))
    if environment == "scene":
        environment_for("scene", source.document)
    if environment != "auto":
        analysis = replace(analysis, environment=environment_name(environment))
    return replace(found, analysis=analysis)


def _told(notes: tuple[str, ...]) -> tuple[str, ...]:
    """What reading left out or assumed, as sentences; the first few of many."""
    sentences = tuple(f"{note[:1].upper()}{note[1:]}." for note in notes[:MOST_NOTES])
    more = len(notes) - MOST_NOTES
    return (*sentences, f"{more} more notes of this kind.") if more > 0 else sentences


def lit(source: Source, environment: str, analysis: Analysis) -> Source:
    """`source` in the light that `analysis` names; a user's file is read from where `environment` says it is."""
    chosen = analysis.environment if environment == "auto" else environment
    return replace(source, flat=replace(source.flat, environment=environment_for(chosen, source.document)))


def environment_for(wish: str, document: GltfDocument) -> Environment | None:
    from nightproof.scenes.environment import read_environment
    from nightproof.scenes.image_light import environment_of

    own = environment_file(wish)
    return environment_of(wish, document) if own is None else read_environment(own)
