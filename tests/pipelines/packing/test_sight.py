"""Steps that only pictures can judge: simplification and smaller textures, kept exactly as far as nothing shows."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from nightproof.pipelines.packing import pack as pack_module
from nightproof.pipelines.packing.judge import Judge
from nightproof.pipelines.packing.pack import LEAST_PSNR_DB, Packer, pack
from nightproof.pipelines.packing.simplify import Shape, shared_places, simplified
from nightproof.pipelines.packing.texture_loss import Loss
from nightproof.pipelines.packing.texture_uses import TextureUse
from nightproof.pipelines.packing.texture_work import Work
from nightproof.pipelines.packing.textures import encode_texture
from nightproof.pipelines.packing.tolerances import SHAPE_PX, Tolerances
from nightproof.scenes.environment import named_environment
from nightproof.scenes.flatten import flatten
from nightproof.scenes.glb import split_glb
from nightproof.scenes.gltf import parse_glb, write_glb


def ball(rings: int = 120) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Positions, texture coordinates and triangles of a unit sphere; its normals are its positions."""
    theta, phi = np.linspace(0, np.pi, rings + 1), np.linspace(0, 2 * np.pi, 2 * rings + 1)
    t, p = np.meshgrid(theta, phi, indexing="ij")
    points = np.stack([np.sin(t) * np.cos(p), np.cos(t), -np.sin(t) * np.sin(p)], -1).reshape(-1, 3).astype("<f4")
    uv = np.stack([p / (2 * np.pi), t / np.pi], -1).reshape(-1, 2).astype("<f4")
    row = 2 * rings + 1
    i, j = np.meshgrid(np.arange(rings), np.arange(2 * rings), indexing="ij")
    a = (i * row + j).ravel()
    return points, uv, np.concatenate([np.stack([a, a + row, a + 1], 1), np.stack([a + 1, a + row, a + row + 1], 1)])


def glb_of(points, uv, triangles, image: bytes | None = None, roughness: float = 0.8) -> bytes:
    binary, views = b"", []
    parts = [points, points, uv, triangles.astype("<u4").reshape(-1)]
    for chunk in [*(part.tobytes() for part in parts), *([image] if image else [])]:
        binary += b"\0" * (-len(binary) % 4)
        views.append({"buffer": 0, "byteOffset": len(binary), "byteLength": len(chunk)})
        binary += chunk
    vertices = len(points)
    described = [
        (vertices, "VEC3", 5126),
        (vertices, "VEC3", 5126),
        (vertices, "VEC2", 5126),
        (triangles.size, "SCALAR", 5125),
    ]
    accessors = [
        {"bufferView": view, "componentType": kind, "count": count, "type": shape}
        for view, (count, shape, kind) in enumerate(described)
    ]
    accessors[0] |= {"min": [-1.0, -1.0, -1.0], "max": [1.0, 1.0, 1.0]}
    primitive = {"attributes": {"POSITION": 0, "NORMAL": 1, "TEXCOORD_0": 2}, "indices": 3, "material": 0}
    extra: dict = {}
    pbr: dict = {"metallicFactor": 0.0, "roughnessFactor": roughness}
    if image:
        pbr["baseColorTexture"] = {"index": 0}
        last = {"bufferView": len(views) - 1, "mimeType": "image/png"}
        extra |= {"textures": [{"source": 0}], "images": [last]}
    return write_glb(
        {
            "asset": {"version": "2.0"},
            "scene": 0,
            "scenes": [{"nodes": [0]}],
            "nodes": [{"mesh": 0}],
            "meshes": [{"primitives": [primitive]}],
            "materials": [{"pbrMetallicRoughness": pbr}],
            "accessors": accessors,
            "bufferViews": views,
            "buffers": [{"byteLength": len(binary)}],
            **extra,
        },
        binary,
    )


