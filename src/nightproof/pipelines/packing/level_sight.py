"""How large a coarser level of detail may stand in for its mesh before that shows: both are looked at by themselves.

The error of its surface says how large at most (`lods`), but is no promise: a rim that moves by a tenth of a pixel
weighs more in a small picture, which has more rim for its surface. So the level is shown beside the mesh from ten
sides, ever smaller, until they agree over the disc of the bounding sphere. A view that is full of such discs, with
every mesh of them at the size at which its level takes over, then keeps what one of them keeps.
"""

from __future__ import annotations

import copy
import math
from dataclasses import replace

import numpy as np
from jaxtyping import Float32, Float64

from nightproof.rendering.display import auto_exposure, to_display
from nightproof.rendering.preview import Previewer
from nightproof.scenes.camera import Camera, look_at
from nightproof.scenes.flat import Environment, FlatScene
from nightproof.scenes.flatten import flatten
from nightproof.scenes.gltf import GltfDocument
from nightproof.scenes.near_view import PLACE_PX_PER_M, SCREEN_PX

FOCAL_PX = PLACE_PX_PER_M
"""Of a view that is a screen high and 60° wide from bottom to top."""
VIEW_PX2 = SCREEN_PX * SCREEN_PX * 16 / 9
LEAST_PSNR_DB = 41.0
"""40 dB with a margin, since others look from elsewhere."""
LEAST_COVERAGE = 1e-4
"""A disc of 8 pixels' radius: for less a level is not worth its bytes."""
SMALLER = 4.0
"""By how much smaller a disc is tried next."""
SUPERSAMPLES = 4
"""By side of a pixel: fewer would show rims in steps that are coarser than their moves."""
SIDES = tuple(
    (math.cos(2.4 * number) * math.sqrt(1 - y * y), y, math.sin(2.4 * number) * math.sqrt(1 - y * y))
    for number, y in enumerate(np.linspace(0.9, -0.9, 10).tolist())
)
"""All around, along a spiral of golden angles."""
SURFACE = 0.01
DISC = math.pi / 4
"""Of a square."""


class LevelSight:
    """The meshes of one document, each by itself."""

    def __init__(self, document: GltfDocument, environment: Environment | None, threads: int) -> None:
        self._document, self._environment, self._threads = document, environment, threads
        self._host: tuple[int, FlatScene, Previewer] | None = None
        """The last one that was looked at: its levels come one after the other."""

    def coverage(self, mesh: int, level: int, most: float) -> float:
        """From which part of the view downwards, `most` at first, the mesh `level` may be shown for `mesh`; 0 where it
        would show at any size that counts."""
        if self._host is None or self._host[0] != mesh:
            flat = self._alone(mesh)
            self._host = mesh, flat, Previewer(flat, self._threads)
        _, flat, host = self._host
        other = Previewer(self._alone(level), self._threads)
        tried = most
        while tried >= LEAST_COVERAGE:
            if all(_alike(host, other, camera) for camera in cameras(flat, tried)):
                return tried
            tried /= SMALLER
        return 0.0

    def _alone(self, mesh: int) -> FlatScene:
        json = copy.copy(self._document.json) | {"nodes": [{"mesh": mesh}], "scenes": [{"nodes": [0]}], "scene": 0}
        for name in ("animations", "skins", "extensions"):
            json.pop(name, None)
        return flatten(replace(self._document, json=json), self._environment)


def bounding_sphere(points: Float32[np.ndarray, "n 3"]) -> tuple[Float64[np.ndarray, "3"], float]:
    """Around the middle of their bounds, the smallest that viewers use: centre and radius."""
    middle = (points.min(axis=0).astype(np.float64) + points.max(axis=0)) / 2
    return middle, float(np.linalg.norm(points - middle, axis=1).max())


def cameras(flat: FlatScene, coverage: float) -> list[Camera]:
    """All around, from where the bounding sphere's disc covers that part of a view; what they show is cut to it."""
    middle, radius = bounding_sphere(flat.positions)
    distance = max(FOCAL_PX * radius * math.sqrt(math.pi / (coverage * VIEW_PX2)), 1.01 * radius)
    half_px = min(SCREEN_PX / 2, FOCAL_PX * radius / math.sqrt(distance**2 - radius**2) + 2)
    side = 2 * math.ceil(half_px)
    yfov_rad = 2 * math.atan(side / 2 / FOCAL_PX)
    eyes = [middle + np.array(side) / np.linalg.norm(side) * distance for side in SIDES]
    return [look_at(eye, middle, yfov_rad=yfov_rad, width_px=side, height_px=side) for eye in eyes]


def psnr_db(one: Previewer, other: Previewer, camera: Camera) -> float:
    """Over the disc of the bounding sphere, which `cameras` cut the picture to; infinite where nothing differs."""
    first, second = (previewer.picture(camera, supersamples=SUPERSAMPLES) for previewer in (one, other))
    exposure = auto_exposure([first.color])
    shown = [to_display(picture.color, exposure).astype(np.float32) for picture in (first, second)]
    seen = (first.coverage > SURFACE) | (second.coverage > SURFACE)
    error = float(((shown[0] - shown[1])[seen] ** 2).sum(dtype=np.float64)) / (3 * DISC * seen.size)
    return 10 * math.log10(255.0**2 / error) if error else math.inf


def _alike(one: Previewer, other: Previewer, camera: Camera) -> bool:
    return psnr_db(one, other, camera) >= LEAST_PSNR_DB
