"""A picture of any scene in a tenth of a second, as a real-time viewer lights it: no noise, no shadows, no bounces.

For comparing two versions of one scene (packing asks it whether a step shows) and for small pictures on pages; what
verdicts rest on is path traced. Image-based light by blurred tables, punctual lights, textures filtered, alpha and thin
transmission in order of depth. docs/reference/rendering.md says what it leaves out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from nightproof import _native
from nightproof.rendering.preview_light import preview_light
from nightproof.rendering.tracer import Tracer, camera_arguments
from nightproof.scenes.camera import Camera
from nightproof.scenes.environment import named_environment
from nightproof.scenes.flat import FlatScene

Array = np.ndarray
SUPERSAMPLES = 2
"""Side of the grid of rays in each pixel."""


@dataclass(frozen=True)
class Preview:
    """A picture and what of it is surface."""

    color: Float32[Array, "h w 3"]
    """Radiance."""
    coverage: Float32[Array, "h w"]
    """Share of each pixel that some surface covers."""


class Previewer:
    """A scene, held for previews. `threads` changes no pixel."""

    def __init__(self, flat: FlatScene, threads: int = 1) -> None:
        """Light is the scene's own environment and lights; the studio where it has neither."""
        self._light = preview_light(flat.environment or (None if flat.lights else named_environment("studio")))
        self._tracer = Tracer(flat, threads, emitters=False)

    def picture(self, camera: Camera, *, supersamples: int = SUPERSAMPLES) -> Preview:
        pixels = np.zeros((camera.height_px, camera.width_px, 4), np.float32)
        _native.preview_image(
            scene=self._tracer.native,
            harmonics=self._light.harmonics,
            sharp=self._light.sharp,
            blurred=self._light.blurred,
            **camera_arguments(camera),
            left=0,
            top=0,
            side=supersamples,
            out=pixels,
            threads=self._tracer.threads,
        )
        return Preview(np.ascontiguousarray(pixels[..., :3]), np.ascontiguousarray(pixels[..., 3]))
