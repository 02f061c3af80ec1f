"""Four rooms on which three engines mean the same thing: our interiors with every surface Lambertian.

What is simplified, and why: each material keeps one colour, the mean of its texture (no engine's filtering matters);
metals and gloss become diffuse (a DIFFUSE bake knows nothing else); normals are those of the triangles (smooth
normals have a fix of their own in every engine). Lamps are closed behind by a black sheet, because Blender's emission
is two-sided. The gallery is lit by panels, the kitchen by its point lights, the bedroom by a wide panel, the living
room by an even grey sky.

One lightmap per room, cut and packed once; every engine gets the same UV set and bakes the texels whose centre lies
in a triangle. Surfaces outside the room (nothing stands before them) are left out.

A texel's value is the mean over the middle half of its square, along both axes: that is where Cycles puts its samples,
whatever its pixel filter is set to (a cover that slides over a texel shows it). Our kernel averages over whole texels,
so it is given a page twice as fine, shifted so that every second texel of it is that middle.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int, UInt32

from nightproof import _native
from nightproof.kernels.bake import Cover, count_cover, cover
from nightproof.kernels.rays import RayCaster
from nightproof.pipelines.baking.atlas import Atlas, AtlasImpossible, Page, Surface, pack
from nightproof.pipelines.baking.charts import Charts, cut
from nightproof.pipelines.baking.smooth import chart_map
from nightproof.pipelines.baking.viewers import camera_rows, viewers
from nightproof.rendering.tracer import Tracer
from nightproof.scenes.flat import Environment, FlatScene, Instance, Material
from nightproof.scenes.flatten import flatten
from nightproof.scenes.gltf import load_gltf
from nightproof.scenes.interiors.bedroom import bedroom
from nightproof.scenes.interiors.gallery import gallery
from nightproof.scenes.interiors.kitchen import kitchen
from nightproof.scenes.interiors.living_room import living_room
from nightproof.scenes.srgb import LINEAR_OF_BYTE

Array = np.ndarray

LIFT_M = 5e-5
"""Between a lamp and the black sheet behind it: what escapes sideways is lift × perimeter / area of the back's light,
below 0.03 % for our panels."""
SKY_RADIANCE = 1.0
SKY_ROWS = 64
PADDING_PX = 2
DENSITY_PER_M = 1000.0
"""Asked for, so that the size of the page alone decides."""
PROBES = 16
"""Points per chart that look straight up, to find out what lies outside."""
TOUCHING_M = 5e-3
"""Texels with another piece this close before or behind them don't count: of two surfaces in one place, which is lit
is for rounding to say."""
SMALL_SHARE = 1e-4
"""Of all area: smaller charts (leaves, book spines) are left out of the lightmap, they hold no texel that counts."""
LAMP_M = 0.5
"""Texels nearer to a point light don't count: light grows with 1 / r², and they alone would decide every error."""

EYES = 16
"""Views of the room that tell which part of a coarse texel is in the open, as the pipeline's views do."""
EYE_PX = (512, 384)

ROOMS: dict[str, Callable[[], bytes]] = {
    "gallery": gallery,
    "kitchen": kitchen,
    "bedroom": bedroom,
    "living room": living_room,
}


@dataclass(frozen=True)
class MatteRoom:
    """A room, its lightmap, and the texels that count."""

    name: str
    flat: FlatScene
    atlas: Atlas
    """One page."""
    coarse: Atlas
    """The same charts with fewer texels, for paths to gather from."""
    cover: Cover
    """Texels whose centre lies in a triangle, each with all triangles that touch it."""
    middles: Atlas
    """The page twice as fine: its texel (2x, 2y) is the middle half of texel (x, y)."""
    middle_cover: Cover
    eyes: Float32[Array, "k 14"]
    chart: Int[Array, "h w"]
    counted: Bool[Array, "h w"]
    """Texels whose eight neighbours belong to the same chart, with nothing that touches the surface there."""

    @property
    def page(self) -> Page:
        return self.atlas.pages[0]

    @property
    def texels(self) -> int:
        return len(self.cover.texel)

    def save(self, path: Path) -> None:
        """For engines that read nothing of ours (benchmarks/peers/): plain arrays, as cycles_bake.py describes them."""
        page, flat = self.page, self.flat
        uv = np.full((len(flat.positions), 2), -1, np.float32)
        size = np.array([page.width_px, page.height_px], np.float32)
        uv[flat.triangles[page.triangle].astype(np.int64).ravel()] = page.uv_px[page.corners.ravel()] / size
        strengths = [np.array(light.color) * light.intensity for light in flat.lights]
        np.savez(
            path,
            positions=flat.positions,
            triangles=flat.triangles,
            uv=uv,
            triangle_material=flat.triangle_material,
            albedo=np.array([m.base_color[:3] for m in flat.materials], np.float32),
            emission=np.array([m.emissive for m in flat.materials], np.float32),
            point_position=np.array([light.position_m for light in flat.lights], np.float32).reshape(-1, 3),
            point_intensity=np.array(strengths, np.float32).reshape(-1, 3),
            sky=np.zeros(3, np.float32) if flat.environment is None else flat.environment.radiance[0, 0],
            size=size.astype(int),
        )


