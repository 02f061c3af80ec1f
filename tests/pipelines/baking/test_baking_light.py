"""Light on texels against what is known by heart, threads, and kills."""

from dataclasses import replace

import numpy as np
import pytest

from nightproof.pipelines.baking.atlas import Surface, pack
from nightproof.pipelines.baking.charts import cut
from nightproof.pipelines.baking.checkpoints import Checkpoints
from nightproof.pipelines.baking.light import Sampling, extrapolated, gather_map, light_pages, page_covers
from nightproof.rendering.tracer import Tracer
from nightproof.scenes.flat import Environment, FlatScene, Instance, Material, PunctualLight

NOBODY = np.zeros((0, 14), np.float32)


def boxes(parts, materials, **other):
    """A scene of quads: (corner, edge, edge, material) each; the front looks along edge × edge."""
    positions, normals, triangles, instances = [], [], [], []
    for index, (corner, along, across, material) in enumerate(parts):
        corner, along, across = (np.array(v, np.float64) for v in (corner, along, across))
        normal = np.cross(along, across)
        positions += [corner, corner + along, corner + along + across, corner + across]
        normals += [normal / np.linalg.norm(normal)] * 4
        triangles += [[4 * index, 4 * index + 1, 4 * index + 2], [4 * index, 4 * index + 2, 4 * index + 3]]
        instances.append(Instance(index, index, 0, 2 * index, 2, 4 * index, 4, material, np.eye(4)))
    count = len(positions)
    zeros = np.zeros((count, 2), np.float32)
    return FlatScene(
        np.array(positions, np.float32),
        np.array(normals, np.float32),
        np.zeros((count, 4), np.float32),
        zeros,
        zeros,
        np.ones((count, 4), np.float32),
        np.array(triangles, np.uint32),
        np.repeat([i.material for i in instances], 2).astype(np.uint32),
        np.repeat(np.arange(len(instances)), 2).astype(np.uint32),
        tuple(instances),
        tuple(materials),
        **other,
    )


def lambert(albedo, **other):
    return Material(base_color=(albedo, albedo, albedo, 1.0), metallic=0.0, specular=0.0, **other)


def atlas_of(flat, texels=4000, padding=2):
    charts = cut(flat)
    density = np.ones(sum(c.count for c in charts)) * 1000
    surfaces = [Surface(i, False, c) for i, c in enumerate(charts)]
    first = [i.first_triangle for i in flat.instances]
    return pack(surfaces, first, density, max_texels=texels, page_px=1024, padding_px=padding)


def light(flat, atlas, folder, samples=64, gather=None, threads=1, stage="s", depth=16, **other):
    sampling = Sampling(
        seed=3, least_samples=samples, most_samples=samples, error=0, floor=0.01, unseen=0.5, near_m=1,
        max_depth=depth, **other,
    )  # fmt: skip
    return light_pages(
        Tracer(flat, threads), atlas, page_covers(atlas), NOBODY, gather, sampling, stage=stage, tile_px=32,
        moments=False, checkpoints=Checkpoints(folder), threads=threads, progress=lambda f: None,
    )  # fmt: skip


PLANE = [((-1, 0, 1), (2, 0, 0), (0, 0, -2), 0)]


def test_a_plane_in_a_furnace_shines_like_its_albedo(tmp_path):
    sky = Environment(np.ones((4, 8, 3), np.float32))
    flat = boxes(PLANE, [lambert(0.6)], environment=sky)
    (page,) = light(flat, atlas_of(flat), tmp_path, samples=64)
    assert page.valid.any()
    np.testing.assert_allclose(page.radiance[page.valid].mean(axis=0), 0.6, rtol=0.01)
    np.testing.assert_allclose(page.albedo[page.valid], 0.6, rtol=1e-4)


