"""Look at a scene without making anything: what was found, the route with its predictions, and the page of both."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nightproof.jobs.blobs import write_atomically
from nightproof.jobs.opening import examine, lit, open_source
from nightproof.jobs.routing import choose_route
from nightproof.pipelines.pipeline import Source
from nightproof.records.route import Estimate, Route
from nightproof.rendering.display import to_display

if TYPE_CHECKING:
    from nightproof.optimizer.analyzer import Examination
    from nightproof.report.inspection_facts import InspectionInput, TextureCard
    from nightproof.scenes.flat import FlatScene

THUMBNAIL_PX = 96
"""Twice what the page shows, for dense screens."""


@dataclass(frozen=True)
class Inspection:
    """A scene, what was found out about it, and where it would go."""

    source: Source
    """With the environment that the analysis names in place."""
    examination: Examination
    route: Route
    threads: int

    def to_json(self) -> dict[str, Any]:
        """The records as they are, and beside them the parts that they sum up."""
        found = self.examination
        return {
            "scene": self.source.record.to_json(),
            "analysis": found.analysis.to_json(),
            "route": self.route.to_json(),
            "predictions": {
                other.pipeline: _prediction(other.estimate, self.threads)
                for other in self.route.alternatives
                if other.estimate is not None
            },
            "evidence": dict(found.evidence),
            "hints": [asdict(hint) | {"subjects": list(hint.subjects)} for hint in found.hints],
            "meshes": [asdict(mesh) for mesh in found.meshes],
            "textures": [asdict(texture) | {"enough_px": list(texture.small_px)} for texture in found.textures],
        }


def _prediction(told: Estimate, threads: int) -> dict[str, float]:
    return {**asdict(told), "minutes_here": told.cpu_seconds / max(threads, 1) / 60}


def inspect_scene(
    path: Path, *, environment: str, threads: int, store: Path, pipeline: str = "auto", scene: str | None = None
) -> Inspection:
    """Read, examine and route a scene. Raises `UnusableInput` where it cannot be read."""
    source = open_source(path, scene)
    found = examine(source, environment=environment, threads=threads)
    route = choose_route(source.record, found.analysis, store, pipeline)
    return Inspection(lit(source, environment, found.analysis), found, route, threads)


def write_page(inspection: Inspection, place: Path) -> None:
    """The inspection as one HTML file. Raises `StorageFailed`."""
    from nightproof.report.inspection import render_inspection_page

    write_atomically(place, render_inspection_page(page_facts(inspection)).encode())


def page_facts(inspection: Inspection) -> InspectionInput:
    from nightproof.jobs.judging import versions
    from nightproof.jobs.portrait import portrait
    from nightproof.report.inspection_facts import InspectionInput

    found, source = inspection.examination, inspection.source
    return InspectionInput(
        scene=source.record,
        analysis=found.analysis,
        route=inspection.route,
        evidence=found.evidence,
        hints=found.hints,
        textures=texture_cards(found, source.flat),
        meshes=found.meshes,
        picture=portrait(source.flat, found.analysis.scene_class, inspection.threads),
        caption="path traced",
        threads=inspection.threads,
        software=versions(),
    )


def texture_cards(found: Examination, flat: FlatScene) -> tuple[TextureCard, ...]:
    """Each image in use with a small picture of it."""
    from nightproof.report.inspection_facts import TextureCard

    return tuple(TextureCard(facts, _thumbnail(flat, facts.texture)) for facts in found.textures)


def _thumbnail(flat: FlatScene, index: int) -> np.ndarray:
    from PIL import Image

    pixels = flat.textures[index].pixels
    if pixels.dtype != np.uint8:
        alpha = np.rint(255 * np.clip(np.nan_to_num(pixels[..., 3:]), 0, 1)).astype(np.uint8)
        pixels = np.concatenate([to_display(pixels[..., :3], 1.0), alpha], axis=2)
    image = Image.fromarray(np.ascontiguousarray(pixels))
    image.thumbnail((THUMBNAIL_PX, THUMBNAIL_PX), Image.Resampling.BOX)
    return np.asarray(image)
