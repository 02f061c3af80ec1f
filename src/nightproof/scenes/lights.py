"""Punctual lights and cameras of the shown nodes, in world space."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float64

from nightproof.scenes.camera import Camera
from nightproof.scenes.fields import Fields
from nightproof.scenes.flat import PunctualLight
from nightproof.scenes.gltf import GltfDocument
from nightproof.scenes.nodes import Placement

Array = np.ndarray
LIGHTS = "KHR_lights_punctual"
CAMERA_HEIGHT_PX = 720
"""Nominal: whoever renders chooses the size; the aspect ratio is what the file says, 16:9 where it says nothing."""


def read_lights(document: GltfDocument, placement: Placement) -> tuple[PunctualLight, ...]:
    extension = document.root.extension(LIGHTS)
    lights = list(extension.children("lights")) if extension else []
    found = []
    for node in placement.shown:
        used = document.fields("nodes", node).extension(LIGHTS)
        if used is not None:
            index = used.integer("light")
            if index >= len(lights):
                raise used.broken("light", f"refers to light {index} of {len(lights)}")
            found.append(_light(lights[index], placement.worlds[node]))
    return tuple(found)


def _light(light: Fields, world: Float64[Array, "4 4"]) -> PunctualLight:
    kind = light.text("type")
    if kind not in ("directional", "point", "spot"):
        raise light.broken("type", f"{kind[:20]!r} is no kind of light")
    spot = light.child("spot") or Fields({}, light.pointer, light.root)
    outer = spot.number("outerConeAngle", math.pi / 4, 0, math.pi / 2)
    range_m = light.number("range", math.inf, 0) if "range" in light else math.inf
    return PunctualLight(
        kind,
        _triple(light.numbers("color", 3, (1.0, 1.0, 1.0))),
        light.number("intensity", 1.0, 0),
        _triple(world[:3, 3]),
        _triple(_unit(-world[:3, 2], (0.0, 0.0, -1.0))),
        range_m if range_m > 0 else math.inf,
        min(spot.number("innerConeAngle", 0.0, 0), outer),
        outer,
    )


def read_cameras(document: GltfDocument, placement: Placement, notes: list[str]) -> tuple[Camera, ...]:
    found = []
    for node in placement.shown:
        fields = document.fields("nodes", node)
        index = fields.reference("camera", "cameras")
        if index is None:
            continue
        camera = document.fields("cameras", index)
        matrix = rigid(placement.worlds[node])
        if camera.text("type") != "perspective" or matrix is None:
            notes.append(f"{camera.pointer}: only perspective cameras with a place of their own are used")
            continue
        found.append(_camera(camera, matrix, camera.text("name", "") or fields.text("name", "")))
    return tuple(found)


def _camera(camera: Fields, matrix: Float64[Array, "4 4"], name: str) -> Camera:
    lens = camera.child("perspective")
    if lens is None:
        raise camera.broken("", "`perspective` is missing")
    aspect = lens.number("aspectRatio", 16 / 9, 1e-3, 1e3)
    yfov = lens.number("yfov", None, 1e-4, math.pi - 1e-4)
    return Camera(matrix, yfov, max(1, round(CAMERA_HEIGHT_PX * aspect)), CAMERA_HEIGHT_PX, name=name)


def rigid(world: Float64[Array, "4 4"]) -> Float64[Array, "4 4"] | None:
    """The place and direction of a node without its scale and shear; None where nothing is left."""
    backward, up = world[:3, 2], world[:3, 1]
    right = np.cross(up, backward)
    if min(np.linalg.norm(backward), np.linalg.norm(right)) < 1e-12:
        return None
    result = np.eye(4)
    result[:3, 2] = backward / np.linalg.norm(backward)
    result[:3, 0] = right / np.linalg.norm(right)
    result[:3, 1] = np.cross(result[:3, 2], result[:3, 0])
    result[:3, 3] = world[:3, 3]
    return result


def _unit(vector: Array, fallback: tuple[float, float, float]) -> Array:
    length = np.linalg.norm(vector)
    return vector / length if length > 1e-12 else np.array(fallback)


def _triple(values: Array | tuple[float, ...]) -> tuple[float, float, float]:
    x, y, z = (float(value) for value in values)
    return x, y, z
