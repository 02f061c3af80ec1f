"""A pinhole camera, as glTF has it: it looks along −z of its own frame, +y up, +x right."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from nightproof.scenes.vectors import cross

Array = np.ndarray


@dataclass(frozen=True)
class Camera:
    """Where an image is taken from, and its size."""

    camera_to_world: Float[Array, "4 4"]
    """Rigid; columns are right, up, backward, position (metres, world space)."""
    yfov_rad: float
    width_px: int
    height_px: int
    near_m: float = 1e-4
    name: str = ""

    @property
    def position_m(self) -> Float[Array, "3"]:
        return self.camera_to_world[:3, 3]

    @property
    def forward(self) -> Float[Array, "3"]:
        return -self.camera_to_world[:3, 2]

    def rays(self, pixels: Float[Array, "n 2"]) -> tuple[Float[Array, "n 3"], Float[Array, "n 3"]]:
        """Origins and unit directions through `pixels` (x right, y down; the first pixel's centre is .5, .5)."""
        half_height = np.tan(self.yfov_rad / 2)
        x = (2 * pixels[:, 0] / self.width_px - 1) * half_height * self.width_px / self.height_px
        y = (1 - 2 * pixels[:, 1] / self.height_px) * half_height
        local = np.stack([x, y, -np.ones_like(x)], axis=1)
        directions = local @ self.camera_to_world[:3, :3].T
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        return np.broadcast_to(self.position_m, directions.shape), directions

    def grid_rays(
        self, columns: int | None = None, rows: int | None = None
    ) -> tuple[Float[Array, "n 3"], Float[Array, "n 3"]]:
        """Those through the middles of an even grid, row by row; one per pixel where none is given."""
        columns, rows = columns or self.width_px, rows or self.height_px
        x = (np.arange(columns) + 0.5) * self.width_px / columns
        y = (np.arange(rows) + 0.5) * self.height_px / rows
        return self.rays(np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2))


def look_at(
    position_m: Float[Array, "3"],
    target_m: Float[Array, "3"],
    *,
    yfov_rad: float,
    width_px: int,
    height_px: int,
    up: tuple[float, float, float] = (0.0, 1.0, 0.0),
    name: str = "",
) -> Camera:
    """A camera at `position_m` that looks at `target_m`, level with `up` where it can be."""
    position = np.asarray(position_m, np.float64)
    backward = position - np.asarray(target_m, np.float64)
    backward /= np.linalg.norm(backward)
    right = cross(np.asarray(up, np.float64), backward)
    if np.linalg.norm(right) < 1e-6:  # looking straight up or down: any right will do
        right = cross(np.array([0.0, 0.0, -1.0]), backward)
    right /= np.linalg.norm(right)
    matrix = np.eye(4)
    matrix[:3, 0], matrix[:3, 1] = right, cross(backward, right)
    matrix[:3, 2], matrix[:3, 3] = backward, position
    return Camera(matrix, yfov_rad, width_px, height_px, name=name)
