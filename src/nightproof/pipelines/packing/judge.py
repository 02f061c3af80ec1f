"""What showed, who is to blame for it, and how much less each may lose: parts by their pixels, images by looking at
what each changes by itself."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from nightproof.pipelines.packing.candidates import Made
from nightproof.pipelines.packing.decoded import Decoded
from nightproof.pipelines.packing.sharing import Claim, Option, shares
from nightproof.pipelines.packing.sight import Look, Sight, Worn, squared_error
from nightproof.pipelines.packing.texture_work import Asked, Encoded
from nightproof.pipelines.packing.tolerances import UNHARMED_BITS, Tolerances
from nightproof.pipelines.packing.units import Part
from nightproof.pipelines.packing.viewpoint import FIRST
from nightproof.scenes.flat import FlatScene
from nightproof.scenes.views import ViewSampler

Array = np.ndarray
Blamed = tuple[str, Any]
"""`image` and its number, `part` and which, or `parts` and which."""
AIM = 0.985
"""What tightening aims at: that part of what a picture may lose; a power of it in later rounds."""
INSISTING = 24
"""How often it aims lower where nothing changed: what showed is there all the same."""
CHEAP = 0.05
"""A part that takes so little of the bytes to blame is left unharmed where tightening it once was not enough."""
ALIKE = 0.97
"""Nearer to 1 a factor changes nothing."""
COUNTED, MANY = 0.05, 0.3
"""Of a view's error: who is to blame for less, in every view, is left alone, unless such parts make up so much of it
together: then they give way together."""
SHAPE_POWER = 0.5
"""How triangles grow as squared error shrinks: with the distance that surface moves."""
OF_GRIDS = 0.18
"""What a bit more of everything adds to the bytes of a part."""
UNHARMED = 1 / 256
"""What is left of its error where it keeps everything: a bit of its grids is a quarter."""
OF_PART = (0.8, 0.6, 0.45, 0.3, 0.2, 0.1, 0.05, 0.02)
"""What may be left of a part's error after one round, other than of one that keeps everything."""
BYTES_PER_TRIANGLE = 2.5
MOST_TIGHTENED = 8
"""Views, the worst, by which it is told who gives way: the others mostly lost the same things."""
DOUBTFUL, MOST_DOUBTFUL = 0.9, 6
"""Which views are looked at before the others, by what they lost before, and how many."""


