"""Path-traced pictures of a FlatScene: one native tracer for reference images, bakes and, later, training views.

Light transport is physically based and unbiased up to `max_depth`; docs/reference/rendering.md states the scattering
functions, the pixel filter and what is approximated. Pictures are equal, byte for byte, for any number of threads,
and a crop holds the very pixels of the whole picture: every pixel has samples of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32, Int32

import nightproof._native as _native
from nightproof.errors import UnusableInput
from nightproof.kernels.embree import EmbreeMissing, embree_library
from nightproof.rendering.tracer_scene import scene_parts
from nightproof.scenes.camera import Camera
from nightproof.scenes.flat import FlatScene

Array = np.ndarray

DEFAULT_MAX_DEPTH = 32
"""Path length in edges, as Mitsuba counts: 1 shows emission, 2 adds direct light. Russian roulette ends most paths."""
SOBOL_BOUNCES = 2
"""Later bounces take hashed random numbers: nothing is left there for a low-discrepancy sequence to gain."""
MAX_IMAGE_PX = 1 << 28


class ImageTooLarge(UnusableInput):
    """A picture of this size would not fit into memory."""

    hint = "Ask for fewer pixels, or for crops."


@dataclass(frozen=True)
class Rendered:
    """A picture. Colours are linear; pixels are box-filtered."""

    color: Float32[Array, "h w 3"]
    """Radiance."""
    albedo: Float32[Array, "h w 3"]
    """Of the first surface that is neither mirror nor clear glass, in [0, 1]; guides the denoiser."""
    normal: Float32[Array, "h w 3"]
    """Shading normal there, world space, averaged over the pixel; zero where nothing was met."""
    sample_variance: Float32[Array, "h w"]
    """Variance of the mean of R, G, B over the pixel's samples, were they independent; the true one is smaller."""


