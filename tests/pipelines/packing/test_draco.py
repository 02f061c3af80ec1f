"""Files that come Draco-compressed: what is put back into Draco is what was drawn, described as glTF asks for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import DracoPy
import numpy as np
import pytest
from draco_files import DRACO, draco_bytes, draco_glb, primitives, sheet

from nightproof.pipelines.packing.pack import LEAST_PSNR_DB, PackedFile, pack
from nightproof.pipelines.packing.tolerances import SHAPE_PX, Tolerances
from nightproof.scenes.environment import named_environment
from nightproof.scenes.flatten import flatten
from nightproof.scenes.gltf import GltfDocument, parse_glb, split_glb, write_glb

PX_PER_DIAGONAL = 2160
"""As docs/reference/packing.md says of things."""


def seen(source: bytes, **how: object) -> PackedFile:
    document = parse_glb(source)
    return pack(document, flat=flatten(document, named_environment("studio")), **how)  # type: ignore[arg-type]


def edited(source: bytes, change: Callable[[dict], object], more: bytes = b"") -> bytes:
    """The file with its JSON changed in place, and more bytes at the end."""
    document = parse_glb(source)
    change(document.json)
    binary = split_glb(source)[1]
    assert binary is not None
    document.json["buffers"][0]["byteLength"] = len(binary) + len(more)
    return write_glb(document.json, bytes(binary) + more)


def corners(document: GltfDocument, primitive: dict, names: tuple[str, ...], decimals: int = 5) -> Counter[bytes]:
    """All triangles as a bag: each starts at its smallest corner, so that winding counts and order does not."""
    values = [document.accessor(primitive["attributes"][name]).astype(np.float64) for name in names]
    rows = np.round(np.concatenate(values, axis=1)[document.accessor(primitive["indices"])], decimals) + 0.0
    triangles = rows.reshape(-1, 3, rows.shape[1]).tolist()
    turned = [min(corner[i:] + corner[:i] for i in range(3)) for corner in triangles]
    return Counter(np.array(triangle).tobytes() for triangle in turned)


def check_described(document: GltfDocument) -> None:
    """What the Khronos validator and KHR_draco_mesh_compression ask of every Draco primitive."""
    assert DRACO in document.json["extensionsUsed"] and DRACO in document.json["extensionsRequired"]
    for primitive, data in zip(primitives(document), draco_bytes(document), strict=True):
        decoded = DracoPy.decode(data)
        by_id = {attribute["unique_id"]: np.asarray(attribute["data"]) for attribute in decoded.attributes}
        ids = primitive["extensions"][DRACO]["attributes"]
        assert ids.keys() <= primitive["attributes"].keys()
        for name, unique in ids.items():
            accessor, values = document.json["accessors"][primitive["attributes"][name]], by_id[unique]
            assert accessor["count"] == len(values) and accessor["type"] == f"VEC{values.shape[1]}"
            if name == "POSITION":
                told = [np.float32(accessor[bound]).tolist() for bound in ("min", "max")]
                assert told == [values.min(axis=0).tolist(), values.max(axis=0).tolist()]
        described = document.json["accessors"][primitive["indices"]]
        assert described["count"] == decoded.faces.size and described["type"] == "SCALAR"
        assert described["componentType"] == (5123 if len(decoded.points) <= 65_535 else 5125)


def test_equal_descriptions_of_different_draco_data_are_not_the_same_accessor():
    """Both sheets have as many vertices and triangles; only their normals and triangles differ."""
    one, other = sheet(12), sheet(12)
    other["NORMAL"], other["triangles"] = -other["NORMAL"], other["triangles"][:, ::-1]
    source = draco_glb([[one], [other], [one]])
    packed = pack(parse_glb(source))
    before, after = flatten(parse_glb(source)), flatten(parse_glb(packed.data))
    assert packed.steps
    heights = [np.bincount(flat.triangle_instance, flat.normals[flat.triangles[:, 0], 1]) for flat in (before, after)]
    assert np.array_equal(np.sign(heights[0]), np.sign(heights[1]))


def test_equal_draco_data_are_kept_once():
    once, twice = (pack(parse_glb(draco_glb([[sheet(60)]] * times))).data for times in (1, 2))
    assert len(parse_glb(twice).json["meshes"]) == 1
    assert len(twice) < len(once) + 200


def test_a_dense_sheet_comes_back_in_draco_and_no_view_tells():
    source = draco_glb([[sheet(120)]])
    packed = seen(source)
    after = parse_glb(packed.data)
    assert {"simplification", "draco"} <= set(packed.steps) and min(packed.psnr_db) >= LEAST_PSNR_DB
    assert len(packed.data) < 0.5 * len(source)
    check_described(after)
    flat = flatten(after)
    # Collapses err by a mean over the triangles around: some point may move a few times as far. And half a grid's step.
    allowed = 4 * SHAPE_PX * flat.diagonal_m / PX_PER_DIAGONAL + 2.0**-12
    shares = np.random.default_rng(0).dirichlet(np.ones(3), 50)
    x, y, _ = np.einsum("sc,tcx->xst", shares, flat.positions[flat.triangles].astype(np.float64))
    assert np.abs(y - 0.05 * np.sin(6 * x)).max() <= allowed
    used = flat.positions[np.unique(flat.triangles)][:, [0, 2]]
    assert np.abs(used.min(axis=0)).max() <= 2.0**-11 and np.abs(used.max(axis=0) - 1).max() <= 2.0**-11


def test_without_pictures_every_triangle_comes_back_as_it_was():
    """On the grids that it came on: nothing is lost, however coarse they are."""
    source = parse_glb(draco_glb([[sheet(50), sheet(30, waves=2.0, lift=0.3)], [sheet(40, lift=-0.2)]]))
    after = parse_glb(pack(source).data)
    check_described(after)
    assert draco_bytes(after) != draco_bytes(source)
    for before, now in zip(primitives(source), primitives(after), strict=True):
        assert corners(source, before, ("POSITION", "NORMAL")) == corners(after, now, ("POSITION", "NORMAL"))


def test_colours_and_attributes_that_nobody_knows_stay_exact_and_beside_their_vertices():
    part, rng = sheet(30), np.random.default_rng(0)
    part["COLOR_0"] = rng.integers(0, 256, (900, 4)).astype("u1")
    part["_WEAR"] = rng.integers(0, 65536, (900, 2)).astype("u2")
    part["_HEAT"] = rng.random((900, 3)).astype("f4")
    source = parse_glb(draco_glb([[part]]))
    after = parse_glb(pack(source).data)
    assert draco_bytes(after) != draco_bytes(source)
    check_described(after)
    names = ("POSITION", "NORMAL", "COLOR_0", "_WEAR", "_HEAT")
    assert corners(source, primitives(source)[0], names) == corners(after, primitives(after)[0], names)
    assert after.json["accessors"][primitives(after)[0]["attributes"]["COLOR_0"]]["normalized"]


def test_where_draco_splits_vertices_the_accessors_tell_how_many_there_are_then():
    """Fins on every third edge of a sheet: three triangles meet there, and Draco knows surfaces only."""
    part, side = sheet(40), 40
    a = np.arange(41, 1500, 3)
    a = a[a % side < side - 1]
    tops = (part["POSITION"][a] + np.array([0, 0.1, 0.01])).astype("f4")
    part["triangles"] = np.concatenate([part["triangles"], np.stack([a, a + 1, 1600 + np.arange(len(a))], 1)])
    for name, more in (("POSITION", tops), ("NORMAL", part["NORMAL"][a]), ("TEXCOORD_0", part["TEXCOORD_0"][a])):
        part[name] = np.concatenate([part[name], more])
    source = parse_glb(draco_glb([[part]]))
    after = parse_glb(pack(source).data)
    check_described(after)
    assert draco_bytes(after) != draco_bytes(source)
    was, now = primitives(source)[0], primitives(after)[0]
    assert corners(source, was, ("POSITION", "NORMAL")) == corners(after, now, ("POSITION", "NORMAL"))


def test_each_primitive_keeps_the_smaller_bytes():
    """The first stands on a grid so coarse that ours is larger; where that grid begins is not to be guessed."""
    coarse = sheet(40) | {"bits": np.array(8)}
    del coarse["TEXCOORD_0"]
    coarse["POSITION"][:, 1] += np.random.default_rng(0).random(1600) * 0.2
    source = parse_glb(draco_glb([[coarse, sheet(60, lift=0.4)]]))
    before, after = draco_bytes(source), draco_bytes(parse_glb(pack(source).data))
    assert after[0] == before[0] and len(after[1]) < len(before[1])


def test_what_two_primitives_share_is_made_anew_once():
    materials = [{"name": "one"}, {"name": "other", "doubleSided": True}]
    after = parse_glb(pack(parse_glb(draco_glb([[sheet(60)] * 2], materials))).data)
    check_described(after)
    assert len(after.json["accessors"]) == 3 and len(after.json["bufferViews"]) == 1


def test_what_two_primitives_share_is_found_beside_first_bytes_that_stay():
    def change(json: dict) -> None:
        for mesh in (1, 2):
            json["meshes"][mesh]["primitives"][0]["material"] = mesh

    materials = [{"name": "one"}, {"alphaMode": "BLEND"}, {"name": "other"}]
    source = parse_glb(edited(draco_glb([[sheet(60)], [sheet(40)], [sheet(60)]], materials), change))
    after = parse_glb(pack(source).data)
    first, stayed, third = draco_bytes(after)
    assert first == third != stayed == draco_bytes(source)[1]


def test_a_primitive_that_shares_only_some_of_its_data_keeps_its_first_bytes():
    def change(json: dict) -> None:
        first, second, _ = (mesh["primitives"][0]["attributes"] for mesh in json["meshes"])
        second["POSITION"] = first["POSITION"]

    one, other = sheet(60), sheet(60)
    other["NORMAL"] = -other["NORMAL"]
    source = parse_glb(edited(draco_glb([[one], [other], [sheet(50, lift=0.4)]]), change))
    after = parse_glb(pack(source).data)
    assert [a == b for a, b in zip(draco_bytes(source), draco_bytes(after), strict=True)] == [True, True, False]


def test_equal_data_of_other_names_keep_their_names():
    def change(json: dict) -> None:
        for number, accessor in enumerate(json["accessors"]):
            accessor["name"] = f"list {number}"  # else equal ones are merged, and neither primitive is by itself

    one, other = sheet(60), sheet(60)
    one["_A"] = other["_B"] = np.zeros((3600, 2), "u1")
    source = parse_glb(edited(draco_glb([[one], [other]]), change))
    packed = pack(source)
    after = parse_glb(packed.data)
    check_described(after)
    assert "draco" in packed.steps
    for before, now in zip(primitives(source), primitives(after), strict=True):
        assert now["attributes"].keys() == before["attributes"].keys() - {"TEXCOORD_0"}


def test_texture_coordinates_stay_within_their_part_of_a_texel():
    """Nothing magnifies them, so 256 texels are assumed: an eighth of one, halved."""
    source = draco_glb([[sheet(120)]], [{"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}}])
    packed = seen(edited(source, lambda json: json.update(textures=[{}])))
    after = parse_glb(packed.data)
    assert "draco" in packed.steps
    check_described(after)
    attributes = primitives(after)[0]["attributes"]
    positions, uv = (after.floats(attributes[name]) for name in ("POSITION", "TEXCOORD_0"))
    came = 2.0**-12 + 2.0**-11  # half a step of each grid that they came on: 11 and 10 bits
    assert np.abs(uv - positions[:, [0, 2]]).max() <= 1 / 16 / 256 + came


@pytest.mark.parametrize("why", ["blended", "morphed", "tangents", "finer", "far"])
def test_where_draco_would_change_something_the_first_bytes_stay(why):
    """Beside a sheet that is made anew: order counts where surfaces blend and targets follow vertices."""
    part, how = sheet(40), {}
    if why == "far":  # of their own grid nothing is to be found, and float32 is coarser than ours there
        part = part | {"bits": np.array(16), "POSITION": part["POSITION"] + np.float32(4096)}
    if why == "tangents":
        part["TANGENT"] = np.tile(np.array([1, 0, 0, 1], "f4"), (1600, 1))
    source = draco_glb([[part], [sheet(60, lift=0.4)]], [{}, {}])
    moves = np.random.default_rng(0).random((1600, 3)).astype("f4").tobytes()

    def change(json: dict) -> None:
        primitive = json["meshes"][0]["primitives"][0]
        json["meshes"][1]["primitives"][0]["material"] = 1
        if why == "blended":
            json["materials"][0]["alphaMode"] = "BLEND"
        if why == "tangents":
            json["materials"][0]["extensions"] = {"KHR_materials_anisotropy": {"anisotropyStrength": 0.5}}
        if why == "morphed":
            moved = {"componentType": 5126, "type": "VEC3", "count": 1600, "bufferView": 2}
            json["accessors"].append(moved | {"min": [0.0] * 3, "max": [1.0] * 3})
            last = json["buffers"][0]["byteLength"]
            json["bufferViews"].append({"buffer": 0, "byteOffset": last + -last % 4, "byteLength": len(moves)})
            primitive["targets"] = [{"POSITION": len(json["accessors"]) - 1}]

    if why == "finer":
        how = {"tolerances": Tolerances(more_bits={(0, 0): 2})}
    document = parse_glb(edited(source, change, moves))
    after = parse_glb(pack(document, **how).data)
    assert why != "morphed" or after.accessor(primitives(after)[0]["targets"][0]["POSITION"]).tobytes() == moves
    first, second = draco_bytes(after)
    assert first == draco_bytes(document)[0]
    assert second != draco_bytes(document)[1]
    was, now = primitives(document)[0], primitives(after)[0]
    names = tuple(was["attributes"])
    assert tuple(now["attributes"]) == names and corners(document, was, names) == corners(after, now, names)


@pytest.mark.parametrize("why", ["optional", "fallback", "shared", "unindexed"])
def test_no_new_draco_where_a_viewer_may_read_other_data(why):
    def change(json: dict) -> None:
        if why == "optional":
            del json["extensionsRequired"]
        elif why == "fallback":
            json["accessors"][0]["bufferView"] = 0
        elif why == "shared":
            json["accessors"].append({"componentType": 5121, "count": 3, "type": "SCALAR", "bufferView": 1})
            json["bufferViews"].append({"buffer": 0, "byteOffset": json["buffers"][0]["byteLength"], "byteLength": 3})
            attributes = json["meshes"][0]["primitives"][0]["attributes"]
            json["meshes"][0]["primitives"].append({"attributes": attributes, "indices": len(json["accessors"]) - 1})
        else:
            del json["meshes"][0]["primitives"][0]["indices"]

    packed = pack(parse_glb(edited(draco_glb([[sheet(60)]]), change, bytes([0, 1, 2]))))
    assert "draco" not in packed.steps and not packed.notes  # and no reason to give up


def test_a_crowd_of_a_mesh_made_anew_is_drawn_at_once():
    def change(json: dict) -> None:
        json["nodes"] = [{"mesh": 0, "translation": [1.1 * (i % 20), 0, 1.1 * (i // 20)]} for i in range(200)]
        json["scenes"] = [{"nodes": list(range(200))}]

    source = edited(draco_glb([[sheet(60)]]), change)
    packed = pack(parse_glb(source))
    after = parse_glb(packed.data)
    assert "draco" in packed.steps and len(after.json["nodes"]) == 1
    before, now = flatten(parse_glb(source)), flatten(after)
    for bound in (np.min, np.max):
        assert np.abs(bound(before.positions, axis=0) - bound(now.positions, axis=0)).max() < 1e-4


def test_broken_draco_bytes_leave_the_file_as_it_is():
    def change(json: dict) -> None:
        json["bufferViews"][1]["byteLength"] //= 2

    source = edited(draco_glb([[sheet(60)], [sheet(40)]]), change)
    packed = pack(parse_glb(source))
    assert packed.data == source and "Draco" in packed.notes[0]


def test_the_same_bytes_every_time_and_nothing_left_to_gain():
    source = draco_glb([[sheet(70), sheet(50, lift=0.3)]])
    assert seen(source, threads=2).data == seen(source).data
    once = pack(parse_glb(source))
    again = pack(parse_glb(once.data))
    assert 0.98 * len(once.data) <= len(again.data) <= len(once.data)


def test_where_draco_must_stay_as_it_came_it_is_unpacked_if_that_is_smaller():
    """Blended: Draco would lose the order of the triangles, plain data keep it."""
    source = edited(draco_glb([[sheet(120)]], [{}]), lambda json: json["materials"][0].update(alphaMode="BLEND"))
    packed = seen(source)
    assert "simplification" in packed.steps and len(packed.data) < len(source)
    assert DRACO not in parse_glb(packed.data).json["extensionsUsed"]
