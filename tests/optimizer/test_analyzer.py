"""Scores belong to the scene, not to its encoding; and no scene, however broken, breaks the analyzer."""

from dataclasses import replace
from io import StringIO
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from rich.console import Console

from nightproof.optimizer.analyzer import SceneAnalyzer
from nightproof.optimizer.features.surface import surface_of
from nightproof.optimizer.features.topology import _duplicates, topology_of
from nightproof.optimizer.inspection import render_inspection
from nightproof.optimizer.router import OptimizationRouter
from nightproof.records.analysis import Analysis
from nightproof.records.route import Estimate
from nightproof.records.scene import Scene
from nightproof.scenes.flat import FlatScene, Instance, Material

SHARED = Path(__file__).parents[2] / ".." / "shared" / "scenes"
DOCUMENT = SimpleNamespace(json={})
RECORD = Scene(
    **dict.fromkeys(("source_sha256", "geometry", "materials", "lights", "cameras", "animation"), "0" * 64),
    name="test.glb", source_bytes=1, format="glb", triangles=0, extensions=(),
    bounds_min_m=(0.0, 0.0, 0.0), bounds_max_m=(1.0, 1.0, 1.0),
)  # fmt: skip
ESTIMATE = Estimate(bytes_out=1, cpu_seconds=1.0, ssim=0.99, psnr_db=40.0)

CUBE = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], np.float32)
OUTWARD = np.array(
    [[0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1], [2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4],
     [1, 5, 7], [1, 7, 3]], np.uint32,
)  # fmt: skip


def flat_of(positions, triangles, material=None, materials=(Material(metallic=0.0),), split=1) -> FlatScene:
    positions, triangles = np.asarray(positions, np.float32).reshape(-1, 3), np.asarray(triangles, np.uint32)
    count, vertices = len(triangles), len(positions)
    return FlatScene(
        positions=positions, normals=np.tile(np.float32([0, 1, 0]), (vertices, 1)),
        tangents=np.zeros((vertices, 4), np.float32), uv0=np.zeros((vertices, 2), np.float32),
        uv1=np.zeros((vertices, 2), np.float32), colors=np.ones((vertices, 4), np.float32),
        triangles=triangles.reshape(-1, 3),
        triangle_material=np.zeros(count, np.uint32) if material is None else np.asarray(material, np.uint32),
        triangle_instance=(np.arange(count) % split).astype(np.uint32),
        instances=tuple(Instance(0, 0, i, 0, 0, 0, 0, 0, np.eye(4)) for i in range(split)), materials=materials,
    )  # fmt: skip


def lit_room() -> FlatScene:
    """A closed 4 × 2.5 × 6 m room seen from inside, two boxes, a ceiling lamp."""
    room = CUBE * np.float32([4, 2.5, 6])
    lamp = np.float32([[1.5, 2.45, 2], [2.5, 2.45, 2], [2.5, 2.45, 4], [1.5, 2.45, 4]])
    positions = np.concatenate([room, CUBE + np.float32([0.5, 0, 1]), CUBE * 0.8 + np.float32([2.5, 0, 4]), lamp])
    lamp_triangles = np.uint32([[0, 1, 2], [0, 2, 3]]) + 24
    triangles = np.concatenate([OUTWARD[:, ::-1], OUTWARD + 8, OUTWARD + 16, lamp_triangles])
    materials = (Material(metallic=0.0, base_color=(0.7, 0.7, 0.7, 1.0)), Material(emissive=(5.0, 5.0, 5.0)))
    return flat_of(positions, triangles, [0] * 36 + [1] * 2, materials)


def analyze(flat: FlatScene, document=DOCUMENT) -> Analysis:
    return SceneAnalyzer().analyze(RECORD, document, flat)


def encodings():
    room, draw = lit_room(), np.random.default_rng(3)
    order = draw.permutation(len(room.triangles))
    yield (
        "triangle order",
        replace(room, triangles=room.triangles[order], triangle_material=room.triangle_material[order]),
    )
    yield "corner order", replace(room, triangles=np.roll(room.triangles, 1, axis=1))
    yield "units", replace(room, positions=room.positions * np.float32(100))
    yield "split", flat_of(
        room.positions[room.triangles].reshape(-1, 3), np.arange(len(room.triangles) * 3).reshape(-1, 3),
        room.triangle_material, room.materials, split=7,
    )  # fmt: skip


