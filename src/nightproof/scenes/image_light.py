"""EXT_lights_image_based: the light that a scene brings along, as an equirectangular map of radiance.

The specification is by Hsu and Bond (Khronos vendor extension). A cube's images are stored as they are seen from its
middle, +Y up on the four sides; 4-channel PNGs are RGBD (colour on the sRGB curve, divided by alpha), others plain.
Mip 0 is the mirror-sharp one, hence the light itself; where it cannot be had, the nine coefficients of irradiance are
turned back into radiance (Ramamoorthi and Hanrahan 2001), which is right for diffuse surfaces only.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from jaxtyping import Float32, Float64

from nightproof.errors import UnusableInput
from nightproof.scenes.broken import SceneTooLarge
from nightproof.scenes.environment import directions, named_environment
from nightproof.scenes.fields import Fields
from nightproof.scenes.flat import Environment
from nightproof.scenes.gltf import GltfDocument
from nightproof.scenes.harmonics import COSINE, harmonics
from nightproof.scenes.images import decode_image, image_size, is_decodable
from nightproof.scenes.nodes import compose
from nightproof.scenes.srgb import LINEAR_OF_BYTE

Array = np.ndarray
EXTENSION = "EXT_lights_image_based"
NAME = "scene"
"""What `--environment` and records call it."""
FACE_MOST_PX = 4096
BAND_PX = 64
FACE_LIMIT_PX = 1024
"""Larger faces are averaged down: an equirectangular map four faces wide is enough for what lights by it."""
SMOOTH_HEIGHT = 64
FACES = (
    # forward, right, up as seen from the middle
    ((1, 0, 0), (0, 0, 1), (0, 1, 0)),
    ((-1, 0, 0), (0, 0, -1), (0, 1, 0)),
    ((0, 1, 0), (-1, 0, 0), (0, 0, -1)),
    ((0, -1, 0), (-1, 0, 0), (0, 0, 1)),
    ((0, 0, 1), (-1, 0, 0), (0, 1, 0)),
    ((0, 0, -1), (1, 0, 0), (0, 1, 0)),
)


def lights_itself(json: dict[str, Any]) -> bool:
    """Whether the scene that is shown names an image-based light of the file."""
    scenes, shown = json.get("scenes", []), json.get("scene", 0)
    scene = scenes[shown] if isinstance(shown, int) and 0 <= shown < len(scenes) else {}
    extensions = scene.get("extensions", {}) if isinstance(scene, dict) else {}
    return isinstance(extensions, dict) and EXTENSION in extensions


def scene_environment(document: GltfDocument) -> Environment | None:
    """The light of the shown scene; None where it brings none. Raises BrokenScene."""
    if not lights_itself(document.json):
        return None
    shown = document.fields("scenes", document.root.reference("scene", "scenes") or 0).extension(EXTENSION)
    root = document.root.extension(EXTENSION)
    assert shown is not None
    lights = list(root.children("lights")) if root else []
    index = shown.integer("light")
    if index >= len(lights):
        raise shown.broken("light", f"refers to light {index} of {len(lights)}")
    light = lights[index]
    turn = compose(np.zeros((1, 3)), np.array([light.numbers("rotation", 4, (0, 0, 0, 1))]), np.ones((1, 3)))[0, :3, :3]
    intensity = light.number("intensity", 1.0, 0, 1e9)
    faces = _faces(document, light)
    height = SMOOTH_HEIGHT if faces is None else 2 * faces.shape[1]
    looks = directions(height, 2 * height) @ turn  # into the light's own space: the inverse of its turn
    radiance = _irradiance_as_radiance(light, looks) if faces is None else sampled_cube(faces, looks)
    return Environment(np.ascontiguousarray(radiance * intensity, np.float32), NAME)


def environment_of(name: str, document: GltfDocument) -> Environment | None:
    """The environment of a name, for a document: `scene` is its own. Raises UnusableInput where it has none."""
    if name != NAME:
        return named_environment(name)
    environment = scene_environment(document)
    if environment is None:
        raise UnusableInput(
            "the scene brings no image-based light (EXT_lights_image_based)",
            hint="Choose another with --environment: auto, none, studio, sky, or a file.",
        )
    return environment


def _faces(document: GltfDocument, light: Fields) -> Float32[Array, "6 n n 3"] | None:
    """The sharpest images, linear; None where there are none or they cannot be decoded here."""
    mips = light.value.get("specularImages")
    if not mips:
        return None
    if not isinstance(mips, list) or not isinstance(mips[0], list) or len(mips[0]) != len(FACES):
        raise light.broken("specularImages", "expected six images for each mip")
    holder = Fields({"0": mips[0]}, light.at("specularImages"), light.root)
    indices = holder.references("0", "images")
    decoded: dict[int, Array] = {}
    for index in dict.fromkeys(indices):
        data, mime = document.image(index)
        if not is_decodable(mime):
            return None
        pointer = f"/images/{index}"
        width, height = image_size(data, mime, pointer)
        if max(width, height) > FACE_MOST_PX:
            raise SceneTooLarge(f"a side of {max(width, height)} pixels; at most {FACE_MOST_PX} are read", pointer)
        document.take(4 * width * height, pointer)
        decoded[index] = _linear(decode_image(data, mime, pointer), mime)
    faces = [decoded[index] for index in indices]
    sizes = {face.shape for face in faces}
    if len(sizes) > 1 or faces[0].shape[0] != faces[0].shape[1]:
        raise light.broken("specularImages", "its images are not squares of one size")
    return np.stack(faces)


def _linear(pixels: Array, mime: str) -> Float32[Array, "n n 3"]:
    """A large square smaller, band by band: as floats, all of it takes four times the memory of its bytes."""
    size = len(pixels)
    step = math.ceil(size / FACE_LIMIT_PX) if pixels.shape[1] == size else 1
    kept = size // step
    bands = [
        _shrunk(_as_light(pixels[step * first : step * min(first + BAND_PX, kept), : step * kept], mime), step)
        for first in range(0, kept, BAND_PX)
    ]
    return np.concatenate(bands)


def _as_light(pixels: Array, mime: str) -> Float32[Array, "h w 3"]:
    values = LINEAR_OF_BYTE.astype(np.float32)[pixels[..., :3]]
    if mime == "image/png":
        values = values * np.float32(255) / np.maximum(pixels[..., 3:], 1).astype(np.float32)
    return values


def _shrunk(values: Float32[Array, "h w 3"], step: int) -> Float32[Array, "h2 w2 3"]:
    if step == 1:
        return values
    height, width = values.shape[0] // step, values.shape[1] // step
    return values.reshape(height, step, width, step, 3).mean(axis=(1, 3), dtype=np.float32)


def sampled_cube(faces: Float32[Array, "6 n n 3"], looks: Float64[Array, "h w 3"]) -> Float64[Array, "h w 3"]:
    """What a cube shows along directions, bilinear within each face."""
    axes = np.array(FACES, float)
    depth = looks @ axes[:, 0].T
    face = depth.argmax(axis=-1)
    ahead = np.take_along_axis(depth, face[..., None], axis=-1)[..., 0]
    across = (looks * axes[face, 1]).sum(axis=-1) / ahead
    rise = (looks * axes[face, 2]).sum(axis=-1) / ahead
    size = faces.shape[1]
    x = np.clip((across + 1) / 2 * size - 0.5, 0, size - 1)
    y = np.clip((1 - rise) / 2 * size - 0.5, 0, size - 1)
    x0, y0 = np.floor(x).astype(int), np.floor(y).astype(int)
    x1, y1 = np.minimum(x0 + 1, size - 1), np.minimum(y0 + 1, size - 1)
    fx, fy = (x - x0)[..., None], (y - y0)[..., None]
    upper = faces[face, y0, x0] * (1 - fx) + faces[face, y0, x1] * fx
    lower = faces[face, y1, x0] * (1 - fx) + faces[face, y1, x1] * fx
    return upper * (1 - fy) + lower * fy


def _irradiance_as_radiance(light: Fields, looks: Float64[Array, "h w 3"]) -> Float64[Array, "h w 3"]:
    rows = light.value.get("irradianceCoefficients")
    if not isinstance(rows, list) or len(rows) != 9:
        raise light.broken("irradianceCoefficients", "expected nine rows of three numbers")
    holder = Fields({str(i): row for i, row in enumerate(rows)}, light.at("irradianceCoefficients"), light.root)
    coefficients = np.array([holder.numbers(str(i), 3) for i in range(9)])
    return np.maximum(harmonics(looks) @ (coefficients / COSINE[:, None]), 0)
