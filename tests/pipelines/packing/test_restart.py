"""Packing a textured scene again, after a kill, or on more threads gives the same bytes."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nightproof.pipelines.packing.pack import pack
from nightproof.pipelines.packing.texture_loss import Loss
from nightproof.pipelines.packing.texture_uses import TextureUse, image_uses
from nightproof.pipelines.packing.texture_work import Work
from nightproof.pipelines.packing.textures import TextureCoder, encode_texture
from nightproof.scenes.gltf import parse_glb, write_glb

TEXTURES, SIDE = 6, 192
PROGRAM = """
import sys; from pathlib import Path
from nightproof.pipelines.packing.pack import pack
from nightproof.scenes.gltf import load_gltf
pack(load_gltf(Path(sys.argv[1])), cache=Path(sys.argv[2]))
"""


def png(pixels: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def painted(seed: int, side: int = SIDE) -> np.ndarray:
    """Soft colours with a little grain."""
    rng = np.random.default_rng(seed)
    soft = Image.fromarray(rng.integers(0, 256, (9, 9, 3), np.uint8)).resize((side, side), Image.Resampling.BICUBIC)
    return np.clip(np.asarray(soft) + rng.normal(scale=1, size=(side, side, 3)), 0, 255).astype(np.uint8)


def textured_glb() -> bytes:
    images = [png(painted(seed)) for seed in range(TEXTURES)]
    corner = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]], "<f4").tobytes()
    chunks = [corner] + [image + b"\0" * (-len(image) % 4) for image in images]
    starts = np.cumsum([0] + [len(chunk) for chunk in chunks]).tolist()
    views = [{"buffer": 0, "byteOffset": s, "byteLength": len(c)} for s, c in zip(starts, chunks, strict=False)]
    json = {
        "asset": {"version": "2.0"},
        "scenes": [{"nodes": list(range(TEXTURES))}],
        "nodes": [{"mesh": i} for i in range(TEXTURES)],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}, "material": i}]} for i in range(TEXTURES)],
        "materials": [{"pbrMetallicRoughness": {"baseColorTexture": {"index": i}}} for i in range(TEXTURES)],
        "textures": [{"source": i} for i in range(TEXTURES)],
        "images": [{"bufferView": i + 1, "mimeType": "image/png"} for i in range(TEXTURES)],
        "accessors": [
            {"bufferView": 0, "componentType": 5126, "count": 3, "type": "VEC3", "min": [0, 0, 0], "max": [1, 1, 0]}
        ],
        "bufferViews": views,
        "buffers": [{"byteLength": starts[-1]}],
    }
    return write_glb(json, b"".join(chunks))


@pytest.fixture(scope="module")
def source() -> bytes:
    return textured_glb()


@pytest.fixture(scope="module")
def packed(source: bytes) -> bytes:
    made = pack(parse_glb(source), threads=1)
    assert "textures" in made.steps and len(made.data) < 0.5 * len(source)
    return made.data


def test_threads_change_no_byte(source, packed):
    assert pack(parse_glb(source), threads=2).data == packed
    assert pack(parse_glb(source), threads=5).data == packed


def test_packing_on_many_threads_leaves_the_warning_filters_as_they_were(source):
    """`warnings.catch_warnings` is the whole process's: entered by two threads at once, it never ends."""
    before = list(warnings.filters)
    for _ in range(3):
        pack(parse_glb(source), threads=5)
    assert warnings.filters == before


def test_a_warm_cache_changes_no_byte_and_is_read(source, packed, tmp_path, monkeypatch):
    assert pack(parse_glb(source), cache=tmp_path).data == packed
    monkeypatch.setattr(TextureCoder, "_encode", lambda *asked: pytest.fail("encoded anew"))
    assert pack(parse_glb(source), cache=tmp_path, threads=2).data == packed


