"""A picture of any scene in a tenth of a second, as a real-time viewer lights it: no noise, no shadows, no bounces.

For comparing two versions of one scene (packing asks it whether a step shows) and for small pictures on pages; what
verdicts rest on is path traced. Image-based light by blurred tables, punctual lights, textures filtered, alpha and thin
transmission in order of depth. docs/reference/rendering.md says what it leaves out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Float32, Int32

from nightproof import _native
from nightproof.rendering.preview_light import preview_light
from nightproof.rendering.tracer import Tracer, camera_arguments
from nightproof.rendering.tracer_scene import texture_part
from nightproof.scenes.camera import Camera
from nightproof.scenes.environment import named_environment
from nightproof.scenes.flat import FlatScene, Texture

Array = np.ndarray
SUPERSAMPLES = 2
"""Side of the grid of rays in each pixel."""


@dataclass(frozen=True)
class Preview:
    """A picture and what of it is surface."""

    color: Float32[Array, "*pixels 3"]
    """Radiance."""
    coverage: Float32[Array, "*pixels"]
    """Share of each pixel that some surface covers."""


class Previewer:
    """A scene, held for previews. `threads` changes no pixel."""

    def __init__(self, flat: FlatScene, threads: int = 1) -> None:
        """Light is the scene's own environment and lights; the studio where it has neither."""
        self._light = preview_light(flat.environment or (None if flat.lights else named_environment("studio")))
        self._tracer = Tracer(flat, threads, emitters=False, few_rays=True)

    def picture(self, camera: Camera, *, supersamples: int = SUPERSAMPLES) -> Preview:
        pixels = np.zeros((camera.height_px, camera.width_px, 4), np.float32)
        _native.preview_image(**self._arguments(camera, supersamples), left=0, top=0, out=pixels)
        return _preview(pixels)

    def pixels(self, camera: Camera, places: Int32[Array, "n 2"], *, supersamples: int = SUPERSAMPLES) -> Preview:
        """Some pixels of the picture, column and row of each: color (n, 3), coverage (n,)."""
        pixels = np.zeros((len(places), 4), np.float32)
        places = np.ascontiguousarray(places, np.int32)
        _native.preview_pixels(**self._arguments(camera, supersamples), places=places, out=pixels)
        return _preview(pixels)

    def first_hits(
        self, origins: Float[Array, "n 3"], directions: Float[Array, "n 3"]
    ) -> tuple[Float32[Array, "n"], Int32[Array, "n"]]:
        """What rays meet first: distance in lengths of their directions, and triangle; infinite and −1 for nothing."""
        distances, triangles = np.empty((len(origins), 1), np.float32), np.empty(len(origins), np.int32)
        rays = (np.ascontiguousarray(each, np.float32) for each in (origins, directions))
        _native.first_hits(self._tracer.native, *rays, distances, triangles, self._tracer.threads)
        return distances[:, 0], triangles

    def held(self, texture: Texture) -> _native.HeldTexture:
        """With mip maps, to be worn."""
        return _native.held_texture(self._tracer.native, texture_part(texture))

    @contextmanager
    def wearing(self, textures: Mapping[int, _native.HeldTexture]) -> Iterator[None]:
        """Meanwhile, some of the scene's textures are others. No second thread may look."""
        worn: list[int] = []
        try:
            for index, texture in textures.items():
                _native.swap_texture(self._tracer.native, index, texture)
                worn.append(index)
            yield
        finally:
            for index in worn:
                _native.swap_texture(self._tracer.native, index, textures[index])

    def _arguments(self, camera: Camera, supersamples: int) -> dict[str, Any]:
        light = self._light
        return {
            "scene": self._tracer.native,
            "harmonics": light.harmonics,
            "sharp": light.sharp,
            "blurred": light.blurred,
            **camera_arguments(camera),
            "side": supersamples,
            "threads": self._tracer.threads,
        }


def _preview(pixels: Float32[Array, "*pixels 4"]) -> Preview:
    return Preview(np.ascontiguousarray(pixels[..., :3]), np.ascontiguousarray(pixels[..., 3]))
