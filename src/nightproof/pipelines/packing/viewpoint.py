"""One camera on the scene that came in, and the pixels that are looked at from it; what of them nobody asks for isn't
made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Float32, Int

from nightproof.kernels.rays import RayCaster
from nightproof.rendering.display import auto_exposure, to_display
from nightproof.rendering.preview import Preview, Previewer
from nightproof.scenes.camera import Camera

Array = np.ndarray
SIDE_PX, SEED = 512, 0x5EE
CELLS = 160
"""Along a side of a view: one pixel of each cell is asked what it shows."""
FIRST, PIXELS = 1024, 4096
"""Looked at in each view, of those that show a surface: at first, and at most."""
EXPOSED = 24
"""Along a side: pixels from which the exposure follows."""
BESIDE_PX = ((1.0, 0.0), (-1.0, 0.0), (0.0, 1.0), (0.0, -1.0))
"""From where something may come to be in front of a pixel when it moves a little."""
SURFACE = 0.01
"""Coverage from which a pixel shows a surface."""
Surfaces = Callable[[Float[Array, "n 3"], Float[Array, "n 3"]], Int[Array, "layers n"]]
"""Along rays: instances in front of each other, up to the first that nothing shows through; −1: none."""


@dataclass(frozen=True)
class Shown:
    """The first of a view's chosen pixels."""

    color: Float32[Array, "n 3"]
    """Display values."""
    surface: Bool[Array, "n"]

    def first(self, count: int) -> Shown:
        return self if count >= len(self.color) else Shown(self.color[:count], self.surface[:count])

    def followed_by(self, more: Shown) -> Shown:
        return Shown(np.concatenate([self.color, more.color]), np.concatenate([self.surface, more.surface]))


class Viewpoint:
    """Its pixels are in an order in which any first part of them is spread evenly, but for chance."""

    def __init__(self, camera: Camera, number: int, previewer: Previewer, surfaces: Surfaces, rays: RayCaster) -> None:
        """`previewer` and `rays` are of the scene that came in; the latter are let go."""
        self.camera, self._previewer, self._surfaces = camera, previewer, surfaces
        self._places = _chosen(camera, np.random.default_rng((SEED, number)), rays)
        few = _spread(EXPOSED, np.random.default_rng((SEED, number, 1)))
        self._exposure = auto_exposure([previewer.pixels(camera, few).color])
        self._came = Shown(np.zeros((0, 3), np.float32), np.zeros(0, bool))

    def came(self, count: int) -> Shown:
        """What came in, at the first `count` pixels."""
        if (known := len(self._came.color)) < count:
            self._came = self._came.followed_by(self.seen(self._previewer, slice(known, count)))
        return self._came.first(count)

    def seen(self, previewer: Previewer, which: slice) -> Shown:
        """Another version of the scene, at some of the pixels."""
        return _shown(previewer.pixels(self.camera, self._places[which]), self._exposure)

    @cached_property
    def instances(self) -> Int[Array, "layers n"]:
        """What came in shows at each pixel's centre, what shows through that, and so on, each once."""
        return _each_once(self._surfaces(*self.camera.rays(self._places + 0.5)))

    @cached_property
    def instances_near(self) -> tuple[Int[Array, "more n"], int]:
        """Those, and what else is in front right beside; and how many rows the former are."""
        beside = [self._surfaces(*self.camera.rays(self._places + 0.5 + np.array(step)))[:1] for step in BESIDE_PX]
        return _each_once(np.concatenate([self.instances, *beside])), len(self.instances)


def _chosen(camera: Camera, random: np.random.Generator, rays: RayCaster) -> Int[Array, "n 2"]:
    """Columns and rows of pixels on and right beside surfaces; those looked at first in order of rows, so the others."""
    places = _spread(CELLS, random)
    met = rays.occluded(*camera.rays(places + 0.5))
    near = np.pad(met.reshape(CELLS, CELLS), 1)
    near = near[:-2] | near[1:-1] | near[2:]
    near = near[:, :-2] | near[:, 1:-1] | near[:, 2:]
    kept = random.permutation(np.flatnonzero(near))[:PIXELS]
    return places[np.concatenate([np.sort(kept[:FIRST]), np.sort(kept[FIRST:])])]


def _spread(cells: int, random: np.random.Generator) -> Int[Array, "n 2"]:
    """One pixel of each of cells × cells parts of a view, row by row."""
    corner = np.stack(np.meshgrid(np.arange(cells), np.arange(cells)), axis=-1).reshape(-1, 2)
    return np.floor((corner + random.random(corner.shape)) * (SIDE_PX / cells)).astype(np.int32)


def _each_once(instances: Int[Array, "layers n"]) -> Int[Array, "layers n"]:
    """A pixel is one pixel to whatever shows there more than once: −1 instead, but for the first."""
    again = [(instances[:row] == instances[row]).any(axis=0) for row in range(len(instances))]
    return np.where(np.stack(again), -1, instances)


def _shown(preview: Preview, exposure: float) -> Shown:
    return Shown(to_display(preview.color, exposure).astype(np.float32), preview.coverage > SURFACE)
