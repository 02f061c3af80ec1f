"""Texture coordinate sets beyond the second reach the textures that name them."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from nightproof.scenes.flatten import flatten
from nightproof.scenes.gltf import parse_glb, write_glb

CORNERS = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]], "<f4")


def flat_with(material: dict, sets: int):
    """A triangle whose set k has u = k + 1 at every corner."""
    image = io.BytesIO()
    Image.new("RGB", (1, 1)).save(image, "PNG")
    parts = [CORNERS.tobytes(), *(np.full((3, 2), k + 1, "<f4").tobytes() for k in range(sets)), image.getvalue()]
    views, offset = [], 0
    for part in parts:
        views.append({"buffer": 0, "byteOffset": offset, "byteLength": len(part)})
        offset += len(part)
    kinds = ["VEC3", *["VEC2"] * sets]
    document = {
        "asset": {"version": "2.0"},
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [
            {
                "primitives": [
                    {"attributes": {"POSITION": 0, **{f"TEXCOORD_{k}": k + 1 for k in range(sets)}}, "material": 0}
                ]
            }
        ],
        "materials": [material],
        "textures": [{"source": 0}],
        "images": [{"bufferView": len(views) - 1, "mimeType": "image/png"}],
        "accessors": [
            {"bufferView": i, "componentType": 5126, "count": 3, "type": kind} for i, kind in enumerate(kinds)
        ],
        "bufferViews": views,
        "buffers": [{"byteLength": offset}],
    }
    return flatten(parse_glb(write_glb(document, b"".join(parts))))


def seen(flat, use) -> float:
    return float((flat.uv0, flat.uv1)[use.texcoord][0, 0])


@pytest.mark.parametrize(("color", "normal"), [(0, 1), (1, 0), (2, 0), (0, 3), (1, 2), (3, 2), (2, 2)])
def test_each_texture_reads_its_own_set(color, normal):
    material = {
        "pbrMetallicRoughness": {"baseColorTexture": {"index": 0, "texCoord": color}},
        "normalTexture": {"index": 0, "texCoord": normal},
    }
    flat = flat_with(material, 4)
    held = flat.materials[0]
    assert seen(flat, held.base_color_texture) == color + 1
    assert seen(flat, held.normal_texture) == normal + 1
    assert not held.unknown and not flat.notes


def test_textures_of_extensions_are_brought_along():
    coat = {"clearcoatFactor": 1, "clearcoatTexture": {"index": 0, "texCoord": 3}}
    flat = flat_with({"extensions": {"KHR_materials_clearcoat": coat}}, 4)
    assert seen(flat, flat.materials[0].clearcoat.texture) == 4


def test_the_set_of_a_texture_transform_counts():
    moved = {"KHR_texture_transform": {"texCoord": 2}}
    flat = flat_with({"pbrMetallicRoughness": {"baseColorTexture": {"index": 0, "extensions": moved}}}, 3)
    assert seen(flat, flat.materials[0].base_color_texture) == 3


def test_a_third_set_in_one_material_is_named_and_the_first_two_are_right():
    material = {
        "pbrMetallicRoughness": {
            "baseColorTexture": {"index": 0, "texCoord": 2},
            "metallicRoughnessTexture": {"index": 0, "texCoord": 1},
        },
        "normalTexture": {"index": 0, "texCoord": 3},
    }
    flat = flat_with(material, 4)
    held = flat.materials[0]
    assert seen(flat, held.base_color_texture) == 3 and seen(flat, held.metallic_roughness_texture) == 2
    assert held.unknown == {"TEXCOORD_3"} and any("more than two sets" in note for note in flat.notes)
