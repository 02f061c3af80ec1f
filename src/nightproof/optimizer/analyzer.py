"""`SceneAnalyzer`: a scene in, an `Analysis` out. Pure and deterministic; a second or two for 300k triangles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from nightproof.optimizer.budget import needed_texels_per_diagonal, texture_budget
from nightproof.optimizer.evidence import class_evidence, classify
from nightproof.optimizer.features.dynamic import Document
from nightproof.optimizer.features.meshes import MeshFacts, measure_meshes
from nightproof.optimizer.features.textures import TextureFacts, measure_textures
from nightproof.optimizer.features.traced import traced_view_dependence
from nightproof.optimizer.hints import Hint, Seen, hints_for
from nightproof.optimizer.scores import dynamic_score, scores_of, suitability_for_baking
from nightproof.optimizer.surroundings import choose_environment, has_volumetrics
from nightproof.optimizer.traits import measure, rounded
from nightproof.records.analysis import Analysis
from nightproof.records.scene import Scene
from nightproof.scenes.distinct import distinct
from nightproof.scenes.environment import named_environment
from nightproof.scenes.flat import FlatScene
from nightproof.scenes.gltf import GltfDocument
from nightproof.scenes.image_light import NAME as OWN_LIGHT
from nightproof.scenes.image_light import lights_itself, scene_environment


@dataclass(frozen=True)
class Examination:
    """An analysis with what it was made of, part by part; the record keeps the sums and the sentences."""

    analysis: Analysis
    evidence: Mapping[str, float]
    """For every class."""
    textures: tuple[TextureFacts, ...]
    """Most bytes first."""
    meshes: tuple[MeshFacts, ...]
    """Most triangles first."""
    hints: tuple[Hint, ...]
    """The same as in the analysis, with what they are about and what they save."""


class SceneAnalyzer:
    """Measures scenes. Holds no state but the number of threads, which does not change any result."""

    def __init__(self, threads: int = 1) -> None:
        self._threads = threads

    def analyze(self, scene: Scene, document: Document, flat: FlatScene) -> Analysis:
        """What matters about a scene: `examine` without the parts."""
        return self.examine(scene, document, flat).analysis

    def examine(self, scene: Scene, document: Document, flat: FlatScene) -> Examination:
        """What matters about a scene, and where.

        Args:
            scene: the record of the file; only its digest is used.
            document: the opened file (`scenes.gltf.GltfDocument`), read for movement and hints.
            flat: the same scene flattened. Its `environment` is not looked at.

        Empty, flat and broken geometry gives an analysis like any other; every number in it is finite.
        Raises what `document.accessor` raises for animations that cannot be read.
        """
        measured = measure(flat, document, self._threads)
        traits, surface = measured.traits, measured.surface
        evidence = class_evidence(traits)
        scene_class, confidence = classify(evidence)
        own = lights_itself(document.json)
        environment = OWN_LIGHT if own else choose_environment(traits, evidence)
        textures = measure_textures(flat, surface, needed_texels_per_diagonal(traits, evidence))
        meshes = measure_meshes(flat, surface, measured.component, measured.simplified, document.json)
        hints = hints_for(Seen(traits, environment, scene_class, flat, document.json, textures, meshes))
        light = scene_environment(document) if isinstance(document, GltfDocument) and own else None
        light = light or named_environment("sky" if own else environment)
        traced = traced_view_dependence(flat, surface, light, self._threads)
        suited = suitability_for_baking(traits, evidence, dynamic_score(traits.dynamic))
        features = {family: dict(found) for family, found in traits.as_mapping().items()}
        features["material"] |= rounded({"view_dependence_traced": traced, **asdict(texture_budget(textures))})
        features["lighting"] |= rounded({f"bake_{part}": value for part, value in asdict(suited).items()})
        analysis = Analysis(
            scene=scene.digest,
            features=features,
            scores=scores_of(traits, evidence),
            volumetrics=has_volumetrics(traits, document.json),
            scene_class=scene_class,
            class_confidence=round(confidence, 4),
            environment=environment,
            unknown_materials=unknown_materials(flat),
            hints=tuple(hint.text for hint in hints),
        )
        return Examination(analysis, evidence, textures, meshes, hints)


def unknown_materials(flat: FlatScene) -> tuple[str, ...]:
    """Extensions on materials that some triangle uses and that the native tracer approximates or ignores."""
    used = distinct(flat.triangle_material)
    return tuple(sorted({name for index in used for name in flat.materials[index].unknown}))


def layers_in_use(flat: FlatScene) -> tuple[str, ...]:
    """Those of `Material.layers` that some triangle shows and our tracer traces by lobes of its own."""
    used = [flat.materials[index] for index in distinct(flat.triangle_material)]
    found = {name for material in used for name in material.layers}
    return tuple(sorted(found - set(unknown_materials(flat))))