@pytest.mark.parametrize("encoding", list(encodings()), ids=lambda item: item[0])
def test_scores_do_not_depend_on_the_encoding(encoding):
    one, other = analyze(lit_room()), analyze(encoding[1])
    for score in ("baking", "dynamic", "complexity"):
        assert getattr(other.scores, score) == pytest.approx(getattr(one.scores, score), abs=0.02)
    assert other.scene_class == one.scene_class


def test_a_lit_room_is_an_interior_to_be_baked_by_its_own_light():
    found = analyze(lit_room())
    assert (found.scene_class, found.environment) == ("interior", "none")
    assert found.scores.baking > 0.7
    assert found.scores.dynamic == 0
    assert OptimizationRouter().route(found, {"baking": ESTIMATE, "packing": ESTIMATE}).pipeline == "baking"
    assert 0.2 < found.features["lighting"]["indirect_share_own"] < 0.8


def test_a_cube_measures_as_computed_by_hand():
    features = analyze(flat_of(CUBE, OUTWARD)).features
    assert features["geometric"]["area_per_diagonal2"] == pytest.approx(2.0, rel=1e-5)
    assert features["geometric"]["upward_share"] == pytest.approx(1 / 6, rel=1e-5)
    assert features["geometric"]["parts"] == 1
    assert features["geometric"]["boundary_share"] == 0
    # Edges: 12 of length 1 at right angles, 6 flat diagonals.
    assert features["geometric"]["crease_share"] == pytest.approx(12 / (12 + 6 * 2**0.5), rel=1e-5)
    assert features["lighting"]["sky_visibility"] == 1.0
    # 0.15 (1 − roughness²) with roughness 1 is nothing.
    assert features["material"]["view_dependence"] == 0


def test_a_ball_of_mirror_depends_on_the_viewer_and_an_unlit_one_does_not():
    mirror = analyze(flat_of(CUBE, OUTWARD, materials=(Material(metallic=1.0, roughness=0.0),)))
    assert mirror.features["material"]["view_dependence"] == 1.0
    assert mirror.scores.baking == 0
    unlit = analyze(flat_of(CUBE, OUTWARD, materials=(Material(metallic=1.0, roughness=0.0, unlit=True),)))
    assert unlit.features["material"]["view_dependence"] == 0


def test_copies_are_seen_without_instancing():
    places = np.float32([[x, 0, z] for x in range(6) for z in range(6)]) * 3
    positions = (CUBE[None] * np.linspace(0.5, 1.5, 36)[:, None, None] + places[:, None]).reshape(-1, 3)
    triangles = (OUTWARD[None] + 8 * np.arange(36)[:, None, None]).reshape(-1, 3)
    assert analyze(flat_of(positions, triangles)).features["geometric"]["most_copied_share"] == pytest.approx(1.0)


def test_duplicates_and_degenerate_triangles_are_counted():
    triangles = np.concatenate([OUTWARD, OUTWARD[:3], [[0, 0, 1]]])
    features = analyze(flat_of(CUBE, triangles)).features
    assert features["geometric"]["degenerate_share"] == pytest.approx(1 / 16)
    assert features["geometric"]["duplicate_share"] == pytest.approx(3 / 15)
    assert topology_of(surface_of(flat_of(CUBE, OUTWARD))).duplicates == 0


@pytest.mark.parametrize("far", [1, 1 << 19, 1 << 24], ids=["few", "one number each", "too many for that"])
def test_duplicates_are_found_whatever_their_corners_are_called(far):
    triangles = np.array([[0, 1, 2], [2, 0, 1], [0, 2, 3], [1, 2, 3], [3, 2, 1], [0, 1, 4], [1, 0, 2]], np.int32)
    assert _duplicates(triangles * far) == 3
    assert _duplicates(triangles[:0]) == 0


def test_triangles_of_millions_of_corners_are_not_taken_for_each_other():
    """Low × 2⁴⁴ + middle × 2²² + high is the same number for both, once it is cut to 64 bits."""
    assert _duplicates(np.array([[0, 1 << 21, (1 << 22) - 1], [1 << 20, 1 << 21, (1 << 22) - 1]], np.int32)) == 0


