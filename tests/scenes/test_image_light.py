"""A scene's own image-based light: where its faces look, how bright they are, and that it is used and named."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from nightproof.scenes import image_light
from nightproof.scenes.broken import BrokenScene, SceneTooLarge
from nightproof.scenes.environment import directions, solid_angles
from nightproof.scenes.gltf import parse_glb, write_glb
from nightproof.scenes.harmonics import harmonics
from nightproof.scenes.image_light import scene_environment
from nightproof.scenes.images import decode_image

COLORS = [(1, 0, 0), (0, 1, 1), (0, 1, 0), (1, 0, 1), (0, 0, 1), (1, 1, 0)]
"""Of +x, −x, +y, −y, +z, −z."""
AXES = [(1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1)]
ZEROS = [[0, 0, 0]] * 9


def encoded(pixels, form="PNG") -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.asarray(pixels, np.uint8)).save(stream, form)
    return stream.getvalue()


def document(images=(), light: dict | None = None, **scene):
    binary, views = b"", []
    for data in images:
        views.append({"buffer": 0, "byteOffset": len(binary), "byteLength": len(data)})
        binary += data + bytes(-len(data) % 4)
    held = {"irradianceCoefficients": ZEROS, "specularImageSize": 8} | (
        {"specularImages": [list(range(6))]} if images else {}
    )
    json = {
        "asset": {"version": "2.0"},
        "scenes": [{"extensions": {"EXT_lights_image_based": {"light": 0}}} | scene],
        "extensions": {"EXT_lights_image_based": {"lights": [held | (light or {})]}},
        "images": [{"bufferView": i, "mimeType": "image/png"} for i in range(len(views))],
        "bufferViews": views,
        "buffers": [{"byteLength": max(len(binary), 4)}],
    }
    return parse_glb(write_glb(json, binary or bytes(4)))


def plain_faces() -> list[bytes]:
    return [encoded(np.tile(np.array(color) * 255, (8, 8, 1))) for color in COLORS]


def seen(environment, direction) -> np.ndarray:
    height, width = environment.radiance.shape[:2]
    nearest = (directions(height, width) @ np.array(direction, float)).argmax()
    return environment.radiance.reshape(-1, 3)[nearest]


def test_each_face_lights_from_where_it_is():
    environment = scene_environment(document(plain_faces()))
    for axis, color in zip(AXES, COLORS, strict=True):
        assert seen(environment, axis).tolist() == list(color)


def test_faces_stand_as_they_are_seen_from_within():
    """The right half of the face at −z is towards +x, its upper half towards +y."""
    face = np.zeros((8, 8, 3))
    face[:, 4:, 0] = 255
    face[:4, :, 1] = 255
    environment = scene_environment(document([encoded(face)] * 6))
    assert seen(environment, (0.5, 0.5, -1)).tolist() == [1, 1, 0]
    assert seen(environment, (-0.5, 0.5, -1)).tolist() == [0, 1, 0]
    assert seen(environment, (0.5, -0.5, -1)).tolist() == [1, 0, 0]
    # of +x, the right half is towards +z; of +z, towards −x
    assert seen(environment, (1, -0.5, 0.5))[0] == 1 and seen(environment, (-0.5, -0.5, 1))[0] == 1
    # above, the upper half is towards −z and the right one towards −x; below, the upper half is towards +z
    assert seen(environment, (-0.5, 1, -0.5)).tolist() == [1, 1, 0]
    assert seen(environment, (-0.5, -1, 0.5)).tolist() == [1, 1, 0]


def test_neighbouring_faces_meet_without_a_seam():
    """A cube painted by direction comes back as that direction everywhere, edges and corners too."""
    from nightproof.scenes.image_light import FACES

    grid = (np.arange(64) + 0.5) / 32 - 1
    faces = []
    for forward, right, up in np.array(FACES, float):
        looks = forward + grid[None, :, None] * right - grid[:, None, None] * up
        faces.append(encoded(np.round((looks / np.abs(looks).max(axis=2, keepdims=True) + 1) * 127.5)))
    found = scene_environment(document(faces)).radiance.astype(float)
    srgb = np.where(found <= 0.0031308, 12.92 * found, 1.055 * found ** (1 / 2.4) - 0.055)
    looks = directions(*found.shape[:2])
    meant = (looks / np.abs(looks).max(axis=2, keepdims=True) + 1) / 2
    assert np.abs(srgb - meant).max() < 0.02


def test_rgbd_is_brighter_than_white_and_intensity_multiplies():
    face = np.tile(np.array([255, 255, 255, 51]), (4, 4, 1))
    environment = scene_environment(document([encoded(face)] * 6, {"intensity": 3}))
    assert environment.radiance == pytest.approx(15.0)


def test_a_turned_light_turns_with_its_quaternion():
    half = 2**-0.5  # 90° about y: what shone from +z shines from +x
    environment = scene_environment(document(plain_faces(), {"rotation": [0, half, 0, half]}))
    assert seen(environment, (1, 0, 0)).tolist() == list(COLORS[4])


def test_without_images_the_irradiance_is_that_of_its_coefficients():
    rows = np.zeros((9, 3))
    rows[0], rows[1], rows[6] = 3.0, (0.4, 0.3, 0.0), 0.2
    environment = scene_environment(document(light={"irradianceCoefficients": rows.tolist()}))
    height, width = environment.radiance.shape[:2]
    looks = directions(height, width)
    weights = np.broadcast_to(solid_angles(height, width)[:, :1], (height, width))
    for normal in np.array([(0, 1, 0), (0.6, 0, 0.8), (0, -1, 0)], float):
        cosine = np.maximum(looks @ normal, 0) * weights
        irradiance = (environment.radiance * cosine[..., None]).sum(axis=(0, 1))
        assert irradiance == pytest.approx(harmonics(normal) @ rows, rel=5e-3)


BROKEN = {
    "light_beyond": {"extensions": {"EXT_lights_image_based": {"light": 1}}},
    "five_faces": {"specularImages": [[0, 1, 2, 3, 4]]},
    "image_beyond": {"specularImages": [[0, 1, 2, 3, 4, 9]]},
    "faces_no_list": {"specularImages": [7]},
    "coefficients_missing": {"specularImages": [], "irradianceCoefficients": [[1, 2, 3]]},
    "coefficients_short": {"specularImages": [], "irradianceCoefficients": [[1, 2]] * 9},
    "intensity_negative": {"intensity": -1},
    "rotation_short": {"rotation": [0, 0, 1]},
}


@pytest.mark.parametrize("defect", BROKEN)
def test_a_broken_light_is_refused(defect):
    change = BROKEN[defect]
    held = document(plain_faces(), **change) if "extensions" in change else document(plain_faces(), change)
    with pytest.raises(BrokenScene):
        scene_environment(held)


def test_faces_of_several_sizes_are_refused():
    faces = [*plain_faces()[:5], encoded(np.zeros((4, 4, 3)))]
    with pytest.raises(BrokenScene, match="one size"):
        scene_environment(document(faces))


def test_a_scene_without_its_own_light_has_none():
    assert scene_environment(document(extensions={})) is None


def test_one_image_for_six_faces_is_decoded_once(monkeypatch):
    decoded = []
    monkeypatch.setattr(image_light, "decode_image", lambda *a: decoded.append(a) or decode_image(*a))
    scene_environment(document([plain_faces()[0]], {"specularImages": [[0] * 6]}))
    assert len(decoded) == 1


def test_a_face_is_shrunk_in_bands_to_what_the_whole_would_give(monkeypatch):
    pixels = np.random.default_rng(1).integers(0, 256, (50, 50, 4), np.uint8)
    monkeypatch.setattr(image_light, "FACE_LIMIT_PX", 17)
    whole = image_light._linear(pixels, "image/png")
    monkeypatch.setattr(image_light, "BAND_PX", 4)
    np.testing.assert_allclose(image_light._linear(pixels, "image/png"), whole, rtol=1e-6)
    light = image_light._as_light(pixels, "image/png")[:48, :48].reshape(16, 3, 16, 3, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(whole, light, rtol=1e-5)


def test_faces_beyond_the_limit_are_refused_before_they_are_decoded(monkeypatch):
    monkeypatch.setattr(image_light, "FACE_MOST_PX", 7)
    monkeypatch.setattr(image_light, "decode_image", None)
    with pytest.raises(SceneTooLarge, match="/images/0: a side of 8 pixels"):
        scene_environment(document(plain_faces()))
