"""One good picture of a scene, for a page: a few CPU-seconds, the same for everyone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Float64, Int, UInt8

from nightproof.kernels.rays import RayCaster
from nightproof.rendering.denoise import denoise
from nightproof.rendering.display import auto_exposure, to_display
from nightproof.rendering.tracer import Tracer
from nightproof.scenes.camera import Camera, look_at
from nightproof.scenes.flat import FlatScene

Array = np.ndarray

WIDTH_PX, HEIGHT_PX = 760, 532
SAMPLES, MAX_DEPTH = 12, 8
GLASS_SAMPLES = 8
"""Where there is glass: what the denoiser is guided by is noisy then and has to be cleaned, which takes the rest."""
YFOV_RAD = np.radians(34.0)
THREE_QUARTERS = (0.62, 0.42, 1.0)
"""Where the eye stands: in front (+Z, as glTF has it), to the right, a little above."""
OUTDOORS = (0.55, 0.6, 1.0)
MARGIN = 1.12
PLACES = ("interior", "exterior", "terrain")
TRIED = 8
"""Views of a place that are tried, besides the one from outside where it has an outside; the one that shows most things
and contrast is taken."""
PREVIEW = (44, 31)
FULL_CONTRAST = 64.0
"""Standard deviation of 8-bit values that is worth as much as one nat of variety."""


def portrait(flat: FlatScene, scene_class: str, threads: int) -> UInt8[Array, "h w 3"] | None:
    """An sRGB picture of `flat` in its environment; None where there is nothing to look at.

    Raises what the tracer and the denoiser raise.
    """
    if not len(flat.triangles) or not flat.diagonal_m > 0:
        return None
    tracer = Tracer(flat, threads)
    camera = _best_place(flat, tracer, scene_class, threads) if scene_class in PLACES else _around(flat, scene_class)
    glass = any(flat.materials[index].transmission > 0 for index in np.unique(flat.triangle_material))
    traced = tracer.render(camera, samples=GLASS_SAMPLES if glass else SAMPLES, seed=1, max_depth=MAX_DEPTH)
    clean = denoise(traced.color, traced.albedo, traced.normal, threads=threads, guides_are_clean=not glass)
    return to_display(clean, auto_exposure([clean]))


def _around(flat: FlatScene, scene_class: str, triangles: Int[Array, "n 3"] | None = None) -> Camera:
    """From outside, as near as shows every corner of `triangles`; of all where none are given."""
    toward = np.array(OUTDOORS if scene_class in ("exterior", "terrain") else THREE_QUARTERS)
    toward /= np.linalg.norm(toward)
    used = np.unique(flat.triangles if triangles is None else triangles)
    points = flat.positions[used[:: max(1, len(used) // 20_000)]].astype(np.float64)
    centre = (points.min(axis=0) + points.max(axis=0)) / 2
    camera = look_at(centre + toward, centre, yfov_rad=YFOV_RAD, width_px=WIDTH_PX, height_px=HEIGHT_PX)
    right, up, back = camera.camera_to_world[:3, :3].T
    shift, distance = _framed((points - centre) @ np.stack([right, up, back], axis=1))
    eye = centre + shift[0] * right + shift[1] * up + distance * back
    return look_at(eye, eye - back, yfov_rad=YFOV_RAD, width_px=WIDTH_PX, height_px=HEIGHT_PX)


def _on_the_ground(flat: FlatScene) -> Int[Array, "n 3"]:
    """What stands on the ground: all but the primitive with the most area. All where nothing else is."""
    corners = flat.positions[flat.triangles].astype(np.float64)
    areas = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    ground = int(np.argmax(np.bincount(flat.triangle_instance, areas)))
    rest = flat.triangles[flat.triangle_instance != ground]
    return rest if len(rest) else flat.triangles


def _framed(seen: Float64[Array, "n 3"]) -> tuple[Float64[Array, "2"], float]:
    """How far to move right and up, and back, so that all points lie within the picture and in its middle."""
    half = np.tan(YFOV_RAD / 2)
    shift, distance = np.zeros(2), 0.0
    for axis, slope in ((0, half * WIDTH_PX / HEIGHT_PX), (1, half)):
        # On each side a point asks for |x − shift| ≤ slope · (distance − z): two half planes that meet in the middle.
        high = (seen[:, axis] + slope * seen[:, 2]).max()
        low = (-seen[:, axis] + slope * seen[:, 2]).max()
        shift[axis] = (high - low) / 2
        distance = max(distance, MARGIN * (high + low) / 2 / slope)
    return shift, distance


def _best_place(flat: FlatScene, tracer: Tracer, scene_class: str, threads: int) -> Camera:
    from nightproof.scenes.views import ViewSampler

    rays = RayCaster(flat.positions, flat.triangles, threads)
    sampler = ViewSampler(flat, rays, WIDTH_PX, HEIGHT_PX)
    cameras = [sampler.view(0, index) for index in range(TRIED)]
    if scene_class != "interior":
        cameras += [_around(flat, scene_class), _around(flat, scene_class, _on_the_ground(flat))]
    small = [replace(camera, width_px=PREVIEW[0], height_px=PREVIEW[1]) for camera in cameras]
    seen = [tracer.render(camera, samples=8, seed=1, max_depth=4).color for camera in small]
    exposure = auto_exposure(seen)
    contrast = [float(to_display(picture, exposure).astype(np.float64).std()) / FULL_CONTRAST for picture in seen]
    worth = [_variety(flat, rays, camera) + own for camera, own in zip(small, contrast, strict=True)]
    return cameras[int(np.argmax(worth))]


def _variety(flat: FlatScene, rays: RayCaster, camera: Camera) -> float:
    """Entropy of what the pixels show, in nats: which primitive of which node, of which material."""
    triangle = rays.closest(*camera.grid_rays()).triangle
    met = triangle[triangle >= 0]
    things = np.stack([flat.triangle_instance[met], flat.triangle_material[met]], axis=1)
    _, counts = np.unique(things, axis=0, return_counts=True)
    shares = counts / max(camera.width_px * camera.height_px, 1)
    return float(-(shares * np.log(shares)).sum()) if len(shares) else 0.0
