"""Which texels of an image any surface shows: what lies between the islands of an atlas is seen by nobody."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
from jaxtyping import Bool, UInt32

from nightproof.pipelines.packing.draft import Draft
from nightproof.pipelines.packing.geometry import materials_of, streams_error, texture_infos
from nightproof.pipelines.packing.texture_uses import sources
from nightproof.pipelines.packing.units import Place, primitives
from nightproof.scenes.fields import Fields
from nightproof.scenes.flat import TextureUse, Wrap
from nightproof.scenes.textures import coordinates, wraps_of
from nightproof.scenes.uv_cover import uv_touched

Array = np.ndarray
SIDE = 512
"""Cells along a side of an image; one that a triangle touches, and its neighbours, count as shown."""
MOST_SHOWN = 0.95
"""Beyond it nothing is worth leaving out."""
MOST_TRIANGLES = 1 << 22
"""Of one image: more aren't walked."""


def shown_cells(draft: Draft) -> dict[int, Bool[Array, "512 512"]]:
    """Per image: its cells that surface shows, row by row from the top. Images of which that cannot be told, or that
    are shown nearly whole, are left out."""
    found: dict[int, Bool[Array, "512 512"]] = {}
    budget: dict[int, int] = defaultdict(lambda: MOST_TRIANGLES)
    for place in primitives(draft.json):
        drawn: dict[Any, tuple[int, Bool[Array, "512 512"]]] = {}
        """By how a texture lies on it: those of one material mostly lie alike."""
        for use in _uses(draft, place):
            lies = (*coordinates(Fields.of(use, "", draft.json)), *_wraps(draft, use))
            for image in sources(draft.json["textures"][use["index"]]):
                cells = found.setdefault(image, np.zeros((SIDE, SIDE), bool))
                if cells.all():
                    continue
                if lies not in drawn:
                    drawn[lies] = _cells(draft, place, use, budget[image])
                count, shown = drawn[lies]
                budget[image] -= count
                cells |= shown if budget[image] >= 0 else True
    return {image: cells for image, cells in found.items() if cells.mean() <= MOST_SHOWN}


def packed_cells(draft: Draft) -> dict[int, bytes]:
    """`shown_cells`, a bit for each."""
    return {image: np.packbits(cells).tobytes() for image, cells in shown_cells(draft).items()}


def _uses(draft: Draft, place: Place) -> list[dict[str, Any]]:
    return [use for material in materials_of(draft.json, place) for use in texture_infos(material)]


def _cells(draft: Draft, place: Place, use: dict[str, Any], most: int) -> tuple[int, Bool[Array, "512 512"]]:
    """How many triangles one primitive has and what they show of a texture; all where that cannot be told, or where
    they are more than `most`."""
    texcoord, transform = coordinates(Fields.of(use, "", draft.json))
    name = f"TEXCOORD_{texcoord}"
    if name in place.value["attributes"] and place.value.get("mode", 4) == 4 and not _pointed(draft, place):
        uv = draft.document.floats(place.value["attributes"][name]).astype(np.float64)
        corners = triangles_of(draft, place, len(uv))
        if len(corners) <= most:
            placed = TextureUse(0, texcoord, transform).placed(uv)
            return len(corners), uv_touched(placed[corners], *_wraps(draft, use), SIDE)
        return len(corners), np.ones((SIDE, SIDE), bool)
    return 0, np.ones((SIDE, SIDE), bool)


def triangles_of(draft: Draft, place: Place, count: int) -> UInt32[Array, "t 3"]:
    """Corners of a primitive of `count` vertices."""
    if "indices" in place.value:
        found = draft.document.accessor(place.value["indices"]).astype(np.uint32)
    else:
        found = np.arange(count, dtype=np.uint32)
    if found.max(initial=0) >= count:
        raise streams_error(place)
    return found[: len(found) - len(found) % 3].reshape(-1, 3)


def _pointed(draft: Draft, place: Place) -> bool:
    """Whether an animation changes a material that the primitive wears: its textures may move."""
    wears = materials_of(draft.json, place)
    return any(draft.json["materials"][i] in wears for array, i in draft.survey.pointed if array == "materials")


def _wraps(draft: Draft, use: dict[str, Any]) -> tuple[Wrap, Wrap]:
    sampler = draft.json["textures"][use["index"]].get("sampler")
    return wraps_of(None if sampler is None else Fields.of(draft.json["samplers"][sampler], "", draft.json))