class Tracer:
    """A scene, held for tracing. Building it takes about a second per million triangles."""

    def __init__(
        self,
        flat: FlatScene,
        threads: int = 0,
        *,
        plain: bool = False,
        emitters: bool = True,
        few_rays: bool = False,
    ) -> None:
        """`threads` 0 takes all cores; `plain` shades path by path, the slow twin that tests compare with. Without
        `emitters` glowing surfaces are seen and light nothing, and their list is not made. For `few_rays` the structure
        is built in a third of the time, and each takes a little longer.

        Raises `EmbreeMissing`, and `ValueError` for indices that point outside.
        """
        self.threads = threads
        self.plain = plain
        self.flat = flat
        try:
            self.native = _native.make_trace_scene(str(embree_library()), scene_parts(flat, emitters, few_rays))
        except RuntimeError as error:
            raise EmbreeMissing(str(error)) from None

    def render(
        self,
        camera: Camera,
        *,
        samples: int,
        seed: int,
        max_depth: int = DEFAULT_MAX_DEPTH,
        crop: tuple[int, int, int, int] | None = None,
        first_sample: int = 0,
        progress: Callable[[float], None] | None = None,
    ) -> Rendered:
        """Take a picture.

        Args:
            camera: pinhole; its size counts even where `crop` asks for a part.
            samples: per pixel, at least 1; powers of two converge best.
            seed: other seeds give independent noise.
            max_depth: longest path in edges.
            crop: left, top, width, height in pixels.
            first_sample: where in each pixel's sequence to start, to continue an earlier picture.
            progress: called now and then with the fraction done; may raise.

        Raises:
            ImageTooLarge: more than 2²⁸ pixels.
            ValueError: no samples, or a crop that leaves the picture.
        """
        left, top, width, height = crop or (0, 0, camera.width_px, camera.height_px)
        if samples < 1 or max_depth < 1:
            raise ValueError(f"{samples} samples at depth {max_depth}")
        if min(left, top, width, height) < 0 or left + width > camera.width_px or top + height > camera.height_px:
            raise ValueError(f"crop {crop} outside {camera.width_px} × {camera.height_px}")
        if width * height > MAX_IMAGE_PX:
            raise ImageTooLarge(f"{width} × {height} pixels")
        sums = np.zeros((height, width, _native.PIXEL_FLOATS), np.float32)
        _native.render(
            scene=self.native,
            **camera_arguments(camera),
            left=left,
            top=top,
            samples=samples,
            first_sample=first_sample,
            seed=seed % 2**32,
            max_depth=max_depth,
            sobol_bounces=SOBOL_BOUNCES,
            plain=self.plain,
            out=sums,
            threads=self.threads,
            watch=progress,
        )
        return _rendered(sums, samples)

    def add_samples(
        self,
        camera: Camera,
        sums: Float32[Array, "h w 10"],
        tiles: Int32[Array, "n 6"],
        *,
        seed: int,
        max_depth: int = DEFAULT_MAX_DEPTH,
        corner: tuple[int, int] = (0, 0),
    ) -> None:
        """Add samples to a picture's sums, in place, tile by tile and as many as each tile wants.

        Sums that got their samples in several goes are equal, bit for bit, to those of one go.

        Args:
            sums: of radiance, albedo, normal and squared grey radiance; zeros to begin with.
            tiles: left, top, width, height (pixels of the whole picture), first sample, samples; disjoint.
            corner: left and top of the part of the picture that `sums` covers.

        Raises:
            ValueError: a tile leaves that part.
        """
        _native.render_tiles(
            scene=self.native,
            **camera_arguments(camera),
            left=corner[0],
            top=corner[1],
            seed=seed % 2**32,
            max_depth=max_depth,
            sobol_bounces=SOBOL_BOUNCES,
            plain=self.plain,
            tiles=np.ascontiguousarray(tiles, np.int32),
            out=sums,
            threads=self.threads,
            watch=None,
        )

    def radiance(
        self,
        origins: Float[Array, "n 3"],
        directions: Float[Array, "n 3"],
        *,
        samples: int,
        seed: int,
        max_depth: int = DEFAULT_MAX_DEPTH,
    ) -> Float32[Array, "n 3"]:
        """What comes back along rays, the mean of `samples` paths each: for looks that are no picture.

        Each ray has random numbers of its own, by `seed` and its place in the row. `directions` are unit vectors.
        """
        if samples < 1 or max_depth < 1:
            raise ValueError(f"{samples} samples at depth {max_depth}")
        found = np.zeros((len(origins), 3), np.float32)
        seeds = np.random.Generator(np.random.Philox(seed)).integers(2**32, size=len(origins), dtype=np.uint32)
        _native.ray_radiance(
            scene=self.native,
            origins=np.ascontiguousarray(origins, np.float32),
            directions=np.ascontiguousarray(directions, np.float32),
            seeds=seeds,
            samples=samples,
            max_depth=max_depth,
            sobol_bounces=SOBOL_BOUNCES,
            plain=self.plain,
            out=found,
            threads=self.threads,
        )
        return found


def camera_arguments(camera: Camera) -> dict[str, object]:
    """A camera as the native functions take it."""
    return {
        "camera": np.ascontiguousarray(camera.camera_to_world, np.float64),
        "yfov_rad": camera.yfov_rad,
        "near_m": camera.near_m,
        "width": camera.width_px,
        "height": camera.height_px,
    }


def _rendered(sums: Float32[Array, "h w 10"], samples: int) -> Rendered:
    mean = sums / np.float32(samples)
    with np.errstate(over="ignore", invalid="ignore"):  # squares of light that single precision cannot hold
        spread = np.maximum(np.nan_to_num(mean[..., 9] - mean[..., :3].mean(axis=2) ** 2, nan=np.inf), 0)
    return Rendered(
        color=np.ascontiguousarray(mean[..., :3]),
        albedo=np.ascontiguousarray(mean[..., 3:6]),
        normal=np.ascontiguousarray(mean[..., 6:9]),
        sample_variance=spread / np.float32(max(samples - 1, 1)),
    )
