"""How many triangles the form needs: trial simplification of the welded surface at stated errors.

Meshoptimizer's edge collapses by quadric error (Garland and Heckbert, 1997) run on positions alone, so the trial says
what the form would bear; seams of texture coordinates and materials can only make the real thing keep more. Every trial
starts from the one before, which makes three trials cost little more than one, and the errors add up to those stated.

Works on the canonical surface: order, units and the split into meshes leave no trace beyond rounding.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt32

from nightproof.optimizer.features.surface import Surface
from nightproof.optimizer.features.topology import Topology

Array = np.ndarray

ERRORS = (0.001, 0.005, 0.02)
"""Of the diagonal: what a 1080p view of the whole scene cannot show, a level for half a screen, one for far away."""


@dataclass(frozen=True)
class Simplified:
    """What is left after each trial."""

    share: tuple[float, ...]
    """Triangles left over triangles with area, per error; 1 for an empty surface."""
    finest: Float[Array, "c"]
    """The same at the first error for each connected part."""


def simplify_trial(surface: Surface, topology: Topology) -> Simplified:
    if not surface.count:
        return Simplified((1.0,) * len(ERRORS), np.zeros(0))
    indices = np.ascontiguousarray(topology.vertices.reshape(-1), np.uint32)
    positions = np.ascontiguousarray(topology.positions, np.float32)
    shares, before, spent, finest = [], surface.count, 0.0, np.ones(topology.component_count)
    for error in ERRORS:
        indices = _collapsed(indices, positions, error - spent)
        spent = error
        shares.append(len(indices) / 3 / before)
        if len(shares) == 1:
            finest = _left_by_part(indices, topology)
    return Simplified(tuple(shares), finest)


def _left_by_part(indices: UInt32[Array, "i"], topology: Topology) -> Float[Array, "c"]:
    part = np.zeros(topology.vertex_count, np.int64)
    part[topology.vertices] = topology.component[:, None]
    left = np.bincount(part[indices[::3]], minlength=topology.component_count)
    return left / np.bincount(topology.component, minlength=topology.component_count)


def _collapsed(indices: UInt32[Array, "i"], positions: Array, error: float) -> UInt32[Array, "k"]:
    """As few triangles as keep within `error` (in the units of `positions`) of those given."""
    import meshoptimizer

    if not len(indices):
        return indices
    kept = np.zeros_like(indices)
    count = meshoptimizer.simplify(
        kept,
        indices,
        positions,
        target_index_count=0,
        target_error=error,
        options=meshoptimizer.SIMPLIFY_ERROR_ABSOLUTE,
    )
    return kept[:count].copy()