def matte_room(name: str, size_px: int, coarse_share: float) -> MatteRoom:
    """The named room with a lightmap of about `size_px` squared; the coarse one has `coarse_share` of its texels."""
    source = _flat(name)
    charts = cut(source)
    dark = [
        _glows(source, i.material) for i, own in zip(source.instances, charts, strict=True) for _ in range(own.count)
    ]
    left_out = _outside(source, charts) | np.array(dark, bool) | _small(charts)
    charts = _without(charts, left_out)
    atlas = _packed(source, charts, size_px**2, PADDING_PX)
    (page,) = atlas.pages
    found = _centred(page)
    middles = _middles(atlas)
    chart = chart_map(page, found)
    flat = matte(source)
    return MatteRoom(
        name,
        flat,
        atlas,
        _packed(source, charts, int(size_px**2 * coarse_share), 1),
        found,
        middles,
        _middle_cover(found, page, middles.pages[0]),
        camera_rows(viewers(source, RayCaster(source.positions, source.triangles, 1), 1, EYES, *EYE_PX)),
        chart,
        _same_around(np.where(_touched(source, flat, page, found), -1, chart)),
    )


def matte(flat: FlatScene) -> FlatScene:
    """Lambertian surfaces of one colour each, as loose triangles; lamps closed behind."""
    positions = flat.positions[flat.triangles.astype(np.int64)]
    glowing = np.array([_glows(flat, m) for m in range(len(flat.materials))], bool)[flat.triangle_material]
    materials = [_matte_material(flat, m) for m in flat.materials]
    black = len(materials)
    materials.append(Material("behind a lamp", (0, 0, 0, 1), metallic=0, specular=0))
    backs = positions[glowing] - LIFT_M * _normals(positions[glowing])[:, None]
    positions = np.concatenate([positions, backs[:, ::-1]]).astype(np.float32)
    count = len(positions)
    number = np.arange(3 * count, dtype=np.uint32).reshape(-1, 3)
    material = np.concatenate([flat.triangle_material, np.full(glowing.sum(), black)]).astype(np.uint32)
    zeros = np.zeros((3 * count, 2), np.float32)
    even = Environment(np.full((SKY_ROWS, 2 * SKY_ROWS, 3), SKY_RADIANCE, np.float32))
    return FlatScene(
        positions=positions.reshape(-1, 3),
        normals=np.repeat(_normals(positions), 3, axis=0).astype(np.float32),
        tangents=np.zeros((3 * count, 4), np.float32),
        uv0=zeros,
        uv1=zeros,
        colors=np.ones((3 * count, 4), np.float32),
        triangles=number,
        triangle_material=material,
        triangle_instance=np.zeros(count, np.uint32),
        instances=(Instance(0, 0, 0, 0, count, 0, 3 * count, 0, np.eye(4)),),
        materials=tuple(materials),
        lights=flat.lights,
        environment=None if glowing.any() or flat.lights else even,
    )


def _flat(name: str) -> FlatScene:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "room.glb"
        path.write_bytes(ROOMS[name]())
        return flatten(load_gltf(path), None)


def _glows(flat: FlatScene, material: int) -> bool:
    return max(flat.materials[material].emissive) > 0


def _matte_material(flat: FlatScene, material: Material) -> Material:
    color = np.array(material.base_color[:3])
    if material.base_color_texture is not None:
        pixels = flat.textures[material.base_color_texture.texture].pixels
        color = color * LINEAR_OF_BYTE[pixels[..., :3]].mean(axis=(0, 1))
    if max(material.emissive) > 0:
        color = np.zeros(3)
    shade = tuple(float(c) for c in color)
    return Material(material.name, (*shade, 1.0), metallic=0.0, specular=0.0, emissive=material.emissive)


def _normals(corners: Float[Array, "t 3 3"]) -> Float[Array, "t 3"]:
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]).astype(np.float64)
    return cross / np.maximum(np.linalg.norm(cross, axis=1, keepdims=True), 1e-30)


def _outside(flat: FlatScene, charts: list[Charts]) -> Bool[Array, "c"]:
    """Charts most of whose points have nothing before them."""
    caster = RayCaster(flat.positions, flat.triangles, 1)
    rng = np.random.default_rng(1)
    found = []
    for instance, cuts in zip(flat.instances, charts, strict=True):
        for number in range(cuts.count):
            own = cuts.triangle[cuts.chart == number].astype(np.int64) + instance.first_triangle
            corners = flat.positions[flat.triangles[own].astype(np.int64)].astype(np.float64)
            cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
            area = np.linalg.norm(cross, axis=1)
            pick = rng.choice(len(own), PROBES, p=area / area.sum())
            weights = rng.dirichlet((1, 1, 1), PROBES)
            normal = cross[pick] / area[pick, None]
            origin = np.einsum("pk,pkx->px", weights, corners[pick]) + 1e-4 * normal
            distance = caster.closest(origin, normal).distance_m
            found.append(np.mean(~np.isfinite(distance)) > 0.5)
    return np.array(found, bool)


