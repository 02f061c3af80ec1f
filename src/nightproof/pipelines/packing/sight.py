"""Does it show? Previews of what came in beside previews of what would go out, at pixels that show a surface.

Views are those of verifiers, drawn from a seed of their own; of each only some pixels are looked at, more where errors
lie: their weighted mean squared error is that of the picture, but for chance. Where the first of them show little, the
others aren't looked at.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

import numpy as np
from jaxtyping import Float, Int, UInt8

from nightproof._native import HeldTexture
from nightproof.pipelines.packing.decoded import Decoded
from nightproof.pipelines.packing.units import Part
from nightproof.pipelines.packing.viewpoint import FIRST, PIXELS, SEED, Shown, Surfaces, Viewpoint
from nightproof.rendering.preview import Previewer
from nightproof.scenes.flat import FlatScene
from nightproof.scenes.flatten import flatten
from nightproof.scenes.gltf import parse_glb
from nightproof.scenes.views import ViewSampler

Array = np.ndarray
VIEWS = 16
LITTLE = 0.5
"""Of the error that is allowed: a view whose first pixels have less is good."""
LAYERS = 6
"""Of surfaces in front of each other that are told apart, where one shows through another."""
BESIDE = 0.3
"""How much what is beside a pixel is to blame for it, to what is at it."""
EQUAL_DB = 99.0
"""What equal pictures count as."""
Look = Mapping[int, Shown]
"""View → what it shows."""
Worn = Mapping[int, HeldTexture]
"""Texture → what stands in for it."""


class Sight:
    """What a scene looks like from a few views."""

    def __init__(self, flat: FlatScene, sampler: ViewSampler, decoded: Decoded, threads: int = 1) -> None:
        """`sampler` makes square views of SIDE_PX."""
        self._flat, self._threads, self._decoded = flat, threads, decoded
        self._previewer = Previewer(flat, threads)
        materials = [flat.materials[instance.material] for instance in flat.instances]
        self._clear = np.array([m.alpha_mode != "OPAQUE" or m.transmission > 0 for m in materials])
        self._step_m = 1e-5 * flat.diagonal_m
        surfaces = Surfaces(self._meet, flat.triangle_instance)
        self._views = [
            Viewpoint(sampler.view(SEED, index), index, self._previewer, surfaces, sampler.normals)
            for index in range(VIEWS)
        ]

    def look(self, data: bytes, most_error: float, first: Iterable[int] = ()) -> Look:
        """A GLB as it would be seen; from views `first` alone where one of them is further off than `most_error`."""
        after = flatten(parse_glb(data), self._flat.environment, self._decoded.decode)
        self._decoded.let_others_go()
        previewer = Previewer(after, self._threads)
        seen = {view: self._closely(previewer, view, most_error) for view in first}
        if max(self.errors(seen).values(), default=0.0) > most_error:
            return seen
        return {
            view: seen[view] if view in seen else self._closely(previewer, view, most_error) for view in range(VIEWS)
        }

    def _closely(self, previewer: Previewer, number: int, most_error: float) -> Shown:
        """As closely as it takes."""
        shown = self._views[number].seen(previewer, slice(FIRST))
        if self.errors({number: shown})[number] <= LITTLE * most_error:
            return shown
        return shown.followed_by(self._views[number].seen(previewer, slice(FIRST, PIXELS)))

    def worn(self, image: int, pixels: UInt8[Array, "h w 4"]) -> Worn:
        """What the scene that came in wears where one of its images is replaced."""
        return {
            index: self._previewer.held(replace(texture, pixels=pixels))
            for index, texture in enumerate(self._flat.textures)
            if texture.image == image
        }

    def look_with(self, worn: Iterable[Worn], views: Iterable[int], pixels: int = PIXELS) -> Look:
        """The scene that came in with some of its images replaced, from some views, at the first `pixels`."""
        with self._previewer.wearing({index: texture for each in worn for index, texture in each.items()}):
            return {view: self._views[view].seen(self._previewer, slice(pixels)) for view in views}

    def psnr_db(self, after: Look) -> tuple[float, ...]:
        """Of each view, on display values, over the pixels that show a surface before or after."""
        return tuple(_db(error) for error in self.errors(after).values())

    def errors(self, after: Look) -> dict[int, float]:
        """Of each view looked from: mean squared error over the pixels that show a surface before or after."""
        found = {}
        for number, shown in after.items():
            before = self._views[number].came(len(shown.color))
            seen = before.surface | shown.surface
            squared = ((before.color - shown.color) ** 2).mean(axis=-1)
            weights = self._views[number].weights(len(seen)) * seen
            found[number] = float(squared @ weights / max(weights.sum(), 1e-9))
        return found

    def blame_parts(
        self, number: int, before: Look, after: Look, suspicion: Callable[[Part], float]
    ) -> dict[Part, float]:
        """Of view `number`: mean squared error between two looks that each part is to blame for. What a pixel lost is
        shared by what shows there or through that, and by what is in front right beside, for it may have moved there.

        Args:
            suspicion: above 0: how much of that a part takes, beside others.
        """
        rows, at_it = self._views[number].instances_near
        suspected = np.array([suspicion((each.mesh, each.primitive)) for each in self._flat.instances])
        weights = np.where(np.arange(len(rows)) < at_it, 1.0, BESIDE)
        parts: dict[Part, float] = defaultdict(float)
        for index, error in self._blame(number, rows, before[number], after[number], suspected, weights).items():
            instance = self._flat.instances[index]
            parts[instance.mesh, instance.primitive] += error
        return dict(parts)

    def blame_materials(self, number: int, after: Look) -> dict[int, float]:
        """Likewise of materials, between what came in and a look in which nothing moved."""
        view = self._views[number]
        came, suspected = view.came(len(after[number].color)), np.ones(len(self._flat.instances))
        weights = np.ones(len(view.instances))
        materials: dict[int, float] = defaultdict(float)
        for index, error in self._blame(number, view.instances, came, after[number], suspected, weights).items():
            materials[self._flat.instances[index].material] += error
        return dict(materials)

    def _blame(
        self,
        number: int,
        instances: Int[Array, "rows n"],
        before: Shown,
        after: Shown,
        suspected: Float[Array, "instances"],
        weights: Float[Array, "rows"],
    ) -> dict[int, float]:
        """Instance → its share of the mean squared error."""
        count = min(len(before.color), len(after.color))
        old, new, rows = before.first(count), after.first(count), instances[:, :count]
        seen = self._views[number].came(count).surface | new.surface
        counted = self._views[number].weights(count) * seen
        squared = ((old.color - new.color) ** 2).mean(axis=-1) * (counted / max(counted.sum(), 1e-9))
        takes = np.where(rows >= 0, suspected[rows], 0.0) * weights[:, None]
        shares = takes * (squared / np.maximum(takes.sum(axis=0), 1e-30))
        there = rows >= 0
        errors = np.bincount(rows[there], shares[there], minlength=len(suspected))
        return {int(index): float(errors[index]) for index in np.flatnonzero(errors)}

    def images_of(self, material: int) -> set[int]:
        """The document's images that a material shows."""
        uses = self._flat.materials[material].texture_uses
        return {self._flat.textures[use.texture].image for use in uses} - {-1}

    def _meet(self, origins: Float[Array, "n 3"], directions: Float[Array, "n 3"]) -> Int[Array, "layers n"]:
        """Up to the first that nothing shows through."""
        found, going, origins = list[Array](), np.arange(len(origins)), np.array(origins)
        while len(found) < LAYERS and (len(going) or not found):
            distances_m, triangles = self._previewer.first_hits(origins[going], directions[going])
            found.append(np.full(len(origins), -1))
            found[-1][going] = triangles
            met = triangles >= 0
            shines = met & self._clear[self._flat.triangle_instance[triangles]]
            going, steps_m = going[shines], distances_m[shines] + self._step_m
            origins[going] += directions[going] * steps_m[:, None]
        return np.stack(found)


def squared_error(psnr_db: float) -> float:
    """On 8-bit values."""
    return 255.0**2 / 10 ** (psnr_db / 10)


def _db(error: float) -> float:
    return min(EQUAL_DB, float(10 * np.log10(255.0**2 / max(error, 1e-9))))
