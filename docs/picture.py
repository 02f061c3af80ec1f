"""The README's picture: one authored view, the left part path traced from the source, the right part the baked asset.

python docs/picture.py SOURCE.glb ASSET.glb OUT.png [--camera 0] [--samples 128]
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from nightproof.rendering.denoise import denoise
from nightproof.rendering.display import to_display
from nightproof.rendering.tracer import Tracer
from nightproof.rendering.viewer import viewer_image
from nightproof.scenes.flatten import flatten
from nightproof.scenes.gltf import load_gltf

WIDTH_PX, HEIGHT_PX = 1080, 540
LINE_PX = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("asset", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--camera", type=int, default=0)
    parser.add_argument("--samples", type=int, default=128)
    arguments = parser.parse_args()

    source, document = flatten(load_gltf(arguments.source)), load_gltf(arguments.asset)
    exposure = float(document.json["asset"]["extras"]["nightproof"]["exposure"])
    camera = replace(source.cameras[arguments.camera], width_px=WIDTH_PX, height_px=HEIGHT_PX)
    traced = Tracer(source).render(camera, samples=arguments.samples, seed=1)
    reference = to_display(denoise(traced.color, traced.albedo, traced.normal), exposure)
    shown = to_display(viewer_image(Tracer(flatten(document)), camera), 1.0)

    picture = np.where(np.arange(WIDTH_PX)[None, :, None] < WIDTH_PX // 2, reference, shown).astype(np.uint8)
    picture[:, WIDTH_PX // 2 - LINE_PX // 2 : WIDTH_PX // 2 + LINE_PX // 2 + 1] = 255
    Image.fromarray(picture).save(arguments.out, optimize=True)


if __name__ == "__main__":
    main()
