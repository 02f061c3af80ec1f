"""How good a baked interior looks: PSNR and SSIM of output A over random views against denoised path-traced pictures.

python benchmarks/interiors.py room.glb [more.glb …] [--policy draft] [--views 6] [--environment none]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from nightproof.kernels.metrics import compare
from nightproof.kernels.rays import RayCaster
from nightproof.pipelines.baking.pipeline import BakingPipeline
from nightproof.pipelines.pipeline import PipelineGaveUp, Source
from nightproof.rendering.denoise import denoise
from nightproof.rendering.display import to_display
from nightproof.rendering.tracer import Tracer
from nightproof.rendering.viewer import viewer_image
from nightproof.scenes.environment import named_environment
from nightproof.scenes.flatten import flatten
from nightproof.scenes.gltf import load_gltf
from nightproof.scenes.load import scene_record
from nightproof.scenes.views import ViewSampler


def measure(path: Path, asked: argparse.Namespace) -> str:
    environment = named_environment(asked.environment)
    document = load_gltf(path)
    flat = flatten(document, environment)
    source = Source(scene_record(document, path.name, flat), document, flat)
    route = SimpleNamespace(parameters={"policy": asked.policy})
    started = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        try:
            made = BakingPipeline().make(source, route, seed=1, scratch=Path(folder), threads=2)  # type: ignore[arg-type]
        except PipelineGaveUp as reason:
            return f"{path.stem:24} {type(reason).__name__}: {reason}"
        seconds = time.process_time() - started
        asset = load_gltf(made.files["asset.glb"])
        size = made.files["asset.glb"].stat().st_size
    # Unlit pages hold exposed radiance; what is seen past them must be exposed as well.
    behind = None
    if environment is not None:
        behind = replace(environment, radiance=environment.radiance * np.float32(made.exposure))
    shown, truth = Tracer(flatten(asset, behind), 2), Tracer(flat, 2)
    views = ViewSampler(flat, RayCaster(flat.positions, flat.triangles, 2), asked.width, asked.width * 3 // 4)
    ssim, psnr, same = [], [], []
    for index in range(asked.views):
        camera = views.view(asked.seed, index)
        first, second = (
            to_display(denoise(r.color, r.albedo, r.normal, threads=2), made.exposure)
            for r in (truth.render(camera, samples=asked.samples, seed=seed) for seed in (0, 1))
        )
        scores = compare(first, to_display(viewer_image(shown, camera), 1.0))
        ssim.append(scores.ssim)
        psnr.append(10 * np.log10(255**2 / max(scores.mse, 1e-9)))
        same.append(compare(first, second).ssim)
    return (
        f"{path.stem:24} {np.mean(ssim):.4f} {min(ssim):.4f} {np.mean(psnr):6.2f} {min(psnr):6.2f}"
        f" {np.mean(same):.4f} {source.record.source_bytes:9} {size:9} {seconds:7.1f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenes", nargs="+", type=Path)
    parser.add_argument("--policy", default="draft")
    parser.add_argument("--environment", default="none")
    parser.add_argument("--views", type=int, default=6)
    parser.add_argument("--width", type=int, default=512)
    parser.add_argument("--samples", type=int, default=128)
    parser.add_argument("--seed", type=int, default=77)
    asked = parser.parse_args()
    print("scene                      SSIM  least    PSNR  least  self   bytes in bytes out   cpu-s")
    for path in asked.scenes:
        print(measure(path, asked), flush=True)


if __name__ == "__main__":
    main()
