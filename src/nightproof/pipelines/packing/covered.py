"""Which texels of an image any surface shows: what lies between the islands of an atlas is seen by nobody."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32, UInt32

from nightproof.kernels.bake import cover
from nightproof.pipelines.packing.draft import Draft
from nightproof.pipelines.packing.geometry import materials_of, streams_error, texture_infos
from nightproof.pipelines.packing.texture_uses import sources
from nightproof.pipelines.packing.units import Place, primitives

Array = np.ndarray
REPEAT = 10497
SIDE = 512
"""Cells along a side of an image; one that a triangle touches, and its neighbours, count as shown."""
MOST_SHOWN = 0.95
"""Beyond it nothing is worth leaving out."""
MOST_AREA = 32.0
"""Surfaces that show an image so many times over leave nothing out."""
MOST_TRIANGLES = 1 << 22
"""Of one image: more aren't walked."""


def shown_cells(draft: Draft) -> dict[int, Bool[Array, "512 512"]]:
    """Per image: its cells that surface shows, row by row from the top. Images of which that cannot be told, or that
    are shown nearly whole, are left out."""
    found: dict[int, Bool[Array, "512 512"]] = {}
    whole: set[int] = set()
    budget: dict[int, int] = defaultdict(lambda: MOST_TRIANGLES)
    for place in primitives(draft.json):
        for use in _uses(draft, place):
            for image in sources(draft.json["textures"][use["index"]]):
                if image in whole:
                    continue
                cells = _cells(draft, place, use, budget, image)
                if cells is None:
                    whole.add(image)
                else:
                    found[image] = found[image] | cells if image in found else cells
    return {image: cells for image, cells in found.items() if image not in whole and cells.mean() <= MOST_SHOWN}


def packed_cells(draft: Draft) -> dict[int, bytes]:
    """`shown_cells`, a bit for each."""
    return {image: np.packbits(cells).tobytes() for image, cells in shown_cells(draft).items()}


def _uses(draft: Draft, place: Place) -> list[dict[str, Any]]:
    return [use for material in materials_of(draft.json, place) for use in texture_infos(material)]


def _cells(
    draft: Draft, place: Place, use: dict[str, Any], budget: dict[int, int], image: int
) -> Bool[Array, "512 512"] | None:
    """What one primitive shows of one image; None where that cannot be told."""
    turned = use.get("extensions", {}).get("KHR_texture_transform", {})
    name = f"TEXCOORD_{turned.get('texCoord', use.get('texCoord', 0))}"
    if name not in place.value["attributes"] or place.value.get("mode", 4) != 4 or _pointed(draft, place):
        return None
    uv = _transformed(draft.document.floats(place.value["attributes"][name]), turned)
    corners = triangles_of(draft, place, len(uv))
    budget[image] -= len(corners)
    if budget[image] < 0 or not np.isfinite(uv).all() or not _repeats(uv, _wrap(draft, use)):
        return None
    at, cells = uv[corners], np.zeros((SIDE, SIDE), bool)
    at = at - np.floor(at.min(axis=1, keepdims=True))
    if len(at) and float(np.ptp(at, axis=1).max()) > 1:
        return None  # a tile is shown whole
    if _area(at) > MOST_AREA:
        return None
    for shift in ((0, 0), (1, 0), (0, 1), (1, 1)):
        moved = at - np.array(shift, np.float32)
        inside = (moved.max(axis=1) > 0).all(axis=1)
        if inside.any():
            flat = np.ascontiguousarray(moved[inside].reshape(-1, 2) * SIDE, np.float32)
            order = np.arange(len(flat), dtype=np.uint32).reshape(-1, 3)
            cells.reshape(-1)[cover(flat, order, SIDE, SIDE).texel] = True
    return _grown(cells)


def _area(at: Float32[Array, "t 3 2"]) -> float:
    """Of the triangles' boxes, in images."""
    return float(np.ptp(at, axis=1).prod(axis=1).sum()) if len(at) else 0.0


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


def _transformed(uv: Float32[Array, "v 2"], turned: dict[str, Any]) -> Float32[Array, "v 2"]:
    """KHR_texture_transform: scaled, then turned, then moved."""
    angle = float(turned.get("rotation", 0.0))
    scaled = uv * np.array(turned.get("scale", (1, 1)), np.float32)
    c, s = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    rotated = np.stack([c * scaled[:, 0] + s * scaled[:, 1], c * scaled[:, 1] - s * scaled[:, 0]], axis=1)
    return rotated + np.array(turned.get("offset", (0, 0)), np.float32)


def _wrap(draft: Draft, use: dict[str, Any]) -> tuple[int, int]:
    sampler = draft.json["textures"][use["index"]].get("sampler")
    found = draft.json["samplers"][sampler] if sampler is not None else {}
    return found.get("wrapS", REPEAT), found.get("wrapT", REPEAT)


def _repeats(uv: Float32[Array, "v 2"], wrap: tuple[int, int]) -> bool:
    """Whether repetition tells what coordinates read: always inside the image, beyond it only where it is repeated."""
    return all(mode == REPEAT or bool(((x >= 0) & (x <= 1)).all()) for mode, x in zip(wrap, uv.T, strict=True))


def _grown(cells: Bool[Array, "h w"]) -> Bool[Array, "h w"]:
    """And their neighbours, round the edges: filters read beyond."""
    for axis in (0, 1):
        cells = cells | np.roll(cells, 1, axis) | np.roll(cells, -1, axis)
    return cells
