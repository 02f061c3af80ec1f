"""KTX2 textures: their pixels, and what is said of broken ones."""

import base64
import struct

import numpy as np
import pytest

from nightproof.scenes import images, ktx2
from nightproof.scenes.broken import BrokenScene, SceneTooLarge
from nightproof.scenes.flatten import flatten
from nightproof.scenes.gltf import parse_glb, write_glb
from nightproof.scenes.images import KTX2, decode_image, image_size, is_decodable

needs_transcoder = pytest.mark.skipif(not ktx2.can_decode_ktx2(), reason="the extra `ktx2` is not installed")
SOLID_MODE, MODE_BITS = 0x17, 5
COLORS = ((200, 10, 30, 255), (0, 128, 255, 64))


def solid_block(color):
    """A UASTC block of mode 8: one colour for 4 × 4 pixels (UASTC specification, solid colour mode)."""
    bits = SOLID_MODE
    for i, channel in enumerate(color):
        bits |= channel << (MODE_BITS + 8 * i)
    return bits.to_bytes(16, "little")


def two_blocks(width=8, height=4, depth=0, layers=0, faces=1, scheme=0, unpacked=None, cut=None):
    """A KTX2 file of two solid blocks side by side."""
    pixels = b"".join(solid_block(color) for color in COLORS)
    sample = struct.pack("<HBB4xII", 0, 127, 3, 0, 0xFFFFFFFF)
    block = struct.pack("<IHH4B4B8B", 0, 2, 40, 166, 1, 1, 0, 3, 3, 0, 0, 16, *[0] * 7) + sample
    described = struct.pack("<I", 4 + len(block)) + block
    start = 80 + 24
    head = b"\xabKTX 20\xbb\r\n\x1a\n" + struct.pack("<9I", 0, 1, width, height, depth, layers, faces, 1, scheme)
    head += struct.pack("<4I2Q", start, len(described), 0, 0, 0, 0)
    place = (start + len(described) + 15) // 16 * 16
    head += struct.pack("<3Q", place, len(pixels), len(pixels) if unpacked is None else unpacked)
    return ((head + described).ljust(place, b"\0") + pixels)[:cut]


@needs_transcoder
def test_pixels_are_those_of_the_blocks():
    assert is_decodable(KTX2)
    assert image_size(two_blocks(), KTX2, "/images/0") == (8, 4)
    pixels = decode_image(two_blocks(), KTX2, "/images/0")
    assert pixels.shape == (4, 8, 4) and not pixels.flags.writeable
    np.testing.assert_array_equal(pixels[:, :4], np.broadcast_to(COLORS[0], (4, 4, 4)))
    np.testing.assert_array_equal(pixels[:, 4:], np.broadcast_to(COLORS[1], (4, 4, 4)))


@needs_transcoder
def test_blocks_that_the_picture_fills_in_part_are_cut():
    width, height = 6, 3
    pixels = decode_image(two_blocks(width, height), KTX2, "/images/0")
    assert pixels.shape == (height, width, 4)
    assert (pixels[:, :4] == COLORS[0]).all() and (pixels[:, 4:] == COLORS[1]).all()


@pytest.mark.parametrize(
    "broken",
    [
        {"cut": 60},
        {"width": 0},
        {"depth": 4},
        {"layers": 2},
        {"faces": 6},
        {"scheme": 2, "unpacked": 2**40},
    ],
    ids=["cut short", "no width", "volume", "array", "cube", "bomb"],
)
def test_what_is_no_texture_is_refused_by_its_header(broken):
    with pytest.raises(BrokenScene) as caught:
        image_size(two_blocks(**broken), KTX2, "/images/3")
    assert caught.value.pointer == "/images/3"


def test_a_huge_picture_is_refused_before_memory_is_taken():
    with pytest.raises(SceneTooLarge):
        image_size(two_blocks(width=2**20, height=2**20), KTX2, "/images/0")


@needs_transcoder
@pytest.mark.parametrize("cut", [150, 170, -1])
def test_a_picture_cut_short_is_one_typed_error(cut):
    with pytest.raises(BrokenScene):
        decode_image(two_blocks(cut=cut), KTX2, "/images/0")


@pytest.mark.parametrize("installed", [pytest.param(True, marks=needs_transcoder), False])
def test_a_material_shows_it_or_says_how_to(installed, monkeypatch):
    monkeypatch.setattr(images, "can_decode_ktx2", lambda: installed)
    corners = np.array([(0, 0, 0), (1, 0, 0), (0, 1, 0)], "<f4").tobytes()
    texture = {"extensions": {"KHR_texture_basisu": {"source": 0}}}
    document = {
        "asset": {"version": "2.0"},
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}, "material": 0}]}],
        "accessors": [{"bufferView": 0, "componentType": 5126, "count": 3, "type": "VEC3"}],
        "bufferViews": [{"buffer": 0, "byteLength": 36}],
        "buffers": [{"byteLength": 36}],
        "materials": [{"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}}],
        "textures": [texture],
        "images": [{"uri": "data:image/ktx2;base64," + base64.b64encode(two_blocks()).decode()}],
    }
    flat = flatten(parse_glb(write_glb(document, corners)))
    if installed:
        assert flat.textures[0].pixels.shape == (4, 8, 4) and flat.materials[0].unknown == set()
    else:
        assert flat.textures[0].pixels.shape == (1, 1, 4) and flat.materials[0].unknown == {"KHR_texture_basisu"}
        assert any("nightproof[ktx2]" in note for note in flat.notes)
