"""What showed, who is to blame for it, and how much less each may lose: parts by their pixels, images by looking at
what each changes by itself."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import numpy as np

from nightproof.kernels.rays import RayCaster
from nightproof.pipelines.packing.candidates import Made
from nightproof.pipelines.packing.pixels import reread
from nightproof.pipelines.packing.sharing import Claim, shares
from nightproof.pipelines.packing.sight import Look, Sight, squared_error
from nightproof.pipelines.packing.texture_work import USUAL_POWER, Asked, Encoded
from nightproof.pipelines.packing.tolerances import Tolerances
from nightproof.scenes.flat import FlatScene
from nightproof.scenes.views import ViewSampler

Array = np.ndarray
AIM = 0.93
"""What tightening aims at: that part of what a picture may lose."""
ALIKE = 0.97
"""Nearer to 1 a factor changes nothing."""
COUNTED = 0.05
"""Of a view's error: who is to blame for less, in every view, is left alone."""
LEAST_OF_IMAGE, LEAST_OF_PART = 0.45, 0.2
"""What error may be left after one round: beyond, the powers foretell little."""
SHAPE_POWER, GRID_POWER, MOST_POWER = 1.0, 0.1, 8.0
"""How bytes grow as error shrinks: triangles go with the distance, grids cost little; images as they measured it, but
where that is steeper another way of coding is near."""
BYTES_PER_TRIANGLE = 2.5


class Judge:
    """Looks at what was made of one scene."""

    def __init__(self, flat: FlatScene, sampler: ViewSampler, rays: RayCaster, threads: int) -> None:
        self._sight = Sight(flat, sampler, rays, threads)
        counts = np.bincount(flat.triangle_instance, minlength=len(flat.instances))
        self._triangles = {(each.mesh, each.primitive): int(n) for each, n in zip(flat.instances, counts, strict=True)}
        """Of each part, once however often it is shown."""
        self._of_image: dict[tuple[int, bytes], dict[int, float]] = {}

    def look(self, data: bytes) -> tuple[Look, tuple[float, ...]]:
        """A file, and the PSNR of its views."""
        look = self._sight.look(data)
        return look, self._sight.psnr_db(look)

    def tightened(
        self, tolerances: Tolerances, look: Look, made: Made, least_psnr_db: float, rounds: int
    ) -> Tolerances:
        """Less of what showed, where that costs the fewest bytes; after some `rounds`, more than is needed."""
        allowed = squared_error(least_psnr_db)
        errors = {view: error for view, error in self._sight.errors(look).items() if error > allowed}
        claims = self._claims(tolerances, look, made, errors)
        for (kind, key), factor in shares(claims, AIM ** (1 + rounds / 2) * allowed).items():
            if factor > ALIKE:
                continue
            if kind == "image":
                tolerances = tolerances.with_image(key, _next_of(made.images[key], factor))
            elif key in made.simplified:
                tolerances = tolerances.with_shape(key, factor)
            else:  # what lost a triangle or two keeps them all: they may be what shows
                tolerances = tolerances.with_bits(key, factor).with_shape(key, 0.0)
        return tolerances

    def _claims(
        self, tolerances: Tolerances, look: Look, made: Made, errors: dict[int, float]
    ) -> dict[tuple[str, Any], Claim]:
        """What each is to blame for adds up to what was seen; parts that have nothing left to give are left out."""
        replaced = {image: _pixels(found.data) for image, found in made.images.items() if found.data}
        plain = self._sight.look_with(replaced, errors)
        shapes = {view: self._sight.blame(view, plain, look)[0] for view in errors}
        counted = self._counted(plain, errors, replaced)
        alone = {image: self._errors(image, made, tuple(errors)) for image in sorted(set().union(*counted.values()))}
        found: dict[tuple[str, Any], dict[int, float]] = defaultdict(dict)
        for view, error in errors.items():
            left = {part: value for part, value in shapes[view].items() if not tolerances.spent(part)}
            blame: dict[tuple[str, Any], float] = {("part", part): value for part, value in left.items()}
            blame |= {("image", image): alone[image][view] for image in sorted(counted[view])}
            scale = error / max(sum(blame.values()), 1e-12)
            for key, value in blame.items():
                found[key][view] = value * scale
        return {
            key: self._claim(key, made, of_views)
            for key, of_views in found.items()
            if any(value >= COUNTED * errors[view] for view, value in of_views.items())
        }

    def _counted(self, plain: Look, errors: dict[int, float], replaced: Mapping[int, Array]) -> dict[int, set[int]]:
        """View → the replaced images of the materials that show a good part of its error."""
        found = {}
        for view, error in errors.items():
            _, materials = self._sight.blame(view, None, plain)
            heavy = [material for material, part in materials.items() if part >= COUNTED * error]
            found[view] = {
                image for material in heavy for image in self._sight.images_of(material) if image in replaced
            }
        return found

    def _claim(self, key: tuple[str, Any], made: Made, of_views: dict[int, float]) -> Claim:
        kind, which = key
        if kind == "image":
            image = made.images[which]
            power = USUAL_POWER if image.at_reach else min(image.power, MOST_POWER)
            return Claim(len(image.data or b""), power, of_views, LEAST_OF_IMAGE)
        takes = BYTES_PER_TRIANGLE * self._triangles[which]
        if which in made.simplified:
            return Claim(takes, SHAPE_POWER, of_views, LEAST_OF_PART)
        return Claim(takes, GRID_POWER, of_views, LEAST_OF_PART)

    def _errors(self, image: int, made: Made, views: tuple[int, ...]) -> dict[int, float]:
        """Of some views, with one image replaced."""
        data = made.images[image].data
        assert data is not None  # only replaced images are asked for
        known = self._of_image.setdefault((image, data), {})
        if missing := [view for view in views if view not in known]:
            known |= self._sight.errors(self._sight.look_with({image: _pixels(data)}, missing))
        return known


def _next_of(found: Encoded, factor: float) -> Asked:
    return Asked(round(found.kept_db - 10 * math.log10(factor), 1), round(found.kept_db, 1))


def _pixels(data: bytes) -> Array:
    return np.ascontiguousarray(reread(data, 4))
