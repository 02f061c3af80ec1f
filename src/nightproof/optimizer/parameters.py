"""What the router tells the chosen pipeline besides the scene."""

from __future__ import annotations

import math
from collections.abc import Mapping

from nightproof.records.analysis import Analysis

BAKED_TEXELS_ACROSS = 700.0
"""Lightmap texels along the diagonal that a 1080p view of the scene can show."""

ATLAS_FILL = 0.7
SMALLEST_ATLAS_PX, LARGEST_ATLAS_PX = 512, 4096


def parameters_for(pipeline: str, analysis: Analysis) -> Mapping[str, float | str]:
    """Parameters of `pipeline` that follow from the features. Pipelines have defaults for whatever is not here."""
    return _baking(analysis) if pipeline == "baking" else {}


def _baking(analysis: Analysis) -> Mapping[str, float | str]:
    """Texels for `BAKED_TEXELS_ACROSS`, in the smallest power of two that holds them."""
    geometric = analysis.features["geometric"]
    area, diagonal_m = geometric["area_per_diagonal2"], geometric["diagonal_m"]
    side = BAKED_TEXELS_ACROSS * math.sqrt(max(area, 1e-6) / ATLAS_FILL)
    atlas_px = 2 ** math.ceil(math.log2(min(max(side, SMALLEST_ATLAS_PX), LARGEST_ATLAS_PX)))
    across = atlas_px * math.sqrt(ATLAS_FILL / max(area, 1e-6))
    return {"atlas_px": float(atlas_px), "texels_per_m": float(f"{across / max(diagonal_m, 1e-9):.6g}")}
