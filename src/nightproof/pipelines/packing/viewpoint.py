"""One camera on the scene that came in, and the pixels that are looked at from it; what of them nobody asks for isn't
made.

What geometry loses lies in few pixels: nine of a picture hold half of the error where a filament's wire moved. More of
the pixels are looked at where they lie, at edges, and count for less there (stratified sampling: Cochran, Sampling
Techniques, 1977, chapter 5).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Float32, Int, UInt32

from nightproof.rendering.display import auto_exposure, to_display
from nightproof.rendering.preview import Preview, Previewer
from nightproof.scenes.camera import Camera

Array = np.ndarray
SIDE_PX, SEED = 512, 0x5EE
CELLS = 160
"""Along a side of a view: one pixel of each cell is asked what it shows."""
FIRST, PIXELS = 1024, 4096
"""Looked at in each view, of those that show a surface: at first, and at most."""
AT_EDGES = 0.6
"""Share of those, where there are so many."""
EDGE_DEG = 30.0
"""Between what neighbouring cells show, from where on there is an edge."""
EXPOSED = 24
"""Along a side: pixels from which the exposure follows."""
BESIDE_PX = ((1.0, 0.0), (-1.0, 0.0), (0.0, 1.0), (0.0, -1.0))
"""From where something may come to be in front of a pixel when it moves a little."""
SURFACE = 0.01
"""Coverage from which a pixel shows a surface."""


@dataclass(frozen=True)
class Surfaces:
    """What rays meet in the scene that came in."""

    meet: Callable[[Float[Array, "n 3"], Float[Array, "n 3"]], Int[Array, "layers n"]]
    """By origins and directions: triangles, and those behind as far as something shows through; −1: none."""
    instance: UInt32[Array, "t"]
    """Of each triangle."""

    def instances(self, triangles: Int[Array, "layers n"]) -> Int[Array, "layers n"]:
        """−1: none."""
        return np.where(triangles >= 0, self.instance[triangles].astype(np.int64), -1)


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
    """Its pixels are in an order in which any first part of them is spread evenly, at edges and elsewhere, but for
    chance."""

    def __init__(
        self,
        camera: Camera,
        number: int,
        previewer: Previewer,
        surfaces: Surfaces,
        normals: Float32[Array, "t 3"],
    ) -> None:
        """All of the scene that came in; `normals` of its triangles are unit or zero."""
        self.camera, self._previewer, self._surfaces = camera, previewer, surfaces
        random = np.random.default_rng((SEED, number))
        places = _spread(CELLS, random)
        met = surfaces.meet(*camera.rays(places + 0.5))
        instances = surfaces.instances(met)
        near, edge = _near(met[0] >= 0), _edges(instances, np.where(met[..., None] >= 0, normals[met], 0))
        chosen = _chosen(np.flatnonzero(near), edge, random)
        self._places, self._edge = places[chosen], edge[chosen]
        self._counts = int((near & ~edge).sum()), int((near & edge).sum())
        self.instances = _each_once(instances[:, chosen])
        """What came in shows at each pixel's centre, what shows through that, and so on, each once."""
        few = _spread(EXPOSED, np.random.default_rng((SEED, number, 1)))
        self._exposure = auto_exposure([previewer.pixels(camera, few).color])
        self._came = Shown(np.zeros((0, 3), np.float32), np.zeros(0, bool))

    def weights(self, count: int) -> Float[Array, "count"]:
        """How many pixels each of the first `count` stands for."""
        edge = self._edge[:count]
        at_edges = int(edge.sum())
        there, elsewhere = (
            all_of_them / max(looked, 1)
            for all_of_them, looked in zip(reversed(self._counts), (at_edges, len(edge) - at_edges), strict=True)
        )
        return np.where(edge, there, elsewhere)

    def came(self, count: int) -> Shown:
        """What came in, at the first `count` pixels."""
        if (known := len(self._came.color)) < count:
            self._came = self._came.followed_by(self.seen(self._previewer, slice(known, count)))
        return self._came.first(count)

    def seen(self, previewer: Previewer, which: slice) -> Shown:
        """Another version of the scene, at some of the pixels."""
        return _shown(previewer.pixels(self.camera, self._places[which]), self._exposure)

    @cached_property
    def instances_near(self) -> tuple[Int[Array, "more n"], int]:
        """`instances` and what else is in front right beside; and how many of the rows are `instances`."""
        rays = [self.camera.rays(self._places + 0.5 + np.array(step)) for step in BESIDE_PX]
        beside = [self._surfaces.instances(self._surfaces.meet(*each)[:1]) for each in rays]
        return _each_once(np.concatenate([self.instances, *beside])), len(self.instances)


def _near(met: Bool[Array, "cells"]) -> Bool[Array, "cells"]:
    """Cells that show a surface, and those beside them."""
    near = np.pad(met.reshape(CELLS, CELLS), 1)
    near = near[:-2] | near[1:-1] | near[2:]
    return np.asarray((near[:, :-2] | near[:, 1:-1] | near[:, 2:]).reshape(-1))


def _edges(instances: Int[Array, "layers cells"], normals: Float32[Array, "layers cells 3"]) -> Bool[Array, "cells"]:
    """Cells that show something else than one of their four neighbours, or the same turned by more than EDGE_DEG."""
    instances, normals = instances.reshape(-1, CELLS, CELLS), normals.reshape(-1, CELLS, CELLS, 3)
    edges = np.zeros((1, CELLS, CELLS), bool)
    least = np.cos(np.radians(EDGE_DEG))
    for one, other in ((np.s_[:, :-1], np.s_[:, 1:]), (np.s_[:, :, :-1], np.s_[:, :, 1:])):
        turned = np.abs(np.einsum("lrci,lrci->lrc", normals[one], normals[other])) < least
        differ = (instances[one] != instances[other]) | (turned & (instances[one] >= 0))
        edges[one] |= differ.any(axis=0)
        edges[other] |= differ.any(axis=0)
    return edges.reshape(-1)


def _chosen(kept: Int[Array, "n"], edge: Bool[Array, "cells"], random: np.random.Generator) -> Int[Array, "m"]:
    """Which of the cells `kept` are looked at; those that are looked at first in order of rows, so the others."""
    at_edges, elsewhere = (random.permutation(kept[which]) for which in (edge[kept], ~edge[kept]))
    parts, there, here = [], 0, 0
    for count in (FIRST, PIXELS):
        wanted = min(count, len(kept))
        at_least = max(round(AT_EDGES * wanted), wanted - len(elsewhere))
        upto = max(there, min(at_least, len(at_edges)))
        parts.append(np.sort(np.concatenate([at_edges[there:upto], elsewhere[here : wanted - upto]])))
        there, here = upto, wanted - upto
    return np.concatenate(parts)


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
