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
from nightproof.scenes.gltf import load_gltf, parse_glb

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
    theirs, ours = srgb(threejs.show(glb, CAMERA, supersample=4)), ours_of(path)
    print(f"PSNR {psnr_db(ours, theirs):.1f} dB")
    assert psnr_db(ours, theirs) >= 40
    assert psnr_db(ours[::-1], theirs) < 25


def test_light_that_turns_with_the_viewer_is_what_threejs_shows_with_our_loader(tmp_path):
    """Output C: ≥ 40 dB; without the loader three.js shows the base colour, which is far off."""
    path = tmp_path / "turning.glb"
    path.write_bytes(turning_glb())
    theirs, ours = srgb(threejs.show(path.read_bytes(), CAMERA, supersample=4)), ours_of(path)
    plain = srgb(threejs.show(path.read_bytes(), CAMERA, supersample=4, plugins=b""))
    print(f"PSNR {psnr_db(ours, theirs):.1f} dB, without the loader {psnr_db(ours, plain):.1f} dB")
    assert psnr_db(ours, theirs) >= 40
    assert psnr_db(ours, plain) < 30


LIKE_HUBS = b"""
export class Lightmap {
  constructor(parser) { this.parser = parser; this.name = 'MOZ_lightmap'; }
  loadMaterial(index) {
    const material = this.parser.json.materials[index];
    const said = material.extensions && material.extensions.MOZ_lightmap;
    if (!said || this.busy) return null;
    this.busy = true;  // the material itself comes from the loader
    const both = [this.parser.loadMaterial(index), this.parser.getDependency('texture', said.index)];
    this.busy = false;
    return Promise.all(both).then(([made, map]) => {
      map = map.clone();
      map.channel = 1;
      map.colorSpace = 'srgb';
      made.lightMap = map;
      made.lightMapIntensity = said.intensity;
      return made;
    });
  }
}
"""


@pytest.mark.parametrize("plugins", [None, LIKE_HUBS], ids=["ours", "like Hubs'"])
def test_a_lightmap_is_what_threejs_shows(tmp_path, plugins):
    """Output B: ≥ 40 dB, by our plugin and by one that does what Hubs does."""
    path = tmp_path / "lightmapped.glb"
    path.write_bytes(lightmapped_glb())
    theirs, ours = srgb(threejs.show(path.read_bytes(), CAMERA, supersample=4, plugins=plugins)), ours_of(path)
    print(f"PSNR {psnr_db(ours, theirs):.1f} dB")
    assert psnr_db(ours, theirs) >= 40
    assert theirs.std() > 0.05


CAMERA = look_at(np.array([1.0, 1.6, 5.0]), np.array([0.0, 1.0, 0.0]), yfov_rad=0.9, width_px=160, height_px=120)


def ours_of(path):
    return srgb(np.clip(viewer_image(Tracer(flatten(load_gltf(path)), threads=2), CAMERA, supersamples=4), 0, 1))


def psnr_db(ours, theirs):
    return -10 * np.log10(np.mean((ours - theirs) ** 2))


def with_pictures(change):
    """The scene above with three more pictures, TEXCOORD_0 that means something, and `change` made to its JSON."""
    document = parse_glb(baked_like_glb())
    json, binary = document.json, bytearray(document._buffer(0))
    y, x = np.mgrid[0:64, 0:64] / 64
    for phase in (0.0, 1.3, 2.6):
        wave = np.stack([np.sin(5 * x + phase), np.cos(4 * y + phase), np.sin(3 * (x + y) + phase)], -1)
        png = BytesIO()
        Image.fromarray((128 + 110 * wave).astype(np.uint8)).save(png, "PNG")
        binary += b"\0" * (-len(binary) % 4)
        json["bufferViews"].append({"buffer": 0, "byteOffset": len(binary), "byteLength": len(png.getvalue())})
        binary += png.getvalue()
        json["images"].append({"bufferView": len(json["bufferViews"]) - 1, "mimeType": "image/png"})
        json["textures"].append({"source": len(json["images"]) - 1, "sampler": 0})
    json["buffers"] = [{"byteLength": len(binary)}]
    json["nodes"][0] |= {"translation": [0.2, 0.1, 0.0], "scale": [0.9, 0.9, 0.9]}
    change(json)
    return write_glb(json, bytes(binary))


def turning_glb() -> bytes:
    def change(json):
        slopes = {axis: {"index": 1 + k, "texCoord": 1} for k, axis in enumerate("xyz")}
        json["materials"][0]["extensions"]["NIGHTPROOF_outgoing_sh"] = slopes | {"scale": 0.6}
        json["materials"][0]["pbrMetallicRoughness"]["baseColorTexture"]["texCoord"] = 0
        json["extensionsUsed"].append("NIGHTPROOF_outgoing_sh")

    return with_pictures(change)


def lightmapped_glb() -> bytes:
    def change(json):
        json["materials"][0] = {
            "pbrMetallicRoughness": {"baseColorTexture": {"index": 0}, "metallicFactor": 0.25, "roughnessFactor": 0.5},
            "emissiveFactor": [0.1, 0.05, 0.2],
            "extensions": {"MOZ_lightmap": {"index": 1, "texCoord": 1, "intensity": 3.5}},
        }
        json["extensionsUsed"] = ["MOZ_lightmap"]

    return with_pictures(change)
