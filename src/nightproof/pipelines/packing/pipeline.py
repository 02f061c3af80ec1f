"""The packing pipeline: the safe answer for whatever nothing else suits. The materials stay; a viewer lights them."""

from __future__ import annotations

import os
from pathlib import Path

from nightproof.pipelines.packing.aims import aim_of, packed_for
from nightproof.pipelines.packing.on_card import told_of_card
from nightproof.pipelines.packing.pack import Packer
from nightproof.pipelines.pipeline import Made, Progress, Source, silent
from nightproof.records.analysis import Analysis
from nightproof.records.route import Estimate, Route, Unsuitable
from nightproof.records.scene import Scene

BYTES_PER_TRIANGLE = 1.25
REST_RATIO = 0.17
"""Of what is not triangles. Both fitted to the shared scenes; how, and how well: docs/reference/packing.md."""
CPU_SECONDS_PER_MEGATEXEL = 0.45
CPU_SECONDS_PER_MEGATRIANGLE = 10.0
CPU_SECONDS = 0.4
PSNR_DB = 48.2
"""The median of 124 views."""
CODED = frozenset({"KHR_texture_basisu"})
"""Extensions whose data stays as it is."""


def recoded_texels(scene: Scene, analysis: Analysis) -> float:
    """Of the images that packing makes anew."""
    if CODED & set(scene.extensions):
        return 0.0
    return analysis.features.get("material", {}).get("texels", 0.0)


class PackingPipeline:
    name = "packing"
    version = "6"

    def estimate(self, scene: Scene, analysis: Analysis) -> Estimate | Unsuitable:
        """From bytes, triangles and texels: what is already coded stays, the rest shrinks as the shared scenes did."""
        geometry = min(scene.source_bytes, int(BYTES_PER_TRIANGLE * scene.triangles))
        packed = geometry + int(REST_RATIO * (scene.source_bytes - geometry))
        coded, texels = bool(CODED & set(scene.extensions)), recoded_texels(scene, analysis)
        triangles = 0 if coded else scene.triangles
        seconds = (
            CPU_SECONDS + CPU_SECONDS_PER_MEGATEXEL * texels / 1e6 + CPU_SECONDS_PER_MEGATRIANGLE * triangles / 1e6
        )
        return Estimate(
            bytes_out=scene.source_bytes if coded else packed, cpu_seconds=seconds, ssim=0.99, psnr_db=PSNR_DB
        )

    def make(
        self, source: Source, route: Route, *, seed: int, scratch: Path, threads: int, progress: Progress = silent
    ) -> Made:
        """Nothing here is random: `seed` changes no byte."""
        cache = scratch / "textures"
        aim, levels = aim_of(route.parameters, scratch), int(route.parameters.get("lods", 0))
        packer = Packer(source.document, flat=source.flat, threads=threads, cache=cache, coder=aim.coder, levels=levels)
        packed = packed_for(packer, aim, progress)
        place = scratch / "asset.glb"
        partial = place.with_suffix(f".{os.getpid()}.part")
        scratch.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(packed.data)
        partial.replace(place)
        kept = f"Steps kept: {', '.join(packed.steps)}." if packed.steps else "The input is already the smallest."
        looked = (f"The least of {len(packed.psnr_db)} views: {min(packed.psnr_db):.1f} dB.",) if packed.psnr_db else ()
        card = (told_of_card(source.document, packed.data),) if aim.coder.alone else ()
        return Made({"asset.glb": place}, "lit", 1.0, (kept, *looked, *card, *packed.notes))
