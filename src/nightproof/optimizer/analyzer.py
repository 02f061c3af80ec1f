"""`SceneAnalyzer`: a scene in, an `Analysis` out. Pure and deterministic; a second or two for 300k triangles."""

from __future__ import annotations

import numpy as np

from nightproof.optimizer.evidence import class_evidence, classify
from nightproof.optimizer.features.dynamic import Document
from nightproof.optimizer.hints import hints_for
from nightproof.optimizer.scores import scores_of
from nightproof.optimizer.surroundings import choose_environment, has_volumetrics
from nightproof.optimizer.traits import measure
from nightproof.records.analysis import Analysis
from nightproof.records.scene import Scene
from nightproof.scenes.flat import FlatScene


class SceneAnalyzer:
    """Measures scenes. Holds no state but the number of threads, which does not change any result."""

    def __init__(self, threads: int = 1) -> None:
        self._threads = threads

    def analyze(self, scene: Scene, document: Document, flat: FlatScene) -> Analysis:
        """What matters about a scene.

        Args:
            scene: the record of the file; only its digest is used.
            document: the opened file (`scenes.gltf.GltfDocument`), read for movement and hints.
            flat: the same scene flattened. Its `environment` is not looked at.

        Empty, flat and broken geometry gives an analysis like any other; every number in it is finite.
        Raises what `document.accessor` raises for animations that cannot be read.
        """
        traits = measure(flat, document, self._threads)
        evidence = class_evidence(traits)
        scene_class, confidence = classify(evidence)
        environment = choose_environment(traits, evidence)
        return Analysis(
            scene=scene.digest,
            features=traits.as_mapping(),
            scores=scores_of(traits, evidence),
            volumetrics=has_volumetrics(traits, document.json),
            scene_class=scene_class,
            class_confidence=round(confidence, 4),
            environment=environment,
            unknown_materials=unknown_materials(flat),
            hints=hints_for(traits, environment, scene_class, flat, document.json),
        )


def unknown_materials(flat: FlatScene) -> tuple[str, ...]:
    """Extensions on materials that some triangle uses and that the native tracer approximates or ignores."""
    used = np.unique(np.asarray(flat.triangle_material, np.int64))
    return tuple(sorted({name for index in used for name in flat.materials[index].unknown}))


def layers_in_use(flat: FlatScene) -> tuple[str, ...]:
    """Those of `Material.layers` that some triangle shows and our tracer traces by lobes of its own."""
    used = [flat.materials[index] for index in np.unique(np.asarray(flat.triangle_material, np.int64))]
    found = {name for material in used for name in material.layers}
    return tuple(sorted(found - set(unknown_materials(flat))))
