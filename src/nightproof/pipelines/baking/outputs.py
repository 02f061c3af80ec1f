"""What a bake writes besides output A: B, a lightmap for the scene's own materials; C, light that turns with viewers.

Both come from the lit atlas of the same bake. Neither is measured by the committee: their digests stand in the
certificate, its verdict speaks of `asset.glb`. `benchmarks/interiors.py` measures all three.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32

from nightproof.pipelines.baking import asset as glb
from nightproof.pipelines.baking.atlas import Atlas
from nightproof.pipelines.baking.directional import Directional, encode_slopes, slope_scale
from nightproof.pipelines.baking.encode import encode_display
from nightproof.pipelines.baking.fill import fill
from nightproof.pipelines.baking.lightmapped import Lightmap, encode_map, lightmapped_asset, map_intensity
from nightproof.pipelines.baking.smooth import SPECULAR
from nightproof.pipelines.pipeline import Source
from nightproof.scenes.exr import write_exr

Array = np.ndarray

OUTGOING_SH = "NIGHTPROOF_outgoing_sh"
LOADER = "nightproof-three.js"
VIEWER = "viewer.html"
WHOLE = 2**31
"""Bytes: A must fit its source, what is asked for beside it need not."""


@dataclass(frozen=True)
class Further:
    """The files of one output, by name, and what is to be said about them."""

    files: dict[str, bytes]
    note: str


def lightmap_files(
    source: Source,
    lit: Atlas,
    calm: Sequence[Float32[Array, "h w 3"]],
    known: Sequence[Bool[Array, "h w"]],
    names: list[str],
    extras: dict[str, Any],
    exposure: float,
    threads: int,
) -> Further:
    """Output B. `calm`: per lit page, irradiance over π and over the denoiser's divisor, where texels are known."""
    # The denoiser was given light over (1 + SPECULAR): what arrives was caught by a white surface.
    to_irradiance = np.float32(np.pi * (1 + SPECULAR) * exposure)
    pages = [Lightmap(fill(light * to_irradiance, valid), valid) for light, valid in zip(calm, known, strict=True)]
    intensity = map_intensity(pages)
    maps = [encode_map(page, intensity) for page in pages]
    data = lightmapped_asset(source, lit, maps, intensity, names, extras | {"output": "B"}, exposure, threads)
    written = {"asset-lightmap.glb": data}
    for number, page in enumerate(pages):
        name = "asset-lightmap.exr" if len(pages) == 1 else f"asset-lightmap-{number}.exr"
        written[name] = write_exr(page.irradiance)
    return Further(written | _shown_by(), _note("B", "asset-lightmap.glb", len(data), source))


def directional_files(
    source: Source,
    shown: Atlas,
    lit: Atlas,
    base: Sequence[tuple[Float32[Array, "h w 3"], Bool[Array, "h w"]]],
    directional: Sequence[Directional],
    names: list[str],
    extras: dict[str, Any],
    exposure: float,
    loss: float,
) -> Further:
    """Output C. `base`: the pages of the shown atlas, and where surfaces are."""
    scale = slope_scale(directional)
    pictures = [_picture(radiance, known, exposure, loss) for radiance, known in base]
    pictures += [glb.Picture(data) for page in directional for data in encode_slopes(page.slope, scale)]
    look = glb.Look(_turning_materials(shown, lit, scale), pictures, ("KHR_materials_unlit", OUTGOING_SH))
    data = glb.write_asset(source.flat, shown, look, names, extras | {"output": "C"}, second=lit)
    return Further({"asset-sh.glb": data} | _shown_by(), _note("C", "asset-sh.glb", len(data), source))


def _picture(radiance: Float32[Array, "h w 3"], known: Bool[Array, "h w"], exposure: float, loss: float) -> glb.Picture:
    found = encode_display(radiance, known, exposure, WHOLE, loss)
    assert found is not None
    return glb.Picture(found[0])


def _turning_materials(shown: Atlas, lit: Atlas, scale: float) -> list[dict[str, Any]]:
    first = len(shown.pages)
    return [
        {
            "name": f"page {page}, light {second}",
            "pbrMetallicRoughness": {"baseColorTexture": {"index": page}, "metallicFactor": 0, "roughnessFactor": 1},
            "doubleSided": not shown.two_sided,
            "extensions": {
                "KHR_materials_unlit": {},
                OUTGOING_SH: {
                    **{axis: {"index": first + 3 * second + k, "texCoord": 1} for k, axis in enumerate("xyz")},
                    "scale": scale,
                },
            },
        }
        for page, second in glb.pairs_of_pages(shown, lit)
    ]


def _shown_by() -> dict[str, bytes]:
    folder = files("nightproof.pipelines.baking") / "threejs"
    return {name: (folder / name).read_bytes() for name in (LOADER, VIEWER)}


def _note(output: str, name: str, size: int, source: Source) -> str:
    note = f"output {output}: {name}, {size} bytes, not judged by the committee, which measured asset.glb"
    if size > source.record.source_bytes:
        note += "; it is larger than its source"
    return note
