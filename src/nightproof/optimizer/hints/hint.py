"""One hint, and all that a hint may be made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nightproof.optimizer.features.meshes import MeshFacts
from nightproof.optimizer.features.textures import TextureFacts
from nightproof.optimizer.traits import Traits
from nightproof.scenes.flat import FlatScene


@dataclass(frozen=True)
class Hint:
    """Something to know or to do."""

    text: str
    """A sentence or two in plain words."""
    topic: str
    """light, shape, textures, materials or movement."""
    weight: float
    """How much it matters, in [0, 1]: what is wrong counts more than what could be smaller, and that by its share."""
    subjects: tuple[str, ...] = ()
    """JSON pointers into the file (`/meshes/3`, `/materials/0`), where the hint is about parts of it."""
    saves_gpu_bytes: int = 0
    """Uncompressed, on the graphics card."""
    saves_file_bytes: int = 0
    """As stored before any compression."""
    saves_triangles: int = 0


@dataclass(frozen=True)
class Seen:
    """A scene with everything that was found out about it."""

    traits: Traits
    environment: str
    scene_class: str
    flat: FlatScene
    json: Mapping[str, Any]
    textures: tuple[TextureFacts, ...]
    meshes: tuple[MeshFacts, ...]
