"""What we were given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from nightproof.records.record import Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene(Record):
    """One scene file, whole: the head of the chain.

    `geometry`, `materials`, `lights`, `cameras` and `animation` are digests of what the file says of each, so that a
    later record can tell what of the scene it depends on.
    """

    kind: ClassVar[str] = "scene"

    name: str
    """File name without folders, for people; not part of anything that is computed."""
    source_sha256: str
    """Digest of the source bytes (where the file names others: of the canonical list of all their digests)."""
    source_bytes: int
    format: str
    """`glb`, `gltf`, `obj`, `ply`, `stl` or `usd`."""
    geometry: str
    materials: str
    lights: str
    cameras: str
    animation: str
    triangles: int
    bounds_min_m: tuple[float, float, float]
    bounds_max_m: tuple[float, float, float]
    extensions: tuple[str, ...]
    up_axis: str = "+Y"
    unit: str = "metre"
