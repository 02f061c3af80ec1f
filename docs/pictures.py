"""Make the picture at the top of the README from what `make demo` leaves: left of the line the source, right the asset.

python docs/pictures.py [--demo demo-out]       # writes docs/images/gallery.png; a few CPU-minutes
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from nightproof.jobs.comparing import baked_exposure
from nightproof.kernels.rays import RayCaster
from nightproof.rendering.denoise import denoise
from nightproof.rendering.display import to_display
from nightproof.rendering.tracer import Tracer
from nightproof.rendering.viewer import viewer_image
from nightproof.scenes.environment import named_environment
from nightproof.scenes.flatten import flatten
from nightproof.scenes.gltf import load_gltf
from nightproof.scenes.views import ViewSampler

WIDTH_PX, HEIGHT_PX = 1080, 540
SAMPLES = 512
PICTURE = Path(__file__).parent / "images" / "gallery.png"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--demo", type=Path, default=Path("demo-out"))
    parser.add_argument("--seed", type=int, default=0, help="of the camera")
    parser.add_argument("--view", type=int, default=1)
    parser.add_argument("--samples", type=int, default=SAMPLES)
    parser.add_argument("--out", type=Path, default=PICTURE)
    arguments = parser.parse_args()

    source = flatten(load_gltf(arguments.demo / "gallery.glb"), named_environment("sky"))
    made = load_gltf(arguments.demo / "gallery" / "asset.glb")
    asset, exposure = flatten(made), baked_exposure(made.json)
    views = ViewSampler(source, RayCaster(source.positions, source.triangles), WIDTH_PX, HEIGHT_PX)
    camera = views.view(arguments.seed, arguments.view)
    traced = Tracer(source, threads=2).render(camera, samples=arguments.samples, seed=1)
    left = to_display(denoise(traced.color, traced.albedo, traced.normal), exposure)
    right = to_display(np.asarray(viewer_image(Tracer(asset, threads=2), camera)), 1.0)
    middle = WIDTH_PX // 2
    whole = np.concatenate([left[:, :middle], right[:, middle:]], axis=1)
    whole[:, middle - 1 : middle + 1] = 255
    Image.fromarray(whole).save(arguments.out, optimize=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
