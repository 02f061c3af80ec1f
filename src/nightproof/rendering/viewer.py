"""What a real-time viewer shows of an asset, without a viewer.

Unlit surfaces hold their outgoing radiance: a viewer looks it up, mip-mapped, and so do we, on a regular grid in each
pixel under the same box filter that reference pictures have. No light is computed and no randomness enters. First-order
SH (`Material.sh_textures`) turns with the direction, as the loader that goes with it does. A lightmap
(`Material.lightmap`) is shown as three.js and Hubs show it where no other light is: diffuse, plus the glow.

An asset with lit surfaces is path traced with the reference's samples and seed: noise common to both cancels.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32

from nightproof import _native
from nightproof.rendering.tracer import Rendered, Tracer, camera_arguments
from nightproof.scenes.camera import Camera
from nightproof.scenes.flat import FlatScene

Array = np.ndarray

SUPERSAMPLES = 8
"""Side of the grid of rays in each pixel: 64 rays, as many as references have at least. With 16 an upright edge has
four shades only; in our gallery that alone was 0.2 dB, a fifth of the error along silhouettes."""


def is_unlit(flat: FlatScene) -> bool:
    """Whether every surface that is seen carries its own radiance."""
    return all(flat.materials[index].unlit for index in np.unique(flat.triangle_material))


def carries_light(flat: FlatScene) -> bool:
    """Whether every surface that is seen carries its light: as radiance, or in a lightmap."""
    seen = (flat.materials[index] for index in np.unique(flat.triangle_material))
    return all(material.unlit or material.lightmap is not None for material in seen)


def viewer_image(
    tracer: Tracer,
    camera: Camera,
    *,
    crop: tuple[int, int, int, int] | None = None,
    supersamples: int = SUPERSAMPLES,
) -> Float32[Array, "h w 3"]:
    """Radiance that a viewer shows of an unlit or lightmapped asset; the environment behind it where the scene has one.

    Raises:
        ValueError: the asset has lit surfaces, which would come out flat: see `traced_image`.
    """
    if not carries_light(tracer.flat):
        raise ValueError("the asset has lit surfaces")
    left, top, width, height = crop or (0, 0, camera.width_px, camera.height_px)
    if min(left, top, width, height) < 0 or left + width > camera.width_px or top + height > camera.height_px:
        raise ValueError(f"crop {crop} outside {camera.width_px} × {camera.height_px}")
    pixels = np.zeros((height, width, 4), np.float32)
    _native.view_image(
        scene=tracer.native,
        **camera_arguments(camera),
        left=left,
        top=top,
        side=supersamples,
        out=pixels,
        threads=tracer.threads,
    )
    return np.ascontiguousarray(pixels[..., :3])


def traced_image(
    tracer: Tracer,
    camera: Camera,
    *,
    samples: int,
    seed: int,
    crop: tuple[int, int, int, int] | None = None,
) -> Rendered:
    """A lit asset, path traced; hand in what the reference took, so that both pictures share their noise."""
    return tracer.render(camera, samples=samples, seed=seed, crop=crop)
