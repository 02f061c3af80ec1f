"""Does it show? Previews of what came in beside previews of what would go out, over the pixels that show a surface."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float32, Int, UInt8

from nightproof.kernels.rays import RayCaster
from nightproof.pipelines.packing.units import Part
from nightproof.rendering.display import auto_exposure, to_display
from nightproof.rendering.preview import Preview, Previewer
from nightproof.scenes.camera import Camera
from nightproof.scenes.flat import FlatScene
from nightproof.scenes.flatten import flatten
from nightproof.scenes.gltf import parse_glb
from nightproof.scenes.views import ViewSampler

Array = np.ndarray
VIEWS, SIDE_PX, SEED = 5, 288, 0x5EE
SURFACE = 0.01
"""Coverage from which a pixel shows a surface."""
EQUAL_DB = 99.0
"""What equal pictures count as."""


@dataclass(frozen=True)
class Look:
    """A file from all views."""

    pictures: tuple[Float32[Array, "h w 3"], ...]
    """Display values."""
    surface: tuple[Bool[Array, "h w"], ...]


@dataclass(frozen=True)
class _View:
    camera: Camera
    exposure: float
    picture: UInt8[Array, "h w 3"]
    surface: Bool[Array, "h w"]
    instance: Int[Array, "h w"]
    """What each pixel's centre shows; −1: nothing."""


class Sight:
    """What a scene looks like from a few views, drawn as verifiers draw theirs but from a seed of their own."""

    def __init__(self, flat: FlatScene, sampler: ViewSampler, rays: RayCaster, threads: int = 1) -> None:
        """`sampler` makes square views of SIDE_PX; `rays` runs over the scene's triangles."""
        self._flat, self._threads = flat, threads
        previewer = Previewer(flat, threads)
        self._views = [_view(sampler.view(SEED, index), flat, previewer, rays) for index in range(VIEWS)]

    def look(self, data: bytes) -> Look:
        """A GLB as it would be seen."""
        return self._look(flatten(parse_glb(data), self._flat.environment))

    def look_with(self, image: int, pixels: UInt8[Array, "h w 4"]) -> Look:
        """The scene that came in with one of its images replaced."""
        textures = tuple(
            replace(texture, pixels=pixels) if texture.image == image else texture for texture in self._flat.textures
        )
        return self._look(replace(self._flat, textures=textures))

    def _look(self, flat: FlatScene) -> Look:
        previewer = Previewer(flat, self._threads)
        previews = [previewer.picture(view.camera) for view in self._views]
        shown = zip(previews, self._views, strict=True)
        return Look(
            tuple(to_display(preview.color, view.exposure).astype(np.float32) for preview, view in shown),
            tuple(_covered(preview) for preview in previews),
        )

    def psnr_db(self, after: Look) -> tuple[float, ...]:
        """Of each view, on display values, over the pixels that show a surface before or after."""
        return tuple(_db(error) for error in self.errors(after))

    def errors(self, after: Look) -> list[float]:
        """Of each view: mean squared error over the pixels that show a surface before or after."""
        found = []
        for view, picture, surface in zip(self._views, after.pictures, after.surface, strict=True):
            seen = view.surface | surface
            squared = (view.picture[seen].astype(np.float32) - picture[seen]) ** 2
            found.append(float(squared.mean(dtype=np.float64)) if seen.any() else 0.0)
        return found

    def blame(self, number: int, before: Look | None, after: Look) -> tuple[dict[Part, float], dict[int, float]]:
        """Of view `number`: mean squared error between two looks that each part and each material is to blame for.

        Args:
            before: None: what came in.
        """
        view = self._views[number]
        old = view.picture.astype(np.float32) if before is None else before.pictures[number]
        seen = view.surface | after.surface[number]
        told = seen & (view.instance >= 0)
        squared = ((old - after.pictures[number]) ** 2).mean(axis=-1)
        errors = np.bincount(view.instance[told], squared[told], minlength=len(self._flat.instances))
        parts: dict[Part, float] = defaultdict(float)
        materials: dict[int, float] = defaultdict(float)
        for index in np.flatnonzero(errors):
            instance, share = self._flat.instances[index], float(errors[index]) / max(int(seen.sum()), 1)
            parts[instance.mesh, instance.primitive] += share
            materials[instance.material] += share
        return dict(parts), dict(materials)

    def images_of(self, material: int) -> set[int]:
        """The document's images that a material shows."""
        uses = self._flat.materials[material].texture_uses
        return {self._flat.textures[use.texture].image for use in uses} - {-1}


def squared_error(psnr_db: float) -> float:
    """On 8-bit values."""
    return 255.0**2 / 10 ** (psnr_db / 10)


def _view(camera: Camera, flat: FlatScene, previewer: Previewer, rays: RayCaster) -> _View:
    preview = previewer.picture(camera)
    exposure = auto_exposure([preview.color])
    triangle = rays.closest(*camera.grid_rays()).triangle
    instance = np.where(triangle >= 0, flat.triangle_instance[np.maximum(triangle, 0)].astype(np.int64), -1)
    shape = (camera.height_px, camera.width_px)
    return _View(camera, exposure, to_display(preview.color, exposure), _covered(preview), instance.reshape(shape))


def _covered(preview: Preview) -> Bool[Array, "h w"]:
    return preview.coverage > SURFACE


def _db(error: float) -> float:
    return min(EQUAL_DB, float(10 * np.log10(255.0**2 / max(error, 1e-9))))
