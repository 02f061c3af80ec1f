"""The packing pipeline: the safe answer for whatever nothing else suits. The materials stay; a viewer lights them."""

from __future__ import annotations

import os
from pathlib import Path

from nightproof.pipelines.packing.pack import pack
from nightproof.pipelines.pipeline import Made, Progress, Source, silent
from nightproof.records.analysis import Analysis
from nightproof.records.route import Estimate, Route, Unsuitable
from nightproof.records.scene import Scene

BYTES_PER_TRIANGLE = 12.0
"""Packed, from the shared scenes."""
TEXTURE_RATIO = 0.2
CPU_SECONDS_PER_MEGABYTE = 0.6
CODED = frozenset({"KHR_texture_basisu", "KHR_draco_mesh_compression"})
"""Extensions whose data stays as it is."""


class PackingPipeline:
    name = "packing"
    version = "1"

    def estimate(self, scene: Scene, analysis: Analysis) -> Estimate | Unsuitable:
        """From size and triangles alone: what is already coded stays, textures shrink to a fifth."""
        geometry = min(scene.source_bytes, int(BYTES_PER_TRIANGLE * scene.triangles))
        packed = geometry + int(TEXTURE_RATIO * (scene.source_bytes - geometry))
        size = scene.source_bytes if CODED & set(scene.extensions) else packed
        seconds = 0.2 + CPU_SECONDS_PER_MEGABYTE * scene.source_bytes / 1e6
        return Estimate(bytes_out=size, cpu_seconds=seconds, ssim=0.99, psnr_db=42.0)

    def make(
        self, source: Source, route: Route, *, seed: int, scratch: Path, threads: int, progress: Progress = silent
    ) -> Made:
        """Nothing here is random: `seed` changes no byte."""
        packed = pack(source.document, threads=threads, cache=scratch / "textures", progress=progress)
        place = scratch / "asset.glb"
        partial = place.with_suffix(f".{os.getpid()}.part")
        scratch.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(packed.data)
        partial.replace(place)
        kept = f"Steps kept: {', '.join(packed.steps)}." if packed.steps else "The input is already the smallest."
        return Made({"asset.glb": place}, "lit", 1.0, (kept, *packed.notes))
