"""Light from infinitely far away: two procedural environments of our own, and maps that users bring.

Both are deterministic, small and smooth enough to be sampled well by a table of their texels: the sun's disc is drawn
wide enough for the map to resolve, with the energy that a sun of its class brings.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from nightproof.errors import UnusableInput
from nightproof.scenes.exr import read_exr
from nightproof.scenes.flat import Environment
from nightproof.scenes.radiance_hdr import read_hdr

Array = np.ndarray
WIDTH, HEIGHT = 256, 128
SUN_DIRECTION = (0.45, 0.66, 0.60)
"""Up, right of and behind a camera that looks along −Z; normalised where used."""
SUN_RADIUS_RAD = np.radians(2.5)
SUN_IRRADIANCE = 9.0
"""On a surface that faces the sun, where the sky's mean radiance is 1: a clear day has 3 to 5 times its skylight."""
TURBIDITY = 2.6
GROUND_ALBEDO = 0.28
NAMED_ENVIRONMENTS = ("none", "studio", "sky", "scene")
"""What may be asked for by name. `scene` is light that only the document knows: `image_light.environment_of` has it."""


class BrokenEnvironment(UnusableInput):
    """An environment map cannot be used."""

    hint = "Give an equirectangular .hdr (Radiance) or .exr (scan lines; ZIP, RLE or no compression)."


def named_environment(name: str) -> Environment | None:
    """`studio`, `sky`, or None for `none`. Raises UnusableInput for any other name."""
    if name == "none":
        return None
    if name not in _NAMED:
        raise BrokenEnvironment(f"no environment is called {name!r}", hint="Use none, studio, sky, or a file.")
    return Environment(_NAMED[name](), name)


