"""Our tracer's pictures beside Mitsuba's and three.js's, of balls of one material each and of ten real scenes.

    python benchmarks/peers_pictures.py [balls] [scenes] [--only NAME ...] [--out FOLDER]

Under the studio light, one exposure per view, no tone curve. Mitsuba shows the whole light, ours at full depth beside
it. three.js lights from a prefiltered map: no shadows, no light from surface to surface. So it is compared with ours
at one bounce (direct light), and by balls, which have neither. Figures are of pixels that show geometry. Sheets in
build/peers: ours, Mitsuba, ours direct, three.js, the latter two's difference × 4. Needs Chromium, npm and Mitsuba.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from material_balls import BALLS, BY_LAMP, ball
from nightproof.kernels.metrics import compare
from nightproof.kernels.rays import RayCaster
from nightproof.rendering.auditor_probe import probe
from nightproof.rendering.denoise import denoise
from nightproof.rendering.display import auto_exposure, to_display
from nightproof.rendering.tracer import Tracer
from nightproof.scenes.camera import Camera, look_at
from nightproof.scenes.environment import named_environment
from nightproof.scenes.flat import FlatScene
from nightproof.scenes.flatten import flatten
from nightproof.scenes.glb import parse_document, split_glb, write_glb
from nightproof.scenes.gltf import load_gltf
from threejs_lit import show_lit
from threejs_view import ViewFailed

SHARED = Path(__file__).parents[1] / ".." / "shared" / "scenes"
OUT = Path(__file__).parents[1] / "build" / "peers"
SAMPLES = 256
MITSUBA_SAMPLES = 128
DIRECT, FULL = 2, 16
"""Path lengths in edges."""
FOV_RAD = 0.6
GAIN = 4
"""Of differences, so that they are seen."""


@dataclass(frozen=True)
class View:
    """Where from a scene is seen: degrees round it and above it, and how much of the picture it fills."""

    azimuth: float = 30.0
    elevation: float = 20.0
    fill: float = 1.0


BALL, BALL_PX = View(0, 10, 1.6), (160, 160)
SCENES = {
    "TransmissionTest": View(0, 8, 2.6),
    "GlassVaseFlowers": View(20, 15, 1.2),
    "ClearcoatWicker": View(30, 25, 1.7),
    "SheenChair": View(35, 15, 1.3),
    "AlphaBlendModeTest": View(10, 10, 1.5),
    "AnisotropyBarnLamp_ktx2": View(35, 5, 1.3),
    "ToyCar": View(40, 22, 1.7),
    "AnimateAllTheThings": View(0, 28, 1.9),
    "WaterBottle": View(150, 10, 0.95),
    "MaterialsVariantsShoe": View(60, 25, 1.4),
    "LightsPunctualLamp": View(20, 15, 1.1),
}


@dataclass(frozen=True)
class Likeness:
    """Of two pictures where geometry is seen."""

    psnr_db: float
    ssim: float
    ratio: float
    """Of mean radiance."""


def camera_of(flat: FlatScene, view: View, width_px: int, height_px: int) -> Camera:
    lower, upper = flat.bounds_m
    centre, radius = (lower + upper) / 2, float(np.linalg.norm(upper - lower)) / 2
    a, e = np.radians(view.azimuth), np.radians(view.elevation)
    towards = np.array([np.sin(a) * np.cos(e), np.sin(e), np.cos(a) * np.cos(e)])
    distance = radius / np.sin(FOV_RAD / 2) / view.fill
    return look_at(centre + towards * distance, centre, yfov_rad=FOV_RAD, width_px=width_px, height_px=height_px)


def geometry_mask(flat: FlatScene, camera: Camera) -> np.ndarray:
    hits = RayCaster(flat.positions, flat.triangles, 1).closest(*camera.grid_rays())
    return (hits.triangle >= 0).reshape(camera.height_px, camera.width_px)


def likeness(one: np.ndarray, other: np.ndarray, mask: np.ndarray, exposure: float) -> Likeness:
    shown = [np.where(mask[..., None], to_display(np.asarray(p, np.float32), exposure), 0) for p in (one, other)]
    scores = compare(*(np.ascontiguousarray(p.astype(np.uint8)) for p in shown))
    share = mask.mean()
    mse = scores.mse / share
    psnr = 10 * np.log10(255**2 / mse) if mse > 0 else np.inf
    # The rest is equal: what it adds to the mean of SSIM is taken off.
    return Likeness(float(psnr), float(1 - (1 - scores.ssim) / share), float(one[mask].mean() / other[mask].mean()))


def ours(flat: FlatScene, camera: Camera, depth: int) -> np.ndarray:
    picture = Tracer(flat, threads=1).render(camera, samples=SAMPLES, seed=1, max_depth=depth)
    return denoise(picture.color, picture.albedo, picture.normal, threads=1)


def mitsuba(flat: FlatScene, camera: Camera) -> tuple[np.ndarray, tuple[str, ...]]:
    from nightproof.rendering.mitsuba_renderer import MitsubaScene

    peer = MitsubaScene(flat, probe().variant, beyond=True)
    picture = peer.render(camera, samples=MITSUBA_SAMPLES, seed=2, max_depth=FULL, passes=1)
    return denoise(picture.color, picture.albedo, picture.normal, threads=1), peer.notes


def for_threejs(glb: bytes) -> bytes:
    """The file with every KTX2 image named as KHR_texture_basisu wants it; some files name them as plain sources."""
    text, binary = split_glb(glb)
    json = parse_document(text)
    for texture in json.get("textures", []):
        if "source" in texture and json["images"][texture["source"]].get("mimeType") == "image/ktx2":
            texture.setdefault("extensions", {})["KHR_texture_basisu"] = {"source": texture.pop("source")}
            json["extensionsUsed"] = sorted({*json.get("extensionsUsed", []), "KHR_texture_basisu"})
    return write_glb(json, binary or b"")


def measure(name: str, glb: Path, view: View, size: tuple[int, int], out: Path, light: str = "studio") -> None:
    environment = named_environment(light)
    document = load_gltf(glb)
    flat = replace(flatten(document), environment=environment)
    camera = camera_of(flat, view, *size)
    mask = geometry_mask(flat, camera)
    whole, direct = ours(flat, camera, FULL), ours(flat, camera, DIRECT)
    exposure = auto_exposure([np.where(mask[..., None], whole, 0).astype(np.float32)])
    theirs, notes = mitsuba(flat, camera)
    far_m = float(np.linalg.norm(camera.position_m)) + 4 * flat.diagonal_m
    try:
        real_time = show_lit(for_threejs(glb.read_bytes()), camera, environment, far_m=far_m)
    except ViewFailed as error:
        print(f"{name:24} three.js: {error}")
        real_time = np.zeros_like(whole)
    pairs = [(whole, theirs), (whole, real_time), (direct, real_time)]
    found = [likeness(a, b, mask, exposure) for a, b in pairs]
    cells = "  ".join(f"{f.psnr_db:6.1f} {f.ssim:6.3f} {f.ratio:6.3f}" for f in found)
    print(f"{name:24} {cells}", flush=True)
    for note in notes:
        print(f"{'':24} {note}")
    unknown = sorted({n for m in flat.materials for n in m.unknown})
    if unknown:
        print(f"{'':24} not traced: {', '.join(unknown)}")
    shown = [to_display(np.asarray(p, np.float32), exposure) for p in (whole, theirs, direct, real_time)]
    off = np.clip(128 + GAIN * (shown[2].astype(int) - shown[3]), 0, 255).astype(np.uint8)
    out.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.concatenate([*shown, off], axis=1)).save(out / f"{name.replace(' ', '_')}.png")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", default=["balls", "scenes"], help="balls, scenes")
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--folder", type=Path, default=SHARED)
    parser.add_argument("--out", type=Path, default=OUT)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    head = "  ".join(["  PSNR   SSIM  ratio"] * 3)
    print(f"{'':24} {'ours / Mitsuba':^20}  {'ours / three.js':^20}  {'direct / three.js':^20}\n{'':24} {head}")
    started = time.process_time()
    for name, material in BALLS.items() if "balls" in given.what else ():
        if not given.only or name in given.only:
            path = given.out / "ball.glb"
            path.write_bytes(ball(material))
            measure(name, path, BALL, BALL_PX, given.out)
    for name in BY_LAMP if "balls" in given.what else ():
        if not given.only or name in given.only:
            path = given.out / "ball.glb"
            path.write_bytes(ball(BALLS[name], by_lamp=True))
            measure(f"{name} by lamp", path, BALL, BALL_PX, given.out, "none")
    for name, view in SCENES.items() if "scenes" in given.what else ():
        path = given.folder / f"{name}.glb"
        if path.exists() and (not given.only or name in given.only):
            measure(name, path, view, (320, 256), given.out)
    print(f"{time.process_time() - started:.0f} CPU-s without the browser")
    return 0


if __name__ == "__main__":
    sys.exit(main())
