"""What a ray meets first, and whether it meets anything: visibility without shading, for any number of rays.

Embree does the work, on threads and with the GIL released; `rays_reference` is the definition. The acceleration
structure is built on one thread and rays are independent, so results are the same for any number of threads.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float32, Int32, UInt32

from nightproof._native import RayScene
from nightproof.kernels.embree import EmbreeMissing, embree_library

Array = np.ndarray


@dataclass(frozen=True)
class Hits:
    """What each ray met first."""

    distance_m: Float32[Array, "n"]
    """Along the ray; infinite where it met nothing."""
    triangle: Int32[Array, "n"]
    """−1 where it met nothing."""
    uv: Float32[Array, "n 2"]
    """Barycentric: the point is (1 − u − v) a + u b + v c."""


class RayCaster:
    """Triangles, ready to be asked. Both sides of a triangle count; degenerate ones are never met."""

    def __init__(self, positions: Float[Array, "v 3"], triangles: UInt32[Array, "t 3"], threads: int = 0) -> None:
        """Build the acceleration structure: about a second per million triangles.

        Args:
            positions: metres. Triangles with a vertex that is not finite are never met.
            triangles: three indices into `positions` each.
            threads: how many to use; 0 for all cores.

        Raises:
            ValueError: an index points outside `positions`.
            EmbreeMissing: the library is absent or of another major version.
        """
        positions = np.ascontiguousarray(positions, np.float32).reshape(-1, 3)
        triangles = np.ascontiguousarray(triangles, np.uint32).reshape(-1, 3)
        if len(triangles) and int(triangles.max()) >= len(positions):
            raise ValueError(f"triangle index {int(triangles.max())} with {len(positions)} positions")
        self.threads = threads
        try:
            self._scene = RayScene(str(embree_library()), positions, triangles)
        except RuntimeError as error:
            raise EmbreeMissing(str(error)) from None

    def closest(
        self,
        origins: Float[Array, "n 3"],
        directions: Float[Array, "n 3"],
        max_distance: float | Float[Array, "n"] = np.inf,
    ) -> Hits:
        """The nearest triangle along each ray, up to `max_distance`.

        Distances count in lengths of `directions`, metres where these are unit vectors. A ray whose direction is zero
        or not finite meets nothing. Rays that start on a surface should start a little off it.
        """
        origins, directions, limits = _rays(origins, directions, max_distance)
        hits = Hits(
            np.empty(len(origins), np.float32),
            np.empty(len(origins), np.int32),
            np.empty((len(origins), 2), np.float32),
        )
        self._scene.closest(origins, directions, limits, hits.distance_m, hits.triangle, hits.uv, self.threads)
        return hits

    def occluded(
        self,
        origins: Float[Array, "n 3"],
        directions: Float[Array, "n 3"],
        max_distance: float | Float[Array, "n"] = np.inf,
    ) -> Bool[Array, "n"]:
        """Whether anything lies along each ray before `max_distance`. Cheaper than `closest`."""
        origins, directions, limits = _rays(origins, directions, max_distance)
        blocked = np.empty(len(origins), np.uint8)
        self._scene.occluded(origins, directions, limits, blocked, self.threads)
        return blocked.view(np.bool_)


def _rays(
    origins: Float[Array, "n 3"], directions: Float[Array, "n 3"], max_distance: float | Float[Array, "n"]
) -> tuple[Float32[Array, "n 3"], Float32[Array, "n 3"], Float32[Array, "n"]]:
    directions = np.ascontiguousarray(directions, np.float32).reshape(-1, 3)
    origins = np.ascontiguousarray(np.broadcast_to(np.asarray(origins, np.float32), directions.shape))
    limits = np.ascontiguousarray(np.broadcast_to(np.asarray(max_distance, np.float32), directions.shape[:1]))
    return origins, directions, limits


__all__ = ["EmbreeMissing", "Hits", "RayCaster"]
