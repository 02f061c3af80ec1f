"""One sampler of an animation: what it moves, how far it may be from what it was, and how its values are stored."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float

from nightproof.pipelines.packing import streams
from nightproof.pipelines.packing.draft import Draft
from nightproof.pipelines.packing.filters import exponential
from nightproof.pipelines.packing.keyframes import FIXED, LINEAR, SLERP, STEP, Track
from nightproof.pipelines.packing.streams import Stream, coded_bytes

ROTATION_RAD = 1e-4
"""A tenth of a pixel at the rim of a thing that fills 2,160."""
TRANSLATION = 1e-5
"""Of the size of the smallest mesh that the node moves: a fiftieth of a pixel of one that fills 2,160."""
WEIGHT = 2.0**-15
"""Of morph weights: what positions are rounded by."""
SCALE = 1e-5
"""Of the largest there is, and translations of nodes that move no mesh by their range."""
POINTED = 1e-4
"""Of the range of what else is animated: colours, factors, texture offsets, angles of view."""
GRID = 0.25
"""The part of each bound that rounding values may use; dropping keys has the rest."""
NODE_POINTER = re.compile(r"/nodes/(\d{1,9})/(translation|rotation|scale|weights)\Z")

Sampler = dict[str, Any]
Target = dict[str, Any]


@dataclass(frozen=True)
class Sampled:
    """Samplers that are one: the same times, values and interpolation."""

    samplers: tuple[Sampler, ...]
    track: Track
    stream: Callable[[np.ndarray], Stream] | None
    """The stored values of some keys; None where the accessor stays as it is."""
    gridded: Callable[[np.ndarray], Stream] | None = None
    """The same on a grid as fine as the bound asks for, where that may be."""

    @property
    def grid_gain(self) -> int:
        """Bytes that the grid saves; none where it costs some."""
        everything = np.arange(len(self.track.values))
        if self.stream is None or self.gridded is None:
            return 0
        return max(0, coded_bytes(self.stream(everything)) - coded_bytes(self.gridded(everything)))

    def on_grid(self) -> Sampled:
        return replace(self, stream=self.gridded) if self.grid_gain else self


def sampled_of(draft: Draft, samplers: tuple[Sampler, ...], targets: list[Target], sizes: dict[int, float]) -> Sampled:
    """What can be done to samplers that share everything.

    Args:
        targets: of all their channels.
        sizes: by node, of what its translation moves (`moved_sizes`).
    """
    sampler = samplers[0]
    accessor = draft.json["accessors"][sampler["output"]]
    count = draft.json["accessors"][sampler["input"]]["count"]
    stored = draft.document.accessor(sampler["output"])
    if "bufferView" not in accessor or not count or len(stored) % count or not len(stored):
        return Sampled(samplers, Track(np.zeros((count, 0)), FIXED, np.zeros(0)), None)
    values = draft.document.floats(sampler["output"]).astype(np.float64).reshape(count, -1)
    aims, kind = {_aim(target) for target in targets}, sampler.get("interpolation", LINEAR)
    rotates = {path for _, path in aims} == {"rotation"} and kind in (LINEAR, STEP) and streams.is_rotation(values)
    track = _track(values, kind, aims, sizes, rotates)

    def exact(kept: np.ndarray) -> Stream:
        rows = stored.reshape(count, -1, *stored.shape[1:])[kept].reshape(-1, *stored.shape[1:])
        return streams.lossless(rows, accessor, None)

    def gridded(kept: np.ndarray) -> Stream:
        rows = values[kept].reshape(-1, *stored.shape[1:]).reshape(len(kept) * len(stored) // count, -1)
        return Stream(exponential(rows, _step(track)), "ATTRIBUTES", None, bounds="min" in accessor)

    def turning(kept: np.ndarray) -> Stream:
        return streams.rotation(values[kept])

    if rotates:
        return Sampled(samplers, track, turning)
    on_grid = track.kind == LINEAR and stored.dtype.kind == "f" and np.isfinite(values).all() and _step(track) > 0
    return Sampled(samplers, track, None if track.kind == FIXED else exact, gridded if on_grid else None)


def _track(
    values: Float[np.ndarray, "n c"],
    kind: str,
    aims: set[tuple[int | None, str]],
    sizes: dict[int, float],
    rotates: bool,
) -> Track:
    paths = {path for _, path in aims}
    if kind == LINEAR and rotates:
        return Track(values / np.linalg.norm(values, axis=1, keepdims=True), SLERP, np.full(1, ROTATION_RAD))
    if kind == LINEAR and paths and "rotation" not in paths:
        bounds = [_bound(values, path, sizes.get(node) if node is not None else None) for node, path in aims]
        return Track(values, LINEAR, (1 - GRID) * np.min(bounds, axis=0))
    exact = np.zeros(values.shape[1])
    return Track(values, STEP if kind == STEP or _still(values, kind) else FIXED, exact)


def _still(values: np.ndarray, kind: str) -> bool:
    """Whether a spline stays where it is: one value (the middle third), and no tangents."""
    if kind != "CUBICSPLINE" or values.shape[1] % 3:
        return False
    third = values.shape[1] // 3
    tangents = np.concatenate([values[:, :third], values[:, 2 * third :]])
    return not tangents.any() and bool((values == values[0]).all())


def _aim(target: Target) -> tuple[int | None, str]:
    """(node, path); a pointer at a node's own property is what it points at."""
    pointer = target.get("extensions", {}).get("KHR_animation_pointer", {}).get("pointer", "")
    named = NODE_POINTER.match(pointer) if target["path"] == "pointer" else None
    return (int(named[1]), named[2]) if named else (target.get("node"), target["path"])


def _bound(values: Float[np.ndarray, "n c"], path: str, size: float | None) -> Float[np.ndarray, "c"]:
    """How far each column may be from what it was."""
    if path == "weights":
        return np.full(values.shape[1], WEIGHT)
    if path == "scale":
        return np.full(values.shape[1], SCALE * np.abs(values).max())
    if path == "translation" and size is not None:
        return np.full(values.shape[1], TRANSLATION * size)
    return (SCALE if path == "translation" else POINTED) * np.ptp(values, axis=0)


def _step(track: Track) -> float:
    """Of the grid that all columns share: columns that don't move keep five digits; 0 where there is no grid."""
    largest = np.abs(track.values).max(axis=0)
    half = np.where(track.tolerance > 0, track.tolerance * GRID / (1 - GRID), SCALE * largest)
    half = half[half > 0]
    return 2 * float(half.min()) if len(half) else 0.0
