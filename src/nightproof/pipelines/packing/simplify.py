"""Fewer triangles where no view can tell: edges collapse while shape, normals and texels stay within an error.

The collapses are meshoptimizer's (quadrics with attributes: Garland and Heckbert, Simplifying Surfaces with Color and
Texture using Quadric Error Metrics, 1998). Corners are picked among those that were there, so every other attribute
(colours, skins, what nobody here knows) comes with its vertex.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Int, UInt32

from nightproof.pipelines.packing import codec
from nightproof.scenes.distinct import distinct

Array = np.ndarray
NORMAL_RAD, GLOSSY_NORMAL_RAD = np.radians(0.1), np.radians(0.03)
"""Turning a normal by this much counts as much as moving its vertex by the whole error: on rough surface and on such
that mirrors. Found by what previews lose for the bytes saved: docs/reference/packing.md."""
COLOR_STEP = 4 / 255
"""Likewise for a vertex colour, linear."""
ATTRIBUTE_LIMIT = 32
"""Numbers per vertex that the library weighs."""
LEAST_TRIANGLES = 32
"""Smaller lists have nothing to give."""


@dataclass(frozen=True)
class Leeway:
    """What simplification may do to a part."""

    error: float
    """How far its surface may move, in units of its mesh."""
    share: float = 1.0
    """Of the usual turn of normals."""


@dataclass(frozen=True)
class Shape:
    """The vertices of one unit as simplification sees them."""

    positions: Float32[Array, "v 3"]
    normals: Float32[Array, "v 3"] | None
    texcoords: tuple[Float32[Array, "v 2"], ...]
    texcoord_slide: tuple[float, ...]
    """Of each set: how far it moves along the surface for each unit of position."""
    colors: Float32[Array, "v c"] | None
    deltas: tuple[Float32[Array, "v 3"], ...]
    """Morph targets' moves."""

    @property
    def simplifiable(self) -> bool:
        """Whether the library can weigh all of it and all of it is finite."""
        return self._columns <= ATTRIBUTE_LIMIT and bool(np.isfinite(self.positions).all())

    def take(self, rows: Int[Array, "n"]) -> Shape:
        """The same shape with its vertices picked by `rows`."""
        return Shape(
            self.positions[rows],
            None if self.normals is None else self.normals[rows],
            tuple(uv[rows] for uv in self.texcoords),
            self.texcoord_slide,
            None if self.colors is None else self.colors[rows],
            tuple(delta[rows] for delta in self.deltas),
        )

    @property
    def _columns(self) -> int:
        colors = 0 if self.colors is None else self.colors.shape[1]
        return 3 * (self.normals is not None) + 2 * len(self.texcoords) + colors + 3 * len(self.deltas)

    def weighed(self, error: float, normal_rad: float) -> tuple[Float32[Array, "v a"], Float32[Array, "a"]]:
        """All attributes, and what a unit of each is worth in errors of position over the extent."""
        extent = max(float(np.ptp(self.positions, axis=0).max(initial=0.0)), 1e-20)
        relative = error / extent
        parts: list[tuple[Array, float]] = []
        if self.normals is not None:
            parts.append((self.normals, relative / normal_rad))
        parts += [
            (uv, 1 / (extent * max(slide, 1e-9))) for uv, slide in zip(self.texcoords, self.texcoord_slide, strict=True)
        ]
        if self.colors is not None:
            parts.append((self.colors, relative / COLOR_STEP))
        parts += [(delta, 1.0 / extent) for delta in self.deltas]
        if not parts:
            return np.zeros((len(self.positions), 1), np.float32), np.zeros(1, np.float32)
        weights = np.concatenate([np.full(values.shape[1], weight, np.float32) for values, weight in parts])
        return np.ascontiguousarray(np.concatenate([values for values, _ in parts], axis=1), np.float32), weights


def error_growth(level: int) -> float:
    """How many times the finest level's error a coarser level of detail may add to it."""
    return 2.0**level


def slide_of(positions: Float32[Array, "v 3"], texcoords: Float32[Array, "v 2"], indices: UInt32[Array, "i"]) -> float:
    """Texture coordinates per unit of position, along the surface, on average."""
    corners, at = (
        values[indices].reshape(-1, 3, values.shape[1]).astype(np.float64) for values in (positions, texcoords)
    )
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1).sum()
    one, other = at[:, 1] - at[:, 0], at[:, 2] - at[:, 0]
    flat = np.abs(one[:, 0] * other[:, 1] - one[:, 1] * other[:, 0]).sum()
    return float(np.sqrt(flat / area)) if area > 0 and np.isfinite(flat) else 0.0


def simplified(
    shape: Shape, lists: list[UInt32[Array, "i"]], locked: Bool[Array, "v"], error: float, normal_rad: float
) -> list[UInt32[Array, "i"]]:
    """Each list with as few triangles as `error` allows, in units of the positions. Locked vertices stay."""
    uses = np.zeros(len(shape.positions), np.int64)
    for indices in lists:
        uses[distinct(indices)] += 1
    attributes, weights = shape.weighed(error, normal_rad)
    fixed = locked | (uses > 1)
    result = []
    for indices in lists:
        few = len(indices) < 3 * LEAST_TRIANGLES
        found = indices if few else codec.simplify(indices, shape.positions, attributes, weights, fixed, error)
        result.append(found if len(found) else indices)
    return result


def shared_places(parts: list[Float32[Array, "v 3"]]) -> list[Bool[Array, "v"]]:
    """Of each part's vertices, those at whose place another part has one too: where two materials meet."""
    owners = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    rows = np.ascontiguousarray(np.concatenate(parts)) + np.float32(0)  # −0 is 0
    _, place = np.unique(rows.view(np.dtype((np.void, 12))).reshape(-1), return_inverse=True)
    place = place.reshape(-1)
    first = np.full(place.max(initial=-1) + 1, len(parts))
    last = np.full(place.max(initial=-1) + 1, -1)
    np.minimum.at(first, place, owners)
    np.maximum.at(last, place, owners)
    shared = (first != last)[place]
    return np.split(shared, np.cumsum([len(part) for part in parts])[:-1])