def test_a_point_light_over_a_plane_gives_the_inverse_square_and_the_cosine(tmp_path):
    height, candela = 1.0, 7.0
    lamp = PunctualLight("point", (1.0, 1.0, 1.0), candela, position_m=(0.0, height, 0.0))
    flat = boxes(PLANE, [lambert(0.5)], lights=(lamp,))
    atlas = atlas_of(flat, texels=900)
    (page,) = light(flat, atlas, tmp_path, samples=16, depth=3)
    sheet = atlas.pages[0]
    corners = flat.positions[flat.triangles[sheet.triangle[0]]].astype(np.float64)
    uv = sheet.uv_px[sheet.corners[0]].astype(np.float64)
    to_world = np.linalg.lstsq(np.column_stack([uv, np.ones(3)]), corners, rcond=None)[0]
    rows, columns = np.nonzero(page.valid)
    world = np.column_stack([columns + 0.5, rows + 0.5, np.ones(len(rows))]) @ to_world
    inside = np.abs(world[:, [0, 2]]).max(axis=1) < 0.9
    distance_sq = world[:, 0] ** 2 + world[:, 2] ** 2 + height**2
    expected = 0.5 / np.pi * candela * height / distance_sq**1.5
    np.testing.assert_allclose(page.radiance[rows, columns, 0][inside], expected[inside], rtol=0.02)


ROOM = [
    ((-1, 0, 1), (2, 0, 0), (0, 0, -2), 0),  # floor
    ((-1, 2, -1), (2, 0, 0), (0, 0, 2), 0),  # ceiling
    ((-1, 0, -1), (2, 0, 0), (0, 2, 0), 0),  # back
    ((1, 0, 1), (-2, 0, 0), (0, 2, 0), 0),  # front
    ((-1, 0, 1), (0, 0, -2), (0, 2, 0), 0),  # left
    ((1, 0, -1), (0, 0, 2), (0, 2, 0), 0),  # right
    ((-0.4, 1.99, -0.4), (0.8, 0, 0), (0, 0, 0.8), 1),  # lamp
]


def room():
    return boxes(ROOM, [lambert(0.7), lambert(0.0, emissive=(5.0, 5.0, 5.0))])


def test_gathering_agrees_with_full_paths(tmp_path):
    flat = room()
    atlas, coarse = atlas_of(flat, 3000), atlas_of(flat, 2500, padding=1)
    (full,) = light(flat, atlas, tmp_path / "full", samples=128, depth=32)
    pages, history = None, []
    for number in range(6):
        gathered = gather_map(flat, coarse, page_covers(coarse), pages)
        pages = light(flat, coarse, tmp_path / "g", 32, gathered, stage=f"g{number}", without_emission=True)
        history.append(pages)
    pages = extrapolated(history)
    (quick,) = light(
        flat, atlas, tmp_path / "quick", samples=64, gather=gather_map(flat, coarse, page_covers(coarse), pages)
    )
    both = full.valid & quick.valid
    assert quick.radiance[both].mean() == pytest.approx(full.radiance[both].mean(), rel=0.01)


def test_paths_do_not_read_texels_that_may_lie_within_solids_in_part(tmp_path):
    """Neighbours of a buried texel are left to the paths, except where viewers said which part is in the open."""
    flat = boxes(PLANE, [lambert(0.6)])
    atlas = atlas_of(flat, 900)
    covers = page_covers(atlas)
    (page,) = light(flat, atlas, tmp_path, samples=1)
    valid, seen = page.valid.copy(), page.seen.copy()
    rows, columns = np.nonzero(page.valid[1:-1, 1:-1])
    y, x = next((r + 1, c + 1) for r, c in zip(rows, columns, strict=True) if page.valid[r : r + 3, c : c + 3].all())
    valid[y, x] = False
    seen[y, x + 1] = 3
    (may_read,) = gather_map(flat, atlas, covers, [replace(page, valid=valid, seen=seen)]).valid
    expected = page.valid.copy()
    expected[y - 1 : y + 2, x - 1 : x + 2] = False
    expected[y, x + 1] = True
    np.testing.assert_array_equal(may_read.astype(bool), expected)


def test_paths_that_come_from_nearby_do_not_read_the_map(tmp_path):
    """Light of a thousand suns in the map: seen where the map is fine enough for the distance, else not at all."""
    flat = room()
    atlas = atlas_of(flat, 1500)
    (lit,) = light(flat, atlas, tmp_path / "lit", samples=1)
    bright = gather_map(flat, atlas, page_covers(atlas), [replace(lit, radiance=np.full_like(lit.radiance, 1000))])
    (full,) = light(flat, atlas, tmp_path / "full", samples=4)
    (far,) = light(flat, atlas, tmp_path / "far", samples=4, gather=bright)
    (near,) = light(
        flat, atlas, tmp_path / "near", samples=4, gather=replace(bright, near_m=np.full_like(bright.near_m, 10))
    )
    assert far.radiance.mean() > 100 * full.radiance.mean()
    np.testing.assert_array_equal(near.radiance, full.radiance)