def png(pixels: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def seen(source: bytes, **how):
    document = parse_glb(source)
    return pack(document, flat=flatten(document, named_environment("studio")), **how)


def triangles_of(data: bytes) -> int:
    return len(flatten(parse_glb(data)).triangles)


def test_a_dense_ball_loses_triangles_and_no_view_tells():
    source = glb_of(*ball())
    packed = seen(source)
    assert "simplification" in packed.steps
    assert triangles_of(packed.data) < 0.6 * triangles_of(source)
    assert len(packed.psnr_db) >= 4 and min(packed.psnr_db) >= LEAST_PSNR_DB
    assert len(packed.data) < len(pack(parse_glb(source)).data)


def test_what_shows_is_taken_back():
    """Allowed to move by forty pixels, the ball would be a lump: the pictures say so, and the tolerance shrinks."""
    source = glb_of(*ball())
    wild = seen(source, tolerances=Tolerances(shape_px=40.0))
    assert wild.steps and min(wild.psnr_db) >= LEAST_PSNR_DB
    lump = seen(source, tolerances=Tolerances(shape_px=40.0), least_psnr_db=0.0)
    assert min(lump.psnr_db) < LEAST_PSNR_DB and triangles_of(lump.data) < 0.5 * triangles_of(wild.data)


def test_without_pictures_every_triangle_stays():
    source = glb_of(*ball(40))
    assert triangles_of(pack(parse_glb(source)).data) >= 0.97 * triangles_of(source)  # the poles' collapsed ones go


def test_textures_shrink_to_what_is_seen_and_not_further():
    """Noise of a texel cannot be halved without loss: only texels beyond those on screen go."""
    noise = np.random.default_rng(1).integers(0, 256, (512, 512, 1)).astype(np.uint8).repeat(3, axis=2)
    use = TextureUse(frozenset({"color"}), frozenset("rgb"))
    sides = {}
    for spare in (None, 1.0, 2.5, 4.2):
        made = encode_texture(png(noise), Work(use, spare), Loss(color_psnr_db=30))
        assert made is not None
        sides[spare] = Image.open(io.BytesIO(made)).size[0]
    assert sides == {None: 512, 1.0: 512, 2.5: 256, 4.2: 128}


def test_a_smooth_texture_comes_back_from_fewer_texels_and_a_bright_spot_is_not_lost():
    y, x = np.mgrid[0:512, 0:512] / 512
    smooth = np.rint(np.stack([80 + 60 * x, 90 + 50 * y, 120 + 0 * x], -1)).astype(np.uint8)
    use = TextureUse(frozenset({"color"}), frozenset("rgb"))
    made = encode_texture(png(smooth), Work(use, 0.5), Loss())
    assert made is not None and Image.open(io.BytesIO(made)).size[0] <= 128
    spot = np.zeros((512, 512, 3), np.uint8)
    spot[200:203, 300:303] = 255
    made = encode_texture(png(spot), Work(use, 0.5), Loss())
    assert made is None or Image.open(io.BytesIO(made)).size[0] == 512


def test_locked_vertices_and_those_of_two_lists_stay():
    points, uv, triangles = ball(40)
    triangles, half = triangles[np.argsort(triangles[:, 0], kind="stable")], len(triangles) // 2
    lists = [part.astype(np.uint32).reshape(-1) for part in (triangles[:half], triangles[half:])]
    shape = Shape(points, points, (uv,), (0.2,), None, ())
    locked = points[:, 1] > 0.9
    found = simplified(shape, lists, locked, 0.05, 1.0)
    assert all(len(after) < len(before) for after, before in zip(found, lists, strict=True))
    border = np.intersect1d(*lists)
    assert np.isin(border, found[0]).all() and np.isin(border, found[1]).all()
    held = np.flatnonzero(locked & np.isin(np.arange(len(points)), lists[0]))
    assert np.isin(held, found[0]).all()


def test_places_where_two_parts_meet_are_found_whatever_the_sign_of_zero():
    one = np.array([[0, 0, 0], [1, 0, 0], [2, 0, 0]], np.float32)
    other = np.array([[-0.0, 0, 0], [5, 0, 0], [2, 0, 0]], np.float32)
    first, second = shared_places([one, other])
    assert first.tolist() == [True, False, True] and second.tolist() == [True, False, True]


def grainy_ball() -> bytes:
    """Saturated grain on a ball: the lossy coder shows at first, so that rounds follow."""
    grain = np.random.default_rng(3).integers(0, 256, (512, 512, 3)).astype(np.uint8)
    return glb_of(*ball(40), image=png(grain))


def test_what_was_cached_when_it_was_killed_changes_no_byte(tmp_path):
    """What a run leaves behind depends on where it was killed; what comes out must not."""
    source, cache, least_psnr_db = grainy_ball(), tmp_path / "cache", 47.0
    whole = seen(source, cache=cache, least_psnr_db=least_psnr_db)
    kept = sorted(cache.glob("*.webp"), key=lambda place: place.stat().st_mtime_ns)
    assert len(kept) >= 2 and min(whole.psnr_db) >= least_psnr_db, "tightened at least once"
    for place in kept[1:]:
        place.unlink()
    assert seen(source, cache=cache, least_psnr_db=least_psnr_db).data == whole.data
    kept[0].unlink()
    assert seen(source, threads=3, least_psnr_db=least_psnr_db).data == whole.data


def test_scenes_of_many_parts_are_begun_with_caution(monkeypatch):
    """Each look and each round takes long there: the first file should hold."""
    document = parse_glb(two_balls((1.0, 1.0)))
    flat, looks = flatten(document, named_environment("studio")), []
    usual = Packer(document, flat=flat).usual
    assert usual.shape_px == SHAPE_PX and not usual.more_bits
    monkeypatch.setattr(pack_module, "MANY_PARTS", 1)
    cautious = Packer(document, flat=flat).usual
    assert cautious.shape_px < usual.shape_px and set(cautious.more_bits) == {(0, 0), (1, 0)}
    assert cautious.loss == usual.loss and Packer(document).usual == Tolerances()
    plain = Judge.look
    monkeypatch.setattr(Judge, "look", lambda *given: looks.append(1) or plain(*given))
    packed = pack(document, flat=flat)
    assert len(looks) == 1 and min(packed.psnr_db) >= LEAST_PSNR_DB


def test_where_tightening_fails_the_careful_way_is_taken(monkeypatch):
    monkeypatch.setattr(Judge, "tightened", lambda self, tolerances, *rest: tolerances)
    source = glb_of(*ball())
    packed = seen(source, tolerances=Tolerances(shape_px=40.0))
    assert packed.steps and "simplification" not in packed.steps
    assert min(packed.psnr_db) >= LEAST_PSNR_DB and len(packed.data) < len(source)


def test_the_same_bytes_for_any_number_of_threads():
    source = glb_of(*ball(60), image=png(np.full((64, 64, 3), 90, np.uint8)))
    assert seen(source, threads=1).data == seen(source, threads=3).data


def many_boxes(named: bool, extras: bool = False) -> bytes:
    """Forty nodes with a mesh each, all of one form, one of them another."""
    points = np.random.default_rng(2).random((60, 3)).astype("<f4")
    faces = np.arange(60, dtype="<u2")
    other = (points * 2).astype("<f4")
    binary = points.tobytes() * 20 + other.tobytes() + faces.tobytes()
    size = points.nbytes
    views = [{"buffer": 0, "byteOffset": i * size, "byteLength": size} for i in range(21)]
    views.append({"buffer": 0, "byteOffset": 21 * size, "byteLength": faces.nbytes})
    accessors = [{"bufferView": i, "componentType": 5126, "count": 60, "type": "VEC3"} for i in range(21)]
    accessors.append({"bufferView": 21, "componentType": 5123, "count": 60, "type": "SCALAR"})
    meshes = [{"name": f"m{i}", "primitives": [{"attributes": {"POSITION": i}, "indices": 21}]} for i in range(21)]
    if extras:
        meshes[3]["extras"] = {"kind": "special"}
    nodes = [{"mesh": i, "translation": [2.0 * i, 0, 0]} | ({"name": f"n{i}"} if named else {}) for i in range(21)]
    json = {"asset": {"version": "2.0"}, "scene": 0, "scenes": [{"nodes": list(range(21))}], "nodes": nodes}
    json |= {"meshes": meshes, "accessors": accessors, "bufferViews": views, "buffers": [{"byteLength": len(binary)}]}
    return write_glb(json, binary)


@pytest.mark.parametrize("named, extras, left", [(True, False, 2), (True, True, 3), (False, False, 21)])
def test_equal_meshes_become_one_where_names_and_extras_lose_nothing(named, extras, left):
    source = many_boxes(named, extras)
    packed = parse_glb(pack(parse_glb(source)).data)
    assert len(packed.json["meshes"]) == left
    moved = [node.get("translation", [0, 0, 0]) for node in packed.json["nodes"]]
    assert moved == [[2.0 * i, 0, 0] for i in range(21)]
    before, after = flatten(parse_glb(source)), flatten(packed)
    assert np.allclose(before.bounds_m, after.bounds_m, atol=1e-3) and len(before.triangles) == len(after.triangles)


@pytest.mark.parametrize("shared", [True, False])
def test_a_sphere_whose_normals_are_its_places_keeps_both(shared):
    """One list of numbers read as two things, or two equal ones: places aren't packed as directions are."""
    points, _, corners = ball()
    points = (points / np.linalg.norm(points, axis=1, keepdims=True)).astype("<f4")
    binary = points.tobytes() * 2 + corners.astype("<u4").tobytes()
    sizes = (points.nbytes, points.nbytes, 4 * corners.size)
    views = [{"buffer": 0, "byteOffset": sum(sizes[:i]), "byteLength": size} for i, size in enumerate(sizes)]
    kinds = [(5126, len(points), "VEC3"), (5126, len(points), "VEC3"), (5125, corners.size, "SCALAR")]
    json = {
        "asset": {"version": "2.0"},
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0, "NORMAL": 0 if shared else 1}, "indices": 2}]}],
        "accessors": [
            {"bufferView": i, "componentType": c, "count": n, "type": t} for i, (c, n, t) in enumerate(kinds)
        ],
        "bufferViews": views,
        "buffers": [{"byteLength": len(binary)}],
    }
    packed = pack(parse_glb(write_glb(json, binary)))
    after = parse_glb(packed.data)
    attributes = after.json["meshes"][0]["primitives"][0]["attributes"]
    places = after.floats(attributes["POSITION"])
    assert packed.steps and after.json["accessors"][attributes["POSITION"]]["componentType"] == 5126
    assert np.abs(np.linalg.norm(places, axis=1) - 1).max() < 1e-3
    assert (attributes["POSITION"] == attributes["NORMAL"]) == shared


