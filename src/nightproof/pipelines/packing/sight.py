"""Does it show? Previews of what came in beside previews of what would go out, at pixels that show a surface.

Views are those of verifiers, drawn from a seed of their own; of each only some pixels are looked at, evenly spread:
their mean squared error is that of the picture, but for chance.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Float32, Int, UInt8

from nightproof._native import HeldTexture
from nightproof.kernels.rays import RayCaster
from nightproof.pipelines.packing.decoded import Decoded
from nightproof.pipelines.packing.units import Part
from nightproof.rendering.display import auto_exposure, to_display
from nightproof.rendering.preview import Preview, Previewer
from nightproof.scenes.camera import Camera
from nightproof.scenes.flat import FlatScene
from nightproof.scenes.flatten import flatten
from nightproof.scenes.gltf import parse_glb
from nightproof.scenes.views import ViewSampler

Array = np.ndarray
VIEWS, SIDE_PX, SEED = 16, 512, 0x5EE
CELLS = 160
"""Along a side of a view: one pixel of each cell is asked what it shows."""
PIXELS = 4096
"""Looked at in each view, at most, of those that show a surface."""
EXPOSED = 24
"""Along a side: pixels from which the exposure follows."""
LAYERS = 6
"""Of surfaces in front of each other that are told apart, where one shows through another."""
SURFACE = 0.01
"""Coverage from which a pixel shows a surface."""
EQUAL_DB = 99.0
"""What equal pictures count as."""


@dataclass(frozen=True)
class Shown:
    """The chosen pixels of one view."""

    color: Float32[Array, "n 3"]
    """Display values."""
    surface: Bool[Array, "n"]
    every: int = 1
    """One of so many of the view's chosen pixels."""

    def fewer(self, every: int) -> Shown:
        """One of `every` of the view's."""
        step = every // self.every
        return Shown(self.color[::step], self.surface[::step], every) if step > 1 else self


Look = Mapping[int, Shown]
"""View → what it shows."""
Worn = Mapping[int, HeldTexture]
"""Texture → what stands in for it."""


@dataclass(frozen=True)
class _View:
    camera: Camera
    places: Int[Array, "n 2"]
    """Columns and rows of the chosen pixels."""
    instances: Int[Array, "layers n"]
    """What each pixel's centre shows, what shows through that, and so on; −1: nothing."""
    exposure: float
    shown: Shown