def test_killed_at_any_texture_it_carries_on_to_the_same_bytes(source, packed, tmp_path):
    place, cache = tmp_path / "scene.glb", tmp_path / "cache"
    place.write_bytes(source)
    for wanted in (1, 3, 5):
        process = subprocess.Popen([sys.executable, "-c", PROGRAM, str(place), str(cache)])
        deadline = time.monotonic() + 60
        while process.poll() is None and finished(cache) < wanted and time.monotonic() < deadline:
            time.sleep(0.001)
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
        process.wait()
    (cache / "half-written.1.part").write_bytes(b"RIFF")  # what a kill between write and rename leaves
    assert pack(parse_glb(source), cache=cache).data == packed


def finished(cache: Path) -> int:
    return len(list(cache.glob("*.webp")))


def test_other_limits_never_meet_in_the_cache(tmp_path):
    image = png(painted(1))
    use = TextureUse(frozenset({"color"}), frozenset("rgb"))
    fine = encode_texture(image, Work(use), Loss(color_psnr_db=44), tmp_path)
    coarse = encode_texture(image, Work(use), Loss(color_psnr_db=34), tmp_path)
    assert fine and coarse and len(coarse) < len(fine)


def test_grain_finer_than_chroma_may_lose_more_in_data_and_elsewhere_keeps_its_limit():
    """Saturated noise: no quality of WebP holds it."""
    grain = np.random.default_rng(3).integers(90, 166, (600, 600, 3)).astype(np.uint8)
    data = TextureUse(frozenset({"data"}), frozenset("gb"))
    color = TextureUse(frozenset({"color"}), frozenset("rgb"))
    lossy = encode_texture(png(grain), Work(data), Loss(grain_data_psnr_db=20))
    assert lossy and len(lossy) < 0.4 * len(png(grain))
    for use, channels, least_db in ((data, [1, 2], 38), (color, [0, 1, 2], 40)):
        rounded = encode_texture(png(grain), Work(use), Loss(grain_data_psnr_db=60))
        error = ((opened(rounded or png(grain)).astype(float) - grain)[..., channels] ** 2).mean()
        assert 10 * np.log10(255**2 / max(error, 1e-9)) >= least_db


def opened(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


POLISH = {
    "polished by factors": (1.0, 0.2, None, True),
    "rough metal": (1.0, 0.6, None, False),
    "glossy, no metal": (0.0, 0.2, None, False),
    "a quarter polished by texture": (1.0, 1.0, 40, True),
    "rough by texture": (1.0, 1.0, 160, False),
}


@pytest.mark.parametrize("name", POLISH)
def test_polish_is_seen_in_factors_and_textures(name):
    metallic, roughness, texel, polished = POLISH[name]
    pbr = {"metallicFactor": metallic, "roughnessFactor": roughness}
    values = np.full((64, 64, 3), 255, np.uint8)
    if texel is not None:
        values[:32, :32, 1] = texel
        pbr["metallicRoughnessTexture"] = {"index": 1}
    json = {
        "materials": [{"normalTexture": {"index": 0}, "pbrMetallicRoughness": pbr}],
        "textures": [{"source": 0}, {"source": 1}],
    }
    uses = image_uses(json, frozenset(), frozen=False, image=lambda index: png(values))
    assert ("polished" in uses[0].kinds) == polished


def test_normal_maps_are_held_closer_where_metal_mirrors():
    slopes = np.clip(np.random.default_rng(5).normal(128, 6, (300, 300, 3)), 90, 166).astype(np.uint8)
    slopes[..., 2] = 250
    kinds = {"plain": frozenset({"normal"}), "polished": frozenset({"normal", "polished"})}
    packed = {
        name: encode_texture(png(slopes), Work(TextureUse(kind, frozenset("rgb")))) for name, kind in kinds.items()
    }
    assert packed["plain"] and packed["polished"] and len(packed["plain"]) < 0.8 * len(packed["polished"])
    pixels = np.asarray(Image.open(io.BytesIO(packed["polished"])).convert("RGB"))
    before, after = (values / 127.5 - 1 for values in (slopes, pixels))
    before, after = (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True) for vectors in (before, after))
    angle = np.arccos(np.clip((before * after).sum(axis=-1), -1, 1))
    assert np.degrees(np.sqrt((angle**2).mean())) < 1.25
