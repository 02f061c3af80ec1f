"""Our viewer images are what three.js shows of the same baked-like asset."""

from __future__ import annotations

import importlib.util
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nightproof.rendering.tracer import Tracer
from nightproof.rendering.viewer import viewer_image
from nightproof.scenes.camera import look_at
from nightproof.scenes.flatten import flatten
from nightproof.scenes.glb import write_glb
from nightproof.scenes.gltf import load_gltf

_SPEC = importlib.util.spec_from_file_location(
    "threejs_view", Path(__file__).parents[2] / "benchmarks" / "threejs_view.py"
)
threejs = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(threejs)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not threejs.available(), reason="needs chromium and npm"),
]


def baked_like_glb() -> bytes:
    """A floor and a wall, unlit, one smooth picture on TEXCOORD_1; TEXCOORD_0 holds nonsense on purpose."""
    positions = np.array(
        [(-2, 0, 2), (2, 0, 2), (2, 0, -2), (-2, 0, -2), (-2, 0, -2), (2, 0, -2), (2, 3, -2), (-2, 3, -2)], np.float32
    )
    atlas = np.array([(0, 0.5), (1, 0.5), (1, 0), (0, 0), (0, 1), (1, 1), (1, 0.5), (0, 0.5)], np.float32)
    faces = np.array([(0, 1, 2), (0, 2, 3), (4, 5, 6), (4, 6, 7)], np.uint16)
    y, x = np.mgrid[0:128, 0:128] / 128
    picture = np.stack([0.5 + 0.4 * np.sin(9 * x), 0.2 + 0.7 * y, 0.5 + 0.4 * np.cos(7 * x + 5 * y)], -1)
    png = BytesIO()
    Image.fromarray((picture * 255).astype(np.uint8)).save(png, "PNG")
    chunks = [positions.tobytes(), (atlas[::-1] * 0.3).tobytes(), atlas.tobytes(), faces.tobytes(), png.getvalue()]
    views, binary = [], b""
    for chunk in chunks:
        binary += b"\0" * (-len(binary) % 4)
        views.append({"buffer": 0, "byteOffset": len(binary), "byteLength": len(chunk)})
        binary += chunk
    accessors = [
        {"bufferView": 0, "componentType": 5126, "count": 8, "type": "VEC3", "min": [-2, 0, -2], "max": [2, 3, 2]},
        {"bufferView": 1, "componentType": 5126, "count": 8, "type": "VEC2"},
        {"bufferView": 2, "componentType": 5126, "count": 8, "type": "VEC2"},
        {"bufferView": 3, "componentType": 5123, "count": 12, "type": "SCALAR"},
    ]
    primitive = {"attributes": {"POSITION": 0, "TEXCOORD_0": 1, "TEXCOORD_1": 2}, "indices": 3, "material": 0}
    material = {
        "pbrMetallicRoughness": {"baseColorTexture": {"index": 0, "texCoord": 1}},
        "extensions": {"KHR_materials_unlit": {}},
    }
    return write_glb(
        {
            "asset": {"version": "2.0"},
            "extensionsUsed": ["KHR_materials_unlit"],
            "scene": 0,
            "scenes": [{"nodes": [0]}],
            "nodes": [{"mesh": 0}],
            "meshes": [{"primitives": [primitive]}],
            "materials": [material],
            "textures": [{"source": 0, "sampler": 0}],
            "samplers": [{"magFilter": 9729, "minFilter": 9987, "wrapS": 33071, "wrapT": 33071}],
            "images": [{"bufferView": 4, "mimeType": "image/png"}],
            "accessors": accessors,
            "bufferViews": views,
            "buffers": [{"byteLength": len(binary)}],
        },
        binary,
    )


def srgb(linear):
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * np.maximum(linear, 0) ** (1 / 2.4) - 0.055)


def test_our_viewer_image_is_what_threejs_shows(tmp_path):
    """PSNR ≥ 40 dB on display values; the same image turned upside down is far off."""
    glb = baked_like_glb()
    path = tmp_path / "baked.glb"
    path.write_bytes(glb)
    camera = look_at(np.array([1.0, 1.6, 5.0]), np.array([0.0, 1.0, 0.0]), yfov_rad=0.9, width_px=160, height_px=120)
    theirs = srgb(threejs.show(glb, camera, supersample=4))
    tracer = Tracer(flatten(load_gltf(path)), threads=2)
    ours = srgb(np.clip(viewer_image(tracer, camera, supersamples=4), 0, 1))
    psnr_db = -10 * np.log10(np.mean((ours - theirs) ** 2))
    print(f"PSNR {psnr_db:.1f} dB")
    assert psnr_db >= 40
    assert -10 * np.log10(np.mean((ours[::-1] - theirs) ** 2)) < 25