class Judge:
    """Looks at what was made of one scene."""

    def __init__(self, flat: FlatScene, sampler: ViewSampler, decoded: Decoded, threads: int) -> None:
        self._sight, self._decoded = Sight(flat, sampler, decoded, threads), decoded
        counts = np.bincount(flat.triangle_instance, minlength=len(flat.instances))
        self._triangles = {(each.mesh, each.primitive): int(n) for each, n in zip(flat.instances, counts, strict=True)}
        """Of each part, once however often it is shown."""
        self._of_image: dict[tuple[int, bytes], dict[int, float]] = {}

    def look(
        self, data: bytes, least_psnr_db: float, before: Look = MappingProxyType({})
    ) -> tuple[Look, tuple[float, ...]]:
        """A file, and the PSNR of its views, told the more exactly the nearer they are to what is asked; where a view
        that was among the worst of `before` is below that, of some of them."""
        errors = self._sight.errors(before)
        worst = sorted(errors, key=lambda view: -errors[view])
        doubtful = [view for view in worst if errors[view] > DOUBTFUL * squared_error(least_psnr_db)]
        look = self._sight.look(data, squared_error(least_psnr_db), doubtful[:MOST_DOUBTFUL])
        return look, self._sight.psnr_db(look)

    def tightened(
        self, tolerances: Tolerances, look: Look, made: Made, least_psnr_db: float, rounds: int
    ) -> Tolerances:
        """Less of what showed, where that costs the fewest bytes; after some `rounds`, more than is needed."""
        allowed = squared_error(least_psnr_db)
        found = self._sight.errors(look)
        worst = sorted((view for view in found if found[view] > allowed), key=lambda view: -found[view])
        errors = {view: found[view] for view in worst[:MOST_TIGHTENED]}
        claims = self._claims(tolerances, look, made, errors)
        for times in range(max(1, rounds), INSISTING):
            tighter = self._tightened(tolerances, made, claims, shares(claims, AIM**times * allowed))
            if tighter != tolerances:
                break
        return tighter

    def _tightened(
        self, tolerances: Tolerances, made: Made, claims: Mapping[Blamed, Claim], factors: Mapping[Blamed, float]
    ) -> Tolerances:
        little = CHEAP * sum(claim.options[0].bytes for claim in claims.values())
        tighter = tolerances
        for (kind, key), factor in factors.items():
            if factor > ALIKE:
                continue
            if kind == "image":
                tighter = tighter.with_image(key, _next_of(made.images[key], factor, tolerances.of_image.get(key)))
                continue
            cheap = claims[kind, key].options[0].bytes < little
            for part in (key,) if kind == "part" else key:
                simplified, again = part in made.simplified, tolerances.tightened(part)
                if factor <= UNHARMED or (again and cheap):
                    tighter = tighter.unharmed(part)
                    continue
                if simplified:
                    tighter = tighter.with_shape(part, factor)
                if not simplified or again:  # which of them shows isn't told by looking
                    tighter = tighter.with_bits(part, factor)
                if not simplified:  # what lost a triangle or two keeps them all: they may be what shows
                    tighter = tighter.with_shape(part, 0.0)
        return tighter

    def _claims(self, tolerances: Tolerances, look: Look, made: Made, errors: dict[int, float]) -> dict[Blamed, Claim]:
        """What each is to blame for adds up to what was seen."""
        replaced = {image: found.data for image, found in made.images.items() if found.data}
        worn = {image: self._sight.worn(image, self._decoded.pixels(data)) for image, data in replaced.items()}
        plain = self._sight.look_with(worn.values(), errors)
        shapes = {view: self._sight.blame_parts(view, plain, look, tolerances.suspicion) for view in errors}
        counted = self._counted(plain, errors, replaced)
        alone = {
            image: self._errors(image, replaced[image], worn[image], tuple(errors))
            for image in sorted(set().union(*counted.values()))
        }
        found: dict[Blamed, dict[int, float]] = defaultdict(dict)
        for view, error in errors.items():
            blame: dict[Blamed, float] = {("part", part): value for part, value in shapes[view].items()}
            blame |= {("image", image): alone[image][view] for image in sorted(counted[view])}
            scale = error / max(sum(blame.values()), 1e-12)
            for key, value in blame.items():
                found[key][view] = value * scale
        heavy = {
            key: of_views
            for key, of_views in found.items()
            if any(value >= COUNTED * errors[view] for view, value in of_views.items())
        }
        claims = {key: self._claim(key, tolerances, made, of_views) for key, of_views in heavy.items()}
        light = sorted(which for kind, which in found.keys() - heavy.keys() if kind == "part")
        together = {view: sum(found["part", part].get(view, 0.0) for part in light) for view in errors}
        if any(value >= MANY * errors[view] for view, value in together.items()):
            claims["parts", tuple(light)] = self._claim_of_parts(light, tolerances, made, together)
        return claims

    def _counted(self, plain: Look, errors: dict[int, float], replaced: Mapping[int, bytes]) -> dict[int, set[int]]:
        """View → the replaced images of the materials that show a good part of its error."""
        found = {}
        for view, error in errors.items():
            materials = self._sight.blame_materials(view, plain)
            heavy = [material for material, part in materials.items() if part >= COUNTED * error]
            found[view] = {
                image for material in heavy for image in self._sight.images_of(material) if image in replaced
            }
        return found

    def _claim(self, key: Blamed, tolerances: Tolerances, made: Made, of_views: dict[int, float]) -> Claim:
        kind, which = key
        if kind == "image":
            image = made.images[which]
            others = [Option(10 ** ((image.kept_db - kept_db) / 10), taken) for kept_db, taken in made.options(which)]
            return Claim((Option(1.0, len(image.data or b"")), *others), of_views)
        return self._claim_of_parts([which], tolerances, made, of_views)

    def _claim_of_parts(
        self, parts: Sequence[Part], tolerances: Tolerances, made: Made, of_views: dict[int, float]
    ) -> Claim:
        """Of one, or of many that give way alike."""
        factors: tuple[float, ...] = (1.0,)
        if not all(tolerances.spent(part) for part in parts):
            factors += (*OF_PART, UNHARMED) if any(tolerances.tightened(part) for part in parts) else OF_PART
        whole = [(BYTES_PER_TRIANGLE * self._triangles[part], made.simplified.get(part, 1.0)) for part in parts]
        taken = [sum(size * _share_of_whole(factor, left) for size, left in whole) for factor in factors]
        return Claim(tuple(map(Option, factors, taken)), of_views)

    # Single images are looked at by a view's first pixels alone: what they lose is spread, unlike what parts do.
    def _errors(self, image: int, data: bytes, worn: Worn, views: tuple[int, ...]) -> dict[int, float]:
        """Of some views, with one image replaced by `data`."""
        known = self._of_image.setdefault((image, data), {})
        if missing := [view for view in views if view not in known]:
            known |= self._sight.errors(self._sight.look_with([worn], missing, FIRST))
        return known


def _share_of_whole(factor: float, left: float) -> float:
    """Bytes of a part whose error shrinks, over those of all its triangles on the usual grids.

    Args:
        left: which share of its triangles it has.
    """
    bits = UNHARMED_BITS if factor <= UNHARMED else -math.log(factor, 4)
    triangles = 1.0 if factor <= UNHARMED else min(1.0, left * factor**-SHAPE_POWER)
    return triangles * (1 + OF_GRIDS * bits)


def _next_of(found: Encoded, factor: float, asked: Asked | None) -> Asked:
    stricter_db = round(found.kept_db - 10 * math.log10(factor), 1)
    return Asked(stricter_db, round(found.kept_db, 1), (*(asked.had if asked else ()), *found.had))
