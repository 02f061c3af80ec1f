"""All measured features of one scene, taken in one go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
from jaxtyping import Int

from nightproof.kernels.memory import return_free_memory
from nightproof.optimizer.features.appearance import appearance_at
from nightproof.optimizer.features.dynamic import Document, DynamicFeatures, measure_dynamics
from nightproof.optimizer.features.geometric import GeometricFeatures, measure_geometry
from nightproof.optimizer.features.lighting import LightingFeatures, measure_lighting
from nightproof.optimizer.features.material import MaterialFeatures, measure_materials
from nightproof.optimizer.features.simplification import Simplified, simplify_trial
from nightproof.optimizer.features.surface import Surface, sample_surface, surface_of
from nightproof.optimizer.features.topology import topology_of
from nightproof.scenes.flat import FlatScene

Array = np.ndarray

MATERIAL_POINTS = 4096
"""Points at which materials are looked up: shares good to 0.01."""


@dataclass(frozen=True)
class Traits:
    """The four families."""

    geometric: GeometricFeatures
    material: MaterialFeatures
    lighting: LightingFeatures
    dynamic: DynamicFeatures

    def as_mapping(self) -> Mapping[str, Mapping[str, float]]:
        """As the `Analysis` record holds them, rounded to what the measurement is worth."""
        return {family: rounded(features) for family, features in asdict(self).items()}


def rounded(features: Mapping[str, float]) -> dict[str, float]:
    """To six digits."""
    return {name: float(f"{value:.6g}") for name, value in features.items()}


@dataclass(frozen=True)
class Measured:
    """The traits, and what they were measured on, for whoever looks closer."""

    traits: Traits
    surface: Surface
    component: Int[Array, "t"]
    """Which connected part each triangle of the surface belongs to."""
    simplified: Simplified


def measure(flat: FlatScene, document: Document, threads: int = 1) -> Measured:
    """Measure `flat`, for movement also `document`. Never fails on empty or broken geometry; every value is finite."""
    return_free_memory()  # here and below: what comes next is of other sizes, and finds no room in what is left
    surface = surface_of(flat)
    return_free_memory()
    sample = sample_surface(surface, MATERIAL_POINTS)
    appearance = appearance_at(flat, surface, sample.row, sample.weights)
    geometric, component, simplified = _form(flat, surface)
    traits = Traits(
        geometric=geometric,
        material=measure_materials(flat, surface, sample, appearance),
        lighting=measure_lighting(flat, surface, threads),
        dynamic=measure_dynamics(flat, surface, document),
    )
    return_free_memory()
    return Measured(traits, surface, component, simplified)


def _form(flat: FlatScene, surface: Surface) -> tuple[GeometricFeatures, Int[Array, "t"], Simplified]:
    """What hangs on edges and corners: these are as large as the scene, and gone before light is traced."""
    topology = topology_of(surface)
    simplified = simplify_trial(surface, topology)
    geometric, component = measure_geometry(flat, surface, topology, simplified), topology.component
    del topology
    return_free_memory()
    return geometric, component, simplified