def test_equal_places_under_other_normals_are_packed_all_the_same():
    """Merged they'd be shared in part, and nobody could pack either."""
    document = parse_glb(glb_of(*ball(30)))
    binary = bytes(split_glb(document.file_bytes)[1])
    turned = (-document.floats(1)).astype("<f4").tobytes()
    json = document.json
    json["bufferViews"].append({"buffer": 0, "byteOffset": len(binary), "byteLength": len(turned)})
    own = len(json["bufferViews"]) - 1
    json["accessors"] += [dict(json["accessors"][0]), json["accessors"][1] | {"bufferView": own}]
    other = {"POSITION": len(json["accessors"]) - 2, "NORMAL": len(json["accessors"]) - 1}
    first = json["meshes"][0]["primitives"][0]
    json["meshes"].append({"primitives": [first | {"attributes": first["attributes"] | other}]})
    json["nodes"].append({"mesh": 1, "translation": [3.0, 0, 0]})
    json["scenes"] = [{"nodes": [0, 1]}]
    json["buffers"][0]["byteLength"] = len(binary) + len(turned)
    after = parse_glb(pack(parse_glb(write_glb(json, binary + turned))).data)
    lists = [mesh["primitives"][0]["attributes"]["POSITION"] for mesh in after.json["meshes"]]
    views = [after.json["bufferViews"][after.json["accessors"][index]["bufferView"]] for index in lists]
    assert [view["extensions"]["EXT_meshopt_compression"]["filter"] for view in views] == ["EXPONENTIAL"] * 2