def test_no_light_leaks_through_a_thin_wall(tmp_path):
    """A closed dark room of sheets in bright surroundings: not one texel inside gets any light, gathered or not."""
    sky = Environment(np.full((4, 8, 3), 100, np.float32))
    flat = boxes(ROOM[:6], [lambert(0.7)], environment=sky)
    atlas = atlas_of(flat, 3000)
    (page,) = light(flat, atlas, tmp_path, samples=32, gather=gather_map(flat, atlas, page_covers(atlas), None))
    assert page.valid.any()
    # Rays that leave through the very edge between two sheets are all that may pass.
    assert np.mean(page.radiance[page.valid].max(axis=1) > 0) < 0.002


def test_texels_within_solids_are_told_apart(tmp_path):
    """Under a closed box of outward faces, the floor sees backs only."""
    inside_out = [(np.add(c, [0, 0, 0]), b, a, m) for c, a, b, m in ROOM[1:6]]
    flat = boxes([((-0.9, 0.0, 0.9), (1.8, 0, 0), (0, 0, -1.8), 0), *inside_out], [lambert(0.5)])
    atlas = atlas_of(flat, 3000)
    (page,) = light(flat, atlas, tmp_path, samples=4)
    floor = atlas.pages[0].uv_px[atlas.pages[0].corners[atlas.pages[0].triangle < 2]].mean(axis=(0, 1)).astype(int)
    assert not page.valid[floor[1], floor[0]]


def test_threads_do_not_change_a_byte(tmp_path):
    flat = room()
    atlas = atlas_of(flat, 2000)
    one = light(flat, atlas, tmp_path / "1", samples=8, threads=1)
    two = light(flat, atlas, tmp_path / "2", samples=8, threads=2)
    assert one[0].radiance.tobytes() == two[0].radiance.tobytes()


def test_a_killed_bake_carries_on_with_the_same_bytes(tmp_path):
    flat = room()
    atlas = atlas_of(flat, 4000)
    whole = light(flat, atlas, tmp_path / "whole", samples=8)

    class Killed(Exception):
        pass

    def kill(fraction):
        raise Killed

    sampling = Sampling(
        seed=3, least_samples=8, most_samples=8, error=0, floor=0.01, unseen=0.5, near_m=1, max_depth=16
    )
    for _ in range(2):  # each attempt finishes one tile more before it dies
        with pytest.raises(Killed):
            light_pages(
                Tracer(flat, 1), atlas, page_covers(atlas), NOBODY, None, sampling, stage="s", tile_px=32,
                moments=False, checkpoints=Checkpoints(tmp_path / "k"), threads=1, progress=kill,
            )  # fmt: skip
    kept = sorted((tmp_path / "k").iterdir())
    assert kept and len(kept) < len(list((tmp_path / "whole").iterdir()))
    kept[0].write_bytes(kept[0].read_bytes()[:100])  # a torn file must be made again
    (again,) = light(flat, atlas, tmp_path / "k", samples=8)
    assert again.radiance.tobytes() == whole[0].radiance.tobytes()


def test_earlier_roulette_is_noisier_and_as_bright(tmp_path):
    flat = room()
    atlas = atlas_of(flat)
    pages = {}
    for first in (1, 3):
        for stage in "ab":
            how = {"samples": 32 if stage == "a" else 8, "first_roulette": first, "stage": f"{first}{stage}"}
            (pages[first, stage],) = light(flat, atlas, tmp_path, **how)
    valid = pages[3, "a"].valid
    mean = {key: page.radiance[valid].mean() for key, page in pages.items()}
    noise = {k: np.mean((pages[k, "b"].radiance - pages[k, "a"].radiance)[valid] ** 2) for k in (1, 3)}
    assert mean[1, "a"] == pytest.approx(mean[3, "a"], rel=0.01)
    assert noise[1] > 1.2 * noise[3]