def clip(values) -> SimpleNamespace:
    json = {
        "nodes": [{"mesh": 0}],
        "animations": [
            {
                "samplers": [{"input": 0, "output": 1}],
                "channels": [{"sampler": 0, "target": {"node": 0, "path": "translation"}}],
            }
        ],
    }
    arrays = [np.float32([0, 2]), np.float32(values)]
    return SimpleNamespace(json=json, accessor=lambda index: arrays[index])


def test_a_clip_that_moves_something_is_dynamic_and_one_that_does_not_is_not():
    moving = analyze(flat_of(CUBE, OUTWARD), clip([[0, 0, 0], [1, 0, 0]]))
    assert moving.scores.dynamic == 1.0
    assert moving.features["dynamic"]["longest_clip_s"] == 2.0
    still = analyze(flat_of(CUBE, OUTWARD), clip([[1, 0, 0], [1, 0, 0]]))
    assert still.scores.dynamic == 0
    assert any("move nothing" in hint for hint in still.hints)


@pytest.mark.parametrize(
    "flat",
    [
        flat_of(np.zeros((0, 3)), np.zeros((0, 3))),
        flat_of([[0, 0, 0], [1, 0, 0], [0, 1, 0]], [[0, 1, 2]]),
        flat_of([[5, 5, 5]] * 3, [[0, 1, 2]]),
        flat_of([[np.nan, 0, 0], [1, np.inf, 0], [0, 1, 0]], [[0, 1, 2]]),
        flat_of(CUBE * np.float32(1e-20), OUTWARD),
        flat_of(CUBE * np.float32(1e18), OUTWARD),
        flat_of(CUBE, OUTWARD, materials=(Material(emissive=(np.inf, np.nan, 1.0), roughness=np.nan),)),
    ],
    ids=["empty", "one triangle", "no area", "not finite", "tiny", "huge", "broken material"],
)  # fmt: skip
def test_no_scene_breaks_the_analysis_and_the_page(flat):
    found = analyze(flat)
    assert Analysis.from_bytes(found.canonical_bytes()) == found
    route = OptimizationRouter().route(found, {"packing": ESTIMATE})
    page = StringIO()
    render_inspection(Console(file=page, width=100), RECORD, found, route)
    assert "baking" in page.getvalue()
    nothing = found.features["geometric"]["area_per_diagonal2"] == 0
    assert (
        ("nothing: there is no surface" in page.getvalue())
        == nothing
        == (f"{found.scene_class}, " not in page.getvalue())
    )


def test_threads_do_not_change_the_analysis():
    one, two = (SceneAnalyzer(threads=n).analyze(RECORD, DOCUMENT, lit_room()) for n in (1, 2))
    assert one == two


CLASSES = {
    **dict.fromkeys(("GodotGI_zdm2", "GodotOcclusionRoom"), "interior"),
    **dict.fromkeys(("ManyCubes", "SimpleInstancing"), "instanced"),
    **dict.fromkeys(("GlassVaseFlowers", "JapaneseBridgeGarden_meshopt"), "foliage"),
    **dict.fromkeys(("CesiumMilkTruck", "CesiumMilkTruck_draco", "Bike", "Helicopter"), "vehicle"),
    **dict.fromkeys(("Lamborghini_meshopt", "ShaderBall_usdwg"), "vehicle"),
    **{"LowPolyFarm": "exterior", "GodotTruckTown": "terrain", "Fox": "character"},
}
"""From SOURCES.md; whatever is not named is a product."""


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.skipif(not SHARED.is_dir(), reason="../shared is absent")
def test_real_scenes_are_taken_for_what_they_are():
    from nightproof.scenes.flatten import flatten
    from nightproof.scenes.gltf import load_gltf

    right = 0
    for path in sorted(SHARED.glob("*.glb")):
        document = load_gltf(path)
        found = analyze(flatten(document), document)
        right += found.scene_class == CLASSES.get(path.stem, "product")
        if found.scene_class == "interior":
            assert found.scores.baking > 0.7, path.stem
        if path.stem in ("Fox", "MorphStressTest", "AnimateAllTheThings", "CesiumMilkTruck"):
            assert found.scores.dynamic >= 0.3, path.stem
        if found.scene_class == "foliage":
            assert found.scores.complexity > 0.8, path.stem
    assert right >= 27