def two_balls(scales: tuple[float, float]) -> bytes:
    """Two meshes, equal but for their names, each shown by a node of its own."""
    document = parse_glb(glb_of(*ball()))
    mesh = document.json["meshes"][0]
    document.json["meshes"] = [mesh | {"name": name} for name in "ab"]
    document.json["nodes"] = [
        {"mesh": i, "name": f"n{i}", "scale": [scale] * 3, "translation": [3.0 * i, 0, 0]}
        for i, scale in enumerate(scales)
    ]
    document.json["scenes"] = [{"nodes": [0, 1]}]
    return write_glb(document.json, split_glb(document.file_bytes)[1])


def test_equal_meshes_keep_what_the_largest_of_them_needs():
    """One mesh stands for both, whichever comes first; a speck may lose far more than a ball that fills the screen."""
    speck_first, ball_first, alone = (
        triangles_of(seen(two_balls(scales), least_psnr_db=0.0).data) for scales in ((0.02, 1), (1, 0.02), (1, 1))
    )
    assert speck_first == ball_first >= alone
    assert ball_first < 0.6 * triangles_of(two_balls((1, 1)))


def test_what_shows_of_a_mesh_that_another_stands_for_is_taken_back():
    wild = seen(two_balls((0.3, 1.0)), tolerances=Tolerances(shape_px=40.0))
    assert "simplification" in wild.steps and min(wild.psnr_db) >= LEAST_PSNR_DB
