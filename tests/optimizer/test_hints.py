"""Hints name what they are about, say what a step saves, and come most important first."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
from forms import flat_of, plane, sphere

from nightproof.optimizer.analyzer import Examination, SceneAnalyzer
from nightproof.optimizer.hints.shape import _unfolded
from nightproof.optimizer.hints.storage import about_storage
from nightproof.optimizer.words import length, listed, quoted, thousands
from nightproof.records.scene import Scene
from nightproof.scenes.flat import FlatScene, Instance, Material, Texture, TextureUse

RECORD = Scene(
    **dict.fromkeys(("source_sha256", "geometry", "materials", "lights", "cameras", "animation"), "0" * 64),
    name="test.glb", source_bytes=1, format="glb", triangles=0, extensions=(),
    bounds_min_m=(0.0, 0.0, 0.0), bounds_max_m=(1.0, 1.0, 1.0),
)  # fmt: skip


def examine(flat: FlatScene, json=None) -> Examination:
    return SceneAnalyzer().examine(RECORD, SimpleNamespace(json=json or {}), flat)


def told(found: Examination, words: str):
    (hint,) = (hint for hint in found.hints if words in hint.text)
    return hint


def test_a_mesh_that_holds_far_more_triangles_than_its_form_needs_is_named():
    ball, floor = sphere(16), plane(64)
    flat = flat_of(
        np.concatenate([ball.positions, floor.positions * 4 - np.float32([2, 1, 2])]),
        np.concatenate([ball.triangles, floor.triangles + len(ball.positions)]),
    )
    owner = (np.arange(len(flat.triangles)) >= len(ball.triangles)).astype(np.uint32)
    flat = replace(
        flat, triangle_instance=owner, instances=tuple(Instance(i, i, 0, 0, 0, 0, 0, 0, np.eye(4)) for i in range(2))
    )
    found = examine(flat, {"meshes": [{"name": "ball"}, {"name": "floor"}]})
    hint = told(found, "holds")
    assert "“floor”" in hint.text and hint.subjects == ("/meshes/1",)
    assert hint.saves_triangles > 0.9 * len(floor.triangles)
    assert [mesh.name for mesh in found.meshes] == ["floor", "ball"]


def test_how_far_copies_unfold_is_said():
    ball = sphere(16)
    count = len(ball.triangles)
    copies = -(-100_000 // count)

    def placed(meshes: int) -> FlatScene:
        """`copies` balls, of so many meshes in turn."""
        places = np.arange(copies)[:, None, None]
        flat = flat_of(
            (ball.positions[None] + np.float32([3, 0, 0]) * places).reshape(-1, 3),
            (ball.triangles[None] + len(ball.positions) * places).reshape(-1, 3),
        )
        instances = tuple(Instance(i, i % meshes, 0, i * count, count, 0, 0, 0, np.eye(4)) for i in range(copies))
        return replace(
            flat, triangle_instance=np.repeat(np.arange(copies, dtype=np.uint32), count), instances=instances
        )

    seen = SimpleNamespace(flat=placed(1))
    (hint,) = _unfolded(seen)
    assert (
        f"{thousands(count)} triangles of the file unfold to {thousands(copies * count)}, {copies} times" in hint.text
    )
    assert not list(_unfolded(SimpleNamespace(flat=placed(copies))))


def square(material: Material, *textures: Texture, colors=None) -> FlatScene:
    flat = flat_of([[0, 0, 0], [0, 0, 1], [1, 0, 1], [1, 0, 0]], [[0, 1, 2], [0, 2, 3]])
    return replace(
        flat, uv0=np.float32([[0, 0], [1, 0], [1, 1], [0, 1]]), materials=(material,), textures=textures,
        colors=flat.colors if colors is None else colors,
    )  # fmt: skip


def noise(side: int, alpha=255):
    pixels = np.random.default_rng(0).integers(0, 256, (side, side, 4), np.uint8)
    pixels[..., 3] = alpha
    return pixels


def test_a_texture_finer_than_any_view_says_what_would_do_and_what_it_saves():
    """8192 texels along a side of 0.7 diagonals, of which 2160 along the diagonal can be seen: a quarter is enough."""
    found = examine(square(Material(base_color_texture=TextureUse(0)), Texture(noise(8192), True, name="wall")))
    hint = told(found, "A texture of 8192²")
    assert "“wall”" in hint.text and "2048² loses nothing as near as one looks" in hint.text
    assert hint.saves_gpu_bytes == round(15 / 16 * 8192**2 * 16 / 3)
    assert hint.subjects == ("/materials/0",)
    assert found.analysis.features["material"]["spare_gpu_bytes"] > 0


def test_blending_that_does_nothing_is_named_and_blending_that_does_is_not():
    def blended(alpha, **more):
        material = Material(name="pane", alpha_mode="BLEND", base_color_texture=TextureUse(0))
        return [hint.text for hint in examine(square(material, Texture(noise(64, alpha), True), **more)).hints]

    half = np.float32([[1, 1, 1, 0.5]] * 4)
    edges = np.where(np.arange(64) < 32, 255, 0).astype(np.uint8)
    assert any("“pane” blends although alpha is full everywhere: OPAQUE" in text for text in blended(255))
    assert any("MASK draws faster" in text for text in blended(edges))
    assert not any("although" in text for text in blended(128))
    assert not any("although" in text for text in blended(255, colors=half))


def test_twins_are_counted():
    flat = replace(
        sphere(8), materials=(Material(name="a"), Material(name="b"), Material(name="c", roughness=0.5)),
        triangle_material=(np.arange(len(sphere(8).triangles)) % 3).astype(np.uint32),
    )  # fmt: skip
    assert told(examine(flat), "can merge with a twin").subjects == ("/materials/0", "/materials/1")


def stored(material: dict, attributes: dict) -> list:
    json = {
        "materials": [material],
        "meshes": [{"primitives": [{"attributes": attributes, "material": 0}]}],
        "accessors": [{"count": 10_000, "componentType": 5126, "type": kind} for kind in ("VEC3", "VEC2", "VEC4")],
    }
    return list(about_storage(SimpleNamespace(json=json)))


def test_attributes_that_nothing_reads_are_found_and_those_that_are_read_are_not():
    attributes = {"POSITION": 0, "TEXCOORD_0": 1, "TANGENT": 2}
    unread = stored({}, attributes)
    assert [hint.saves_file_bytes for hint in unread] == [80_000, 160_000]
    assert all(hint.subjects == ("/meshes/0/primitives/0",) for hint in unread)
    assert not stored({"normalTexture": {"index": 0}}, attributes)
    assert not stored({"extensions": {"NEVER_heard_of": {"deepTexture": {"index": 1}}}}, {"TEXCOORD_0": 1})
    moved = {"normalTexture": {"index": 0, "extensions": {"KHR_texture_transform": {"texCoord": 1}}}}
    assert not stored(moved, {"TEXCOORD_1": 1})
    assert len(stored({"normalTexture": {"index": 0}}, {"TEXCOORD_1": 1})) == 1


def test_faults_in_what_nobody_draws_stop_no_hint():
    """Reading for the picture looks at neither; the hints walk over all of the file."""
    json = {
        "meshes": [{"primitives": 5}],
        "bufferViews": [{"byteLength": 10**6}],
        "images": [{"mimeType": "image/png", "bufferView": view} for view in (0, -1, -9, 7)],
    }
    assert "1 image in PNG takes 1 MB" in told(examine(square(Material()), json), "PNG").text


def test_the_most_important_comes_first_and_the_record_holds_all():
    flat = sphere(8)
    twice = replace(
        flat, triangles=np.concatenate([flat.triangles] * 2), triangle_material=np.zeros(512, np.uint32),
        triangle_instance=np.zeros(512, np.uint32),
    )  # fmt: skip
    found = examine(twice)
    weights = [hint.weight for hint in found.hints]
    assert weights == sorted(weights, reverse=True)
    assert "flicker" in found.analysis.hints[0]
    assert found.analysis.hints == tuple(hint.text for hint in found.hints)


def test_names_out_of_a_file_stay_short_and_on_one_line():
    assert quoted("a\x1b[31m\nb") == "“a [31m b”"
    assert len(quoted("x" * 500)) == 42
    assert listed(["a"]) == "“a”" and listed(["a", "b"]) == "“a” and “b”"
    assert listed(["a", "b", "c", "d"]) == "“a”, “b”, “c” and 1 more"
    assert (length(0.00012), thousands(61_234)) == ("0.12 mm", "61k")