class Sight:
    """What a scene looks like from a few views."""

    def __init__(
        self, flat: FlatScene, sampler: ViewSampler, rays: RayCaster, decoded: Decoded, threads: int = 1
    ) -> None:
        """`sampler` makes square views of SIDE_PX; `rays` runs over the scene's triangles."""
        self._flat, self._threads, self._decoded = flat, threads, decoded
        self._previewer = Previewer(flat, threads)
        materials = [flat.materials[instance.material] for instance in flat.instances]
        self._clear = np.array([m.alpha_mode != "OPAQUE" or m.transmission > 0 for m in materials])
        self._step_m = 1e-5 * flat.diagonal_m
        self._views = [self._view(sampler.view(SEED, index), index, rays) for index in range(VIEWS)]

    def look(self, data: bytes, first: Iterable[int] = (), most_error: float = math.inf) -> Look:
        """A GLB as it would be seen; from views `first` alone where one of them is further off than `most_error`."""
        after = flatten(parse_glb(data), self._flat.environment, self._decoded.decode)
        self._decoded.let_others_go()
        previewer = Previewer(after, self._threads)
        seen = self._look(previewer, first)
        if max(self.errors(seen).values(), default=0.0) > most_error:
            return seen
        others = self._look(previewer, [view for view in range(VIEWS) if view not in seen])
        return {view: (seen if view in seen else others)[view] for view in range(VIEWS)}

    def worn(self, image: int, pixels: UInt8[Array, "h w 4"]) -> Worn:
        """What the scene that came in wears where one of its images is replaced."""
        return {
            index: self._previewer.held(replace(texture, pixels=pixels))
            for index, texture in enumerate(self._flat.textures)
            if texture.image == image
        }

    def look_with(self, worn: Iterable[Worn], views: Iterable[int], every: int = 1) -> Look:
        """The scene that came in with some of its images replaced, from some views, at one of `every` pixels."""
        with self._previewer.wearing({index: texture for each in worn for index, texture in each.items()}):
            return self._look(self._previewer, views, every)

    def psnr_db(self, after: Look) -> tuple[float, ...]:
        """Of each view, on display values, over the pixels that show a surface before or after."""
        return tuple(_db(error) for error in self.errors(after).values())

    def errors(self, after: Look) -> dict[int, float]:
        """Of each view looked from: mean squared error over the pixels that show a surface before or after."""
        found = {}
        for number, shown in after.items():
            before = self._views[number].shown.fewer(shown.every)
            seen = before.surface | shown.surface
            squared = (before.color[seen] - shown.color[seen]) ** 2
            found[number] = float(squared.mean(dtype=np.float64)) if seen.any() else 0.0
        return found

    def blame(self, number: int, before: Look | None, after: Look) -> tuple[dict[Part, float], dict[int, float]]:
        """Of view `number`: mean squared error between two looks that each part and each material is to blame for.

        Args:
            before: None: what came in.
        """
        view, every = self._views[number], max(look[number].every for look in (before, after) if look)
        shown = after[number].fewer(every)
        old = (view.shown if before is None else before[number]).fewer(every)
        seen = view.shown.fewer(every).surface | shown.surface
        squared = ((old.color - shown.color) ** 2).mean(axis=-1)
        errors = np.zeros(len(self._flat.instances))
        for instance in view.instances[
            :, ::every
        ]:  # what shines through may be as much to blame as what it shines through
            told = seen & (instance >= 0)
            errors += np.bincount(instance[told], squared[told], minlength=len(errors))
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

    def _look(self, previewer: Previewer, views: Iterable[int], every: int = 1) -> Look:
        return {
            number: replace(_shown(previewer.pixels(view.camera, view.places[::every]), view.exposure), every=every)
            for number in views
            for view in [self._views[number]]
        }

    def _view(self, camera: Camera, number: int, rays: RayCaster) -> _View:
        places, instances = self._chosen(camera, number, rays)
        few = _spread(EXPOSED, np.random.default_rng((SEED, number, 1)))
        exposure = auto_exposure([self._previewer.pixels(camera, few).color])
        shown = _shown(self._previewer.pixels(camera, places), exposure)
        return _View(camera, places, instances, exposure, shown)

    def _chosen(self, camera: Camera, number: int, rays: RayCaster) -> tuple[Int[Array, "n 2"], Int[Array, "layers n"]]:
        """Pixels on and right beside surfaces, and what their centres show and show through."""
        random = np.random.default_rng((SEED, number))
        places = _spread(CELLS, random)
        met = rays.occluded(*camera.rays(places + 0.5))
        near = np.pad(met.reshape(CELLS, CELLS), 1)
        near = near[:-2] | near[1:-1] | near[2:]
        near = near[:, :-2] | near[:, 1:-1] | near[:, 2:]
        kept = np.flatnonzero(near)
        if len(kept) > PIXELS:
            kept = np.sort(random.choice(kept, PIXELS, replace=False))
        return places[kept], self._layers(*camera.rays(places[kept] + 0.5), rays)

    def _layers(
        self, origins: Float[Array, "n 3"], directions: Float[Array, "n 3"], rays: RayCaster
    ) -> Int[Array, "layers n"]:
        """Instances along rays, up to the first that nothing shows through."""
        found = np.full((LAYERS, len(origins)), -1)
        going, origins = np.arange(len(origins)), np.array(origins)
        for layer in range(LAYERS):
            hits = rays.closest(origins[going], directions[going])
            met = hits.triangle >= 0
            going, steps_m = going[met], hits.distance_m[met] + self._step_m
            found[layer, going] = self._flat.triangle_instance[hits.triangle[met]]
            origins[going] += directions[going] * steps_m[:, None]
            going = going[self._clear[found[layer, going]]]
        return found


def squared_error(psnr_db: float) -> float:
    """On 8-bit values."""
    return 255.0**2 / 10 ** (psnr_db / 10)


def _spread(cells: int, random: np.random.Generator) -> Int[Array, "n 2"]:
    """One pixel of each of cells × cells parts of a view, row by row."""
    corner = np.stack(np.meshgrid(np.arange(cells), np.arange(cells)), axis=-1).reshape(-1, 2)
    return np.floor((corner + random.random(corner.shape)) * (SIDE_PX / cells)).astype(np.int32)


def _shown(preview: Preview, exposure: float) -> Shown:
    return Shown(to_display(preview.color, exposure).astype(np.float32), preview.coverage > SURFACE)


def _db(error: float) -> float:
    return min(EQUAL_DB, float(10 * np.log10(255.0**2 / max(error, 1e-9))))
