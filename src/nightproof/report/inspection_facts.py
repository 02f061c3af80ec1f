"""What the inspection page is made of. Everything arrives here; the page looks nothing up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import UInt8

from nightproof.optimizer.features.meshes import MeshFacts
from nightproof.optimizer.features.textures import TextureFacts
from nightproof.optimizer.hints import Hint
from nightproof.records.analysis import Analysis
from nightproof.records.route import Route
from nightproof.records.scene import Scene

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class TextureCard:
    """One image, with a small picture of it."""

    facts: TextureFacts
    thumbnail: UInt8[Array, "h w 4"]
    """sRGB or whatever the texture stores, as it is."""


@dataclass(frozen=True, eq=False, kw_only=True)
class InspectionInput:
    """A scene that was looked at; nothing was made."""

    scene: Scene
    analysis: Analysis
    route: Route
    evidence: Mapping[str, float]
    """Class → evidence in [0, 1]."""
    hints: tuple[Hint, ...]
    textures: tuple[TextureCard, ...]
    meshes: tuple[MeshFacts, ...]
    picture: UInt8[Array, "h w 3"] | None
    """sRGB; None where there is nothing to see."""
    caption: str = ""
    """How the picture was made, in a few words."""
    threads: int = 1
    """That a job would run on here: predicted minutes are CPU time over these."""
    software: Mapping[str, str] = field(default_factory=dict)
