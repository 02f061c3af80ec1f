"""What showed, and who is to blame for it: parts by their pixels, images by what each changes by itself."""

from __future__ import annotations

from typing import Any

import numpy as np

from nightproof.kernels.rays import RayCaster
from nightproof.pipelines.packing.candidates import Made
from nightproof.pipelines.packing.pixels import decoded
from nightproof.pipelines.packing.sight import Look, Sight, squared_error
from nightproof.pipelines.packing.tolerances import COUNTED, Tolerances, factors
from nightproof.pipelines.packing.units import Part
from nightproof.scenes.flat import FlatScene
from nightproof.scenes.views import ViewSampler


class Judge:
    """Looks at what was made of one scene. Looks at textures by themselves are kept: most do not change again."""

    def __init__(self, flat: FlatScene, sampler: ViewSampler, rays: RayCaster, threads: int) -> None:
        self._sight = Sight(flat, sampler, rays, threads)
        self._of_image: dict[tuple[int, bytes], list[float]] = {}
        self._plain: tuple[bytes, Look] | None = None

    def look(self, data: bytes) -> tuple[Look, tuple[float, ...]]:
        """A file, and the PSNR of its views."""
        look = self._sight.look(data)
        return look, self._sight.psnr_db(look)

    def tightened(self, tolerances: Tolerances, look: Look, made: Made, least_psnr_db: float) -> Tolerances:
        """Less of what showed: images by what each changes by itself, parts by what changes beyond the textures."""
        sight, plain = self._sight, self._textures_alone(made.plain.data)
        parts: dict[Part, float] = {}
        images: dict[int, float] = {}
        for number, psnr_db in enumerate(sight.psnr_db(look)):
            if psnr_db >= least_psnr_db:
                continue
            shapes, _ = sight.blame(number, plain, look)
            _, materials = sight.blame(number, None, plain)
            heavy = [m for m, error in materials.items() if error >= COUNTED * max(materials.values())]
            changed = {image for material in heavy for image in sight.images_of(material) if image in made.images}
            blame: dict[Any, float] = {("part", part): error for part, error in shapes.items()}
            blame |= {("image", image): self._errors(image, made.images[image])[number] for image in sorted(changed)}
            for (kind, key), factor in factors(blame, squared_error(least_psnr_db)).items():
                into: dict[Any, float] = parts if kind == "part" else images
                into[key] = min(factor, into.get(key, 1.0))
        return tolerances.tightened(parts, images, made.simplified)

    def _textures_alone(self, data: bytes) -> Look:
        if self._plain is None or self._plain[0] != data:
            self._plain = data, self._sight.look(data)
        return self._plain[1]

    def _errors(self, image: int, data: bytes) -> list[float]:
        """Of each view, with one image replaced."""
        if (image, data) not in self._of_image:
            pixels = decoded(data, alpha=True)
            assert pixels is not None  # our own encoder made it
            if pixels.shape[2] == 3:
                pixels = np.concatenate([pixels, np.full((*pixels.shape[:2], 1), 255, np.uint8)], axis=2)
            self._of_image[image, data] = self._sight.errors(self._sight.look_with(image, pixels))
        return self._of_image[image, data]
