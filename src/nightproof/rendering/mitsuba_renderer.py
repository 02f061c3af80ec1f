"""Render a FlatScene with Mitsuba in this process. Heavy and able to take the process down: see `auditor_process`."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32

from nightproof.rendering.mitsuba_export import Exported, Part, export, parts, sensor
from nightproof.rendering.mitsuba_plugins import register
from nightproof.scenes.camera import Camera
from nightproof.scenes.flat import FlatScene

Array = np.ndarray

WAVEFRONT = 1 << 22
"""Paths in flight at once in the vectorised variants: bounds memory to about 2 GiB."""
LEAST_DIAGONAL_M = 10.0
"""Mitsuba steps off surfaces by 10⁻⁴ of 1 m plus the coordinate: through both faces of a toy car's windscreen."""
SEED_STRIDE = 7919
"""Passes of one picture take seeds that far apart."""
AVERTED_COSINE = 0.01
"""Shading normals less than that towards the viewer, on average over a pixel, face away in part of it."""
SMOOTHED = 1e-3
"""A shading normal that is nearer than that to its triangle's is the same."""


@dataclass(frozen=True)
class Picture:
    """What Mitsuba saw; linear."""

    color: Float32[Array, "h w 3"]
    albedo: Float32[Array, "h w 3"]
    normal: Float32[Array, "h w 3"]
    sample_variance: Float32[Array, "h w"]
    """Variance of the mean over channels of `color`, estimated from independent passes."""
    averted: Bool[Array, "h w"]
    """Where interpolated normals face away from a viewer who sees the surface; see `averted`."""


def mitsuba(variant: str) -> Any:
    """The mitsuba module with `variant` set, silent but for errors."""
    import mitsuba as mi

    mi.set_variant(variant)
    mi.set_log_level(mi.LogLevel.Error)
    register(mi)
    return mi


def enlarged(flat: FlatScene, scale: float) -> FlatScene:
    """The same scene, `scale` times as large, that looks the same from a camera that far away."""
    if scale == 1:
        return flat
    lights = []
    for light in flat.lights:
        x, y, z = light.position_m
        stronger = 1.0 if light.kind == "directional" else scale**2
        place = (x * scale, y * scale, z * scale)
        lights.append(replace(light, position_m=place, intensity=light.intensity * stronger))
    materials = [
        replace(
            material,
            thickness_m=material.thickness_m * scale,
            attenuation_distance_m=material.attenuation_distance_m * scale,
        )
        for material in flat.materials
    ]
    return replace(flat, positions=flat.positions * np.float32(scale), lights=tuple(lights), materials=tuple(materials))


@dataclass
class MitsubaScene:
    """A scene held in Mitsuba, ready for pictures."""

    flat: FlatScene
    variant: str
    beyond: bool = False
    """Show what our tracer does not know; see `export`."""
    _exported: list[Exported] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._mi = mitsuba(self.variant)
        self._scale = max(1.0, LEAST_DIAGONAL_M / max(self.flat.diagonal_m, 1e-9))
        large = enlarged(self.flat, self._scale)
        self._exported = [export(self._mi, large, part, self.beyond) for part in parts(large)]

    @property
    def notes(self) -> tuple[str, ...]:
        """What Mitsuba cannot express of this scene."""
        return tuple(sorted({note for exported in self._exported for note in exported.notes}))

    def render(
        self,
        camera: Camera,
        *,
        samples: int,
        seed: int,
        max_depth: int,
        crop: tuple[int, int, int, int] | None = None,
        passes: int = 4,
    ) -> Picture:
        """The picture that `camera` takes, as the sum of the scene's parts. See `export` for `max_depth`, `crop`."""
        shape = (crop[3], crop[2]) if crop else (camera.height_px, camera.width_px)
        color, variance = np.zeros((*shape, 3), np.float32), np.zeros(shape, np.float32)
        guides = np.zeros((*shape, 9), np.float32)
        to_world = np.array(camera.camera_to_world, np.float64)
        to_world[:3, 3] *= self._scale
        view = sensor(self._mi, replace(camera, camera_to_world=to_world, near_m=camera.near_m * self._scale), crop)
        for exported in self._exported:
            mean, spread, seen = self._part(exported, view, samples, seed, max_depth, passes)
            color, variance = color + mean, variance + spread
            guides = seen if exported.part is Part.LIT or not guides.any() else guides
        albedo, shading, geometric = np.split(guides, 3, axis=2)
        return Picture(color, np.clip(albedo, 0, 1), shading, variance, averted(camera, shading, geometric, crop))

    def _part(
        self, exported: Exported, view: Any, samples: int, seed: int, max_depth: int, passes: int
    ) -> tuple[Float32[Array, "h w 3"], Float32[Array, "h w"], Float32[Array, "h w 9"]]:
        film = view.film().crop_size()
        at_once = max(1, WAVEFRONT // (film[0] * film[1])) if self.variant != "scalar_rgb" else samples
        passes = max(1, min(passes, samples), -(-samples // at_once))
        shares = [samples * (index + 1) // passes - samples * index // passes for index in range(passes)]
        aovs = {
            "type": "aov",
            "aovs": "albedo:albedo,normal:sh_normal,triangle:geo_normal",
            "path": exported.integrator(max_depth),
        }
        integrator = self._mi.load_dict(aovs)
        images = [
            np.array(
                self._mi.render(
                    exported.scene,
                    sensor=view,
                    integrator=integrator,
                    spp=share,
                    seed=(seed + SEED_STRIDE * index) % 2**32,
                )
            )
            for index, share in enumerate(shares)
        ]
        weights = np.array(shares, np.float64) / samples
        mean = np.tensordot(weights, np.stack(images), axes=1)
        grey = np.stack([image[..., :3].mean(axis=2) for image in images])
        between = np.tensordot(weights, (grey - mean[..., :3].mean(axis=2)) ** 2, axes=1) / max(passes - 1, 1)
        return mean[..., :3].astype(np.float32), between.astype(np.float32), mean[..., 3:12].astype(np.float32)


def averted(
    camera: Camera,
    shading: Float32[Array, "h w 3"],
    geometric: Float32[Array, "h w 3"],
    crop: tuple[int, int, int, int] | None = None,
) -> Bool[Array, "h w"]:
    """Pixels whose interpolated normals face away from a viewer who sees the surface itself.

    There every renderer does as it likes: ours and rasterizers light the side that is seen, Mitsuba the other one. On
    smooth meshes this is a line along the silhouette; on flat ground whose vertices lean with the hills, everything
    near the horizon.
    """
    left, top, width, height = crop or (0, 0, camera.width_px, camera.height_px)
    x, y = np.meshgrid(left + np.arange(width) + 0.5, top + np.arange(height) + 0.5)
    _, directions = camera.rays(np.stack([x, y], axis=-1).reshape(-1, 2))
    towards = -directions.reshape(height, width, 3)
    side = np.sum(geometric * towards, axis=2)
    cosine = np.sum(shading * towards, axis=2) * np.sign(side)
    smoothed = np.linalg.norm(shading - geometric, axis=2) > SMOOTHED
    return np.asarray(smoothed & (cosine < AVERTED_COSINE))