def read_environment(path: Path) -> Environment:
    """An equirectangular map from a .hdr or .exr file, as linear radiance. Raises UnusableInput."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BrokenEnvironment(f"{path}: {error.strerror}", hint="Check the path and its permissions.") from None
    try:
        radiance = read_exr(data)[..., :3] if data[:4] == b"\x76\x2f\x31\x01" else read_hdr(data)
    except ValueError as error:
        raise BrokenEnvironment(f"{path.name}: {error}") from None
    if radiance.shape[2] != 3:
        radiance = np.repeat(radiance[..., :1], 3, axis=2)
    clean = np.nan_to_num(radiance, nan=0.0, posinf=65504.0, neginf=0.0)
    return Environment(np.ascontiguousarray(np.maximum(clean, 0), np.float32), path.name)


def directions(height: int, width: int) -> Float64[Array, "h w 3"]:
    """Where the texel centres of a map look (the convention of `flat.Environment`)."""
    theta = np.pi * (np.arange(height) + 0.5) / height
    phi = 2 * np.pi * ((np.arange(width) + 0.5) / width - 0.5)
    sine = np.sin(theta)[:, None]
    up = np.broadcast_to(np.cos(theta)[:, None], (height, width))
    return np.stack([sine * np.sin(phi), up, -sine * np.cos(phi)], axis=2)


def solid_angles(height: int, width: int) -> Float64[Array, "h 1"]:
    """Steradians of a texel, by row."""
    edges = np.cos(np.pi * np.arange(height + 1) / height)
    return ((edges[:-1] - edges[1:]) * 2 * np.pi / width)[:, None]


@dataclass(frozen=True)
class Softbox:
    """A rectangular lamp with soft edges, far away."""

    toward: tuple[float, float, float]
    half_width: float
    half_height: float
    """Tangents of half its angles."""
    radiance: tuple[float, float, float]
    softness: float = 0.12


STUDIO = (
    Softbox((-0.75, 0.62, 0.75), 0.55, 0.42, (7.6, 7.3, 6.8)),  # key: front left, warm
    Softbox((1.0, 0.32, 0.35), 0.35, 0.65, (2.7, 2.8, 3.0)),  # fill: right, cool
    Softbox((0.15, 1.0, -0.1), 0.60, 0.60, (3.4, 3.4, 3.4), 0.2),  # overhead
    Softbox((-0.35, 0.42, -1.0), 0.9, 0.16, (4.4, 4.5, 4.8)),  # rim: a strip behind
)


def _studio() -> Array:
    looks = directions(HEIGHT, WIDTH)
    rise = _smooth((looks[..., 1] + 0.55) / 1.3)[..., None]
    radiance = np.array([0.20, 0.195, 0.19]) * (1 - rise) + np.array([0.46, 0.47, 0.49]) * rise
    for box in STUDIO:
        radiance = radiance + _softbox(looks, box)[..., None] * np.array(box.radiance)
    return radiance.astype(np.float32)


def _softbox(looks: Array, box: Softbox) -> Array:
    forward = np.array(box.toward) / np.linalg.norm(box.toward)
    right = np.cross((0.0, 1.0, 0.0), forward)
    right /= np.linalg.norm(right)
    depth = looks @ forward
    safe = np.maximum(depth, 1e-3)
    x, y = np.abs(looks @ right) / safe, np.abs(looks @ np.cross(forward, right)) / safe
    inside = _smooth((box.half_width - x) / box.softness + 0.5) * _smooth((box.half_height - y) / box.softness + 0.5)
    return np.where(depth > 0.05, inside, 0.0)


def _sky() -> Array:
    """Preetham, Shirley, Smits: A Practical Analytic Model for Daylight (1999), above a plain ground, with a sun."""
    looks = directions(HEIGHT, WIDTH)
    sun = np.array(SUN_DIRECTION) / np.linalg.norm(SUN_DIRECTION)
    above = looks.copy()
    above[..., 1] = np.maximum(above[..., 1], 0.01)
    above /= np.linalg.norm(above, axis=2, keepdims=True)
    sky = _daylight(above[..., 1], np.clip(above @ sun, -1, 1), float(np.arccos(sun[1])))
    upper = (looks[..., 1] > 0)[..., None] * solid_angles(HEIGHT, WIDTH)[..., None]
    sky /= (sky.mean(axis=2, keepdims=True) * upper).sum() / upper.sum()
    skylight = (sky * upper * np.maximum(looks[..., 1:2], 0)).sum(axis=(0, 1))
    ground = GROUND_ALBEDO / np.pi * (skylight + SUN_IRRADIANCE * sun[1]) * np.array([1.0, 0.94, 0.85])
    horizon = _smooth(looks[..., 1:2] / 0.06 + 0.5)
    return (sky * horizon + ground * (1 - horizon) + _sun(sun)).astype(np.float32)


def _daylight(up: Array, toward_sun: Array, sun_zenith: float) -> Array:
    """Linear sRGB, up to a factor; `up` and `toward_sun` are cosines."""
    t, s = TURBIDITY, sun_zenith
    powers = np.array([s**3, s**2, s, 1.0])
    chi = (4 / 9 - t / 120) * (np.pi - 2 * s)
    zenith = np.array([(4.0453 * t - 4.9710) * np.tan(chi) - 0.2155 * t + 2.4192, *(_ZENITH @ powers @ (t * t, t, 1))])
    perez = _PEREZ @ (t, 1.0)
    gamma = np.arccos(toward_sun)
    channels = []
    for (a, b, c, d, e), value in zip(perez, zenith, strict=True):
        there = (1 + a * np.exp(b / up)) * (1 + c * np.exp(d * gamma) + e * toward_sun**2)
        at_zenith = (1 + a * np.exp(b)) * (1 + c * np.exp(d * s) + e * np.cos(s) ** 2)
        channels.append(value * there / at_zenith)
    luminance, x, y = channels
    xyz = np.stack([luminance * x / y, luminance, luminance * (1 - x - y) / y], axis=2)
    return np.maximum(xyz @ _XYZ_TO_SRGB.T, 0)


def _sun(sun: Array) -> Array:
    """The disc, with soft rim, drawn finer than the map; its irradiance is exact whatever the texels are."""
    fine = 4
    angle = np.arccos(np.clip(directions(HEIGHT * fine, WIDTH * fine) @ sun, -1, 1))
    disc = _smooth((SUN_RADIUS_RAD - angle) / (0.3 * SUN_RADIUS_RAD) + 0.5)
    texels = disc.reshape(HEIGHT, fine, WIDTH, fine).mean(axis=(1, 3))
    facing = np.maximum(directions(HEIGHT, WIDTH) @ sun, 0)
    texels *= SUN_IRRADIANCE / (texels * facing * solid_angles(HEIGHT, WIDTH)).sum()
    return texels[..., None] * np.array([1.06, 1.0, 0.90])


def _smooth(x: Array) -> Array:
    x = np.clip(x, 0, 1)
    return x * x * (3 - 2 * x)


_PEREZ = np.array(
    [
        [[0.1787, -1.4630], [-0.3554, 0.4275], [-0.0227, 5.3251], [0.1206, -2.5771], [-0.0670, 0.3703]],
        [[-0.0193, -0.2592], [-0.0665, 0.0008], [-0.0004, 0.2125], [-0.0641, -0.8989], [-0.0033, 0.0452]],
        [[-0.0167, -0.2608], [-0.0950, 0.0092], [-0.0079, 0.2102], [-0.0441, -1.6537], [-0.0109, 0.0529]],
    ]
)
"""Appendix A.2 of the paper, for Y, x, y: a to e, each (turbidity, 1)."""
_ZENITH = np.array(
    [
        [
            [0.00166, -0.00375, 0.00209, 0.0],
            [-0.02903, 0.06377, -0.03202, 0.00394],
            [0.11693, -0.21196, 0.06052, 0.25886],
        ],
        [
            [0.00275, -0.00610, 0.00317, 0.0],
            [-0.04214, 0.08970, -0.04153, 0.00516],
            [0.15346, -0.26756, 0.06670, 0.26688],
        ],
    ]
)
_XYZ_TO_SRGB = np.array([[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.2040, 1.0570]])
_NAMED: dict[str, Callable[[], Array]] = {"studio": _studio, "sky": _sky}
