"""Lights as stock Mitsuba emitters: the environment, punctual lights, glowing surfaces."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float, Float32

from nightproof.scenes.flat import Environment, PunctualLight

Array = np.ndarray

CONE_TEXELS = 512
"""Resolution of the picture that a spot light projects to have glTF's soft edge."""
WIDEST_CONE_RAD = np.radians(89.9)


def environment_emitter(mi: Any, environment: Environment) -> dict[str, Any]:
    """The environment, made so that Mitsuba interpolates exactly our bilinear map.

    Ours has texels at half integers and is clamped at the poles; Mitsuba puts the first and last row on the poles,
    and the map's centre to +Z.
    """
    return {
        "type": "envmap",
        "bitmap": mi.Bitmap(polar_rows(environment.radiance)),
        "to_world": mi.ScalarTransform4f().rotate([0, 1, 0], 180),
    }


def polar_rows(radiance: Float32[Array, "h w 3"]) -> Float32[Array, "2h+1 w 3"]:
    """Rows at θ = π j / 2h, which hold every knot of the bilinear function with rows at θ = π (j + ½) / h."""
    height = len(radiance)
    at = np.clip(np.arange(2 * height + 1) / 2 - 0.5, 0, height - 1)
    low = np.floor(at).astype(np.int64)
    weight = (at - low).astype(np.float32)[:, None, None]
    rows = radiance[low] * (1 - weight) + radiance[np.minimum(low + 1, height - 1)] * weight
    rows = np.repeat(rows, 2, axis=1) if rows.shape[1] < 2 else rows
    return np.ascontiguousarray(rows, np.float32)


def punctual_emitter(mi: Any, light: PunctualLight) -> dict[str, Any]:
    """A KHR_lights_punctual light. Its range is ignored: light falls off with the square of the distance alone."""
    strength = {"type": "rgb", "value": [float(channel) * light.intensity for channel in light.color]}
    if light.kind == "directional":
        return {"type": "directional", "direction": list(map(float, light.direction)), "irradiance": strength}
    if light.kind == "point":
        return {"type": "point", "position": list(map(float, light.position_m)), "intensity": strength}
    outer = min(light.outer_cone_rad, WIDEST_CONE_RAD)
    degrees = float(np.degrees(outer))
    return {
        "type": "spot",
        "to_world": mi.ScalarTransform4f(_frame(light)),
        "intensity": strength,
        "cutoff_angle": degrees,
        "beam_width": degrees * 0.99999,
        "texture": {
            "type": "bitmap",
            "bitmap": mi.Bitmap(spot_picture(light.inner_cone_rad, outer)),
            "raw": True,
            "wrap_mode": "clamp",
        },
    }


def spot_picture(inner_rad: float, outer_rad: float) -> Float32[Array, "n n 3"]:
    """glTF's attenuation ((cos θ − cos outer) / (cos inner − cos outer))² over the plane that the cone cuts."""
    axis = (np.arange(CONE_TEXELS) + 0.5) / CONE_TEXELS * 2 - 1
    tangent = np.hypot(*np.meshgrid(axis, axis)) * np.tan(outer_rad)
    cosine = 1 / np.sqrt(1 + tangent**2)
    edge = max(np.cos(min(inner_rad, outer_rad)) - np.cos(outer_rad), 1e-3)  # glTF's own floor
    attenuation = np.clip((cosine - np.cos(outer_rad)) / edge, 0, 1) ** 2
    return np.repeat(attenuation[..., None], 3, axis=2).astype(np.float32)


def _frame(light: PunctualLight) -> Float[Array, "4 4"]:
    """Light space, +z the way it shines."""
    forward = np.asarray(light.direction, np.float64)
    forward = forward / np.linalg.norm(forward)
    helper = np.array([1.0, 0, 0]) if abs(forward[0]) < 0.9 else np.array([0, 1.0, 0])
    right = np.cross(helper, forward)
    right /= np.linalg.norm(right)
    frame = np.eye(4)
    frame[:3, 0], frame[:3, 1], frame[:3, 2] = right, np.cross(forward, right), forward
    frame[:3, 3] = light.position_m
    return frame