def _small(charts: list[Charts]) -> Bool[Array, "c"]:
    areas = []
    for own in charts:
        a, b, c = (own.uv_m[own.corners[:, k]] for k in range(3))
        twice = np.abs((b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0]))
        areas.append(np.bincount(own.chart, twice / 2, own.count))
    per_chart = np.concatenate(areas)
    return per_chart < SMALL_SHARE * per_chart.sum()


def _without(charts: list[Charts], left_out: Bool[Array, "c"]) -> list[Charts]:
    """The rest, renumbered."""
    first, result = 0, []
    for own in charts:
        kept = ~left_out[first : first + own.count][own.chart]
        first += own.count
        used, corners = np.unique(own.corners[kept], return_inverse=True)
        _, chart = np.unique(own.chart[kept], return_inverse=True)
        corners, chart = corners.reshape(-1, 3).astype(np.uint32), chart.reshape(-1).astype(np.uint32)
        result.append(Charts(own.vertex[used], own.uv_m[used], own.triangle[kept], corners, chart))
    return result


def _packed(flat: FlatScene, charts: list[Charts], texels: int, padding: int) -> Atlas:
    """All charts on one page; more texels than asked for where the padding alone would fill it."""
    surfaces = [Surface(i, False, own) for i, own in enumerate(charts)]
    density = np.full(sum(own.count for own in charts), DENSITY_PER_M)
    first = [i.first_triangle for i in flat.instances]
    while True:
        try:
            return pack(surfaces, first, density, max_texels=texels, page_px=4096, padding_px=padding)
        except AtlasImpossible:
            texels = texels * 5 // 4


def _middles(atlas: Atlas) -> Atlas:
    (page,) = atlas.pages
    fine = replace(page, width_px=2 * page.width_px, height_px=2 * page.height_px, uv_px=2 * page.uv_px - 0.5)
    return replace(atlas, pages=(replace(fine, uv_px=fine.uv_px.astype(np.float32)),))


def _middle_cover(found: Cover, page: Page, fine: Page) -> Cover:
    whole = cover(fine.uv_px, fine.corners, fine.width_px, fine.height_px)
    wanted = 2 * (found.texel // page.width_px) * fine.width_px + 2 * (found.texel % page.width_px)
    return picked(whole, np.searchsorted(whole.texel, wanted))


def _touched(source: FlatScene, flat: FlatScene, page: Page, found: Cover) -> Bool[Array, "h w"]:
    """Texels at whose centre another piece lies within `TOUCHING_M`, or a point light within `LAMP_M`."""
    _, local, weights = _native.bake_detail(
        scene=Tracer(flat, 1).native,
        uv=page.uv_px,
        corners=page.corners,
        triangle=page.triangle,
        back=np.ascontiguousarray(page.back, np.uint8),
        width=page.width_px,
        number=0,
        texel=found.texel,
        start=found.start,
        cover_triangle=found.triangle,
        samples=1,
        threads=1,
    )
    triangle = page.triangle[local].astype(np.int64)
    corners = flat.positions[flat.triangles[triangle].astype(np.int64)].astype(np.float64)
    u, v = weights.reshape(-1, 2).T[:, :, None].astype(np.float64)
    places = corners[:, 0] * (1 - u - v) + corners[:, 1] * u + corners[:, 2] * v
    normals = _normals(corners)
    owner = source.triangle_instance[triangle]
    near = np.zeros(len(places), bool)
    for number in np.unique(owner):
        own = owner == number
        others = RayCaster(source.positions, source.triangles[source.triangle_instance != number], 1)
        start = places[own] + TOUCHING_M * normals[own]
        near[own] = np.isfinite(others.closest(start, -normals[own], 2 * TOUCHING_M).distance_m)
    for light in source.lights:
        near |= np.linalg.norm(places - np.array(light.position_m), axis=1) < LAMP_M
    result = np.zeros(page.height_px * page.width_px, bool)
    result[found.texel[near]] = True
    return result.reshape(page.height_px, page.width_px)


def _centred(page: Page) -> Cover:
    """Conservative cover, less the texels whose centre no triangle holds."""
    whole = cover(page.uv_px, page.corners, page.width_px, page.height_px)
    centres = count_cover(page.uv_px, page.corners, page.width_px, page.height_px).ravel()
    return picked(whole, np.flatnonzero(centres[whole.texel] > 0))


def picked(found: Cover, chosen: Int[Array, "k"]) -> Cover:
    """Some of the texels of a cover."""
    counts = np.diff(found.start)[chosen]
    start: UInt32[Array, "k+1"] = np.concatenate([[0], np.cumsum(counts)]).astype(np.uint32)
    place = np.repeat(found.start[chosen].astype(np.int64) - start[:-1], counts) + np.arange(int(start[-1]))
    return Cover(found.texel[chosen], start, found.triangle[place])


def _same_around(chart: Int[Array, "h w"]) -> Bool[Array, "h w"]:
    padded = np.pad(chart, 1, constant_values=-1)
    height, width = chart.shape
    same = chart >= 0
    for dy in range(3):
        for dx in range(3):
            same = same & (padded[dy : dy + height, dx : dx + width] == chart)
    return same
