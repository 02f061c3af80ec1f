"""Cut meshes into charts that lie flat: the second UV set, in metres, before anything is packed.

xatlas cuts and flattens; what it hands back is normalised to an atlas of its own and every chart stretched to whole
texels, so each chart is scaled back here until its edges have the lengths they have on the mesh. A mesh that brings
a usable second UV set (inside the unit square, nothing overlapping) keeps it: its author knew where seams hurt least.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float32, Int, UInt32

from nightproof.kernels.bake import count_cover
from nightproof.scenes.flat import FlatScene, Instance

Array = np.ndarray

OVERLAP_GRID = 1024
"""Texels along a side when an existing UV set is checked for overlaps."""
XATLAS_SIZE = 4096.0
"""Longest side of what xatlas is given."""
OVERLAP_SHARE = 1e-3
"""Share of the covered texels that may be covered twice: rounding along shared borders, nothing more."""


@dataclass(frozen=True)
class Charts:
    """One mesh, cut and flattened. Vertices on a cut appear once per chart."""

    vertex: UInt32[Array, "v"]
    """Which vertex of the mesh each one is."""
    uv_m: Float[Array, "v 2"]
    """Flat positions in metres, each chart in its own frame with its lower corner at (0, 0)."""
    triangle: UInt32[Array, "t"]
    """Which triangle of the mesh each one is; triangles without area are left out."""
    corners: UInt32[Array, "t 3"]
    """Indices into `vertex`."""
    chart: UInt32[Array, "t"]
    """Which chart each triangle lies in, counted from 0."""

    @property
    def count(self) -> int:
        return int(self.chart.max()) + 1 if len(self.chart) else 0

    @property
    def vertex_chart(self) -> UInt32[Array, "v"]:
        owner = np.zeros(len(self.vertex), np.uint32)
        owner[self.corners] = self.chart[:, None]
        return owner


def cut(flat: FlatScene) -> list[Charts]:
    """The charts of every instance, in order. Instances of one mesh share the cutting, never the texels."""
    known: dict[tuple[object, ...], Charts] = {}
    result = []
    for instance in flat.instances:
        key = _shape_key(instance)
        if key is None or key not in known:
            charts = _cut_instance(flat, instance)
            if key is not None:
                known[key] = charts
        else:
            charts = known[key]
        result.append(charts)
    return result


def _shape_key(instance: Instance) -> tuple[object, ...] | None:
    """Instances with equal keys have congruent triangles in the same order; None: like no other."""
    if instance.skinned or instance.morphed:
        return None
    linear = np.asarray(instance.local_to_world, np.float64)[:3, :3]
    metric = np.round(linear.T @ linear, 6)
    turned = bool(np.linalg.det(linear) < 0)
    return (instance.mesh, instance.primitive, turned, instance.triangle_count, *metric.ravel().tolist())


def _cut_instance(flat: FlatScene, instance: Instance) -> Charts:
    vertices = slice(instance.first_vertex, instance.first_vertex + instance.vertex_count)
    triangles = flat.triangles[instance.first_triangle : instance.first_triangle + instance.triangle_count]
    corners = (triangles - np.uint32(instance.first_vertex)).astype(np.uint32)
    positions = np.ascontiguousarray(flat.positions[vertices], np.float32)
    kept = _with_area(positions, corners)
    if not kept.any():
        return _nothing()
    numbers = np.flatnonzero(kept).astype(np.uint32)
    corners = np.ascontiguousarray(corners[kept])
    uv1 = flat.uv1[vertices]
    if usable(uv1, corners):
        return _from_uv(positions, corners, numbers, uv1)
    return _by_xatlas(positions, flat.normals[vertices], corners, numbers)


def _nothing() -> Charts:
    return Charts(*(np.zeros(shape, kind) for shape, kind in _EMPTY))


_EMPTY = ((0, np.uint32), ((0, 2), np.float64), (0, np.uint32), ((0, 3), np.uint32), (0, np.uint32))


def _with_area(positions: Float32[Array, "v 3"], corners: UInt32[Array, "t 3"]) -> Bool[Array, "t"]:
    """Triangles whose height is more than a millionth of their longest side: the rest cannot be seen."""
    a, b, c = (positions[corners[:, k]].astype(np.float64) for k in range(3))
    twice_area = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    longest = np.max([np.sum((p - q) ** 2, axis=1) for p, q in ((a, b), (b, c), (c, a))], axis=0)
    return (twice_area > 1e-6 * longest) & (longest > 0)


def usable(uv: Float32[Array, "v 2"], corners: UInt32[Array, "t 3"]) -> bool:
    """Whether a UV set can serve for a bake: finite, inside the unit square, every point used once."""
    if not len(corners) or not np.isfinite(uv).all():
        return False
    used = uv[np.unique(corners)]
    if used.min() < -1e-4 or used.max() > 1 + 1e-4 or np.ptp(used, axis=0).min() <= 0:
        return False
    a, b, c = (uv[corners[:, k]].astype(np.float64) for k in range(3))
    area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    if np.mean(np.abs(area) > 1e-12) < 0.99:
        return False
    lower, size = used.min(axis=0), np.ptp(used, axis=0).max()
    counts = count_cover(((uv - lower) / size * OVERLAP_GRID).astype(np.float32), corners, OVERLAP_GRID, OVERLAP_GRID)
    covered = np.count_nonzero(counts)
    return bool(covered > 0 and np.count_nonzero(counts > 1) <= OVERLAP_SHARE * covered)


def _from_uv(
    positions: Float32[Array, "v 3"],
    corners: UInt32[Array, "t 3"],
    numbers: UInt32[Array, "t"],
    uv: Float32[Array, "v 2"],
) -> Charts:
    """Charts are what hangs together in an existing UV set."""
    _, welded = np.unique(np.concatenate([positions, uv], axis=1), axis=0, return_inverse=True)
    part = connected(welded.reshape(-1)[corners])
    # A vertex may not belong to two charts; in one UV set it cannot, for it has one position there.
    return _measured(
        positions, np.arange(len(positions), dtype=np.uint32), uv.astype(np.float64), corners, numbers, part
    )


def connected(corners: Int[Array, "t 3"]) -> UInt32[Array, "t"]:
    """Which connected part each triangle belongs to, numbered by first appearance."""
    label = np.arange(int(corners.max()) + 1, dtype=np.int64)
    while True:
        lowest = label[corners].min(axis=1)
        before = label.copy()
        for k in range(3):
            np.minimum.at(label, corners[:, k], lowest)
        label = label[label]
        if np.array_equal(before, label):
            break
    root = label[corners[:, 0]]
    _, first, inverse = np.unique(root, return_index=True, return_inverse=True)
    order = np.empty(len(first), np.uint32)
    order[np.argsort(first, kind="stable")] = np.arange(len(first), dtype=np.uint32)
    return order[inverse.reshape(-1)]


def _by_xatlas(
    positions: Float32[Array, "v 3"],
    normals: Float32[Array, "v 3"],
    corners: UInt32[Array, "t 3"],
    numbers: UInt32[Array, "t"],
) -> Charts:
    import xatlas

    # xatlas drops faces by an absolute epsilon of area (1e-7): enlarged, none that can be seen falls below it.
    size = float(np.ptp(positions, axis=0).max())
    centred = np.ascontiguousarray((positions - positions.min(axis=0)) * (XATLAS_SIZE / size), np.float32)
    atlas = xatlas.Atlas()
    atlas.add_mesh(centred, corners, np.ascontiguousarray(normals, np.float32))
    chart_options, pack_options = xatlas.ChartOptions(), xatlas.PackOptions()
    chart_options.max_iterations = 2
    pack_options.create_image = False
    pack_options.resolution = 1024
    pack_options.texels_per_unit = 0
    atlas.generate(chart_options, pack_options)
    vertex, out_corners, uv = atlas[0]
    _, chart = atlas.get_mesh_vertex_assignment(0)
    part = np.asarray(chart)[out_corners[:, 0]].astype(np.int64)
    # What xatlas could not flatten belongs to no chart: each such triangle becomes one of its own, laid flat.
    uv = np.asarray(uv, np.float64) * [atlas.width, atlas.height]
    page, _ = atlas.get_mesh_vertex_assignment(0)
    lost = np.asarray(page)[out_corners[:, 0]].astype(np.int64) < 0
    lost |= _flat_area(uv, out_corners) == 0
    vertex, uv, out_corners, part = _lay_out(positions, np.asarray(vertex), uv, np.asarray(out_corners), part, lost)
    _, part = np.unique(part, return_inverse=True)
    return _measured(positions, vertex, uv, out_corners, numbers, part.reshape(-1).astype(np.uint32))


def _flat_area(uv: Float[Array, "v 2"], corners: UInt32[Array, "t 3"]) -> Float[Array, "t"]:
    a, b, c = (uv[corners[:, k]] for k in range(3))
    return np.abs((b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0]))


def _lay_out(
    positions: Float32[Array, "v 3"],
    vertex: UInt32[Array, "v"],
    uv: Float[Array, "v 2"],
    corners: UInt32[Array, "t 3"],
    part: Int[Array, "t"],
    lost: Bool[Array, "t"],
) -> tuple[Array, Array, Array, Array]:
    """Give every lost triangle vertices and a chart of its own, flattened by its own plane."""
    count = int(lost.sum())
    if not count:
        return vertex.astype(np.uint32), uv, corners.astype(np.uint32), part
    own = vertex[corners[lost]]
    a, b, c = (positions[own[:, k]].astype(np.float64) for k in range(3))
    along = b - a
    length = np.linalg.norm(along, axis=1)
    x = np.einsum("ij,ij->i", c - a, along) / length
    y = np.linalg.norm(np.cross(along, c - a), axis=1) / length
    flat = np.zeros((count, 3, 2))
    flat[:, 1, 0], flat[:, 2, 0], flat[:, 2, 1] = length, x, y
    corners, part = corners.astype(np.uint32).copy(), part.copy()
    corners[lost] = len(vertex) + np.arange(3 * count, dtype=np.uint32).reshape(-1, 3)
    part[lost] = part.max(initial=0) + 1 + np.arange(count)
    return (
        np.concatenate([vertex, own.ravel()]).astype(np.uint32),
        np.concatenate([uv, flat.reshape(-1, 2)]),
        corners,
        part,
    )


def _measured(
    positions: Float32[Array, "v 3"],
    vertex: UInt32[Array, "w"],
    uv: Float[Array, "w 2"],
    corners: UInt32[Array, "t 3"],
    numbers: UInt32[Array, "t"],
    part: UInt32[Array, "t"],
) -> Charts:
    """Scale each chart's two axes so that its edges have, in the least-squares sense, their lengths on the mesh."""
    count = int(part.max()) + 1
    solid = positions[vertex].astype(np.float64)
    edges = np.concatenate([corners[:, [0, 1]], corners[:, [1, 2]], corners[:, [2, 0]]])
    owner = np.tile(part, 3)
    flat_sq = (uv[edges[:, 1]] - uv[edges[:, 0]]) ** 2
    length_sq = np.sum((solid[edges[:, 1]] - solid[edges[:, 0]]) ** 2, axis=1)
    sums = [
        np.bincount(owner, values, count)
        for values in (
            flat_sq[:, 0] ** 2,
            flat_sq[:, 0] * flat_sq[:, 1],
            flat_sq[:, 1] ** 2,
            flat_sq[:, 0] * length_sq,
            flat_sq[:, 1] * length_sq,
            flat_sq.sum(axis=1),
            length_sq,
        )
    ]
    xx, xy, yy, xl, yl, flat_sum, length_sum = sums
    even = length_sum / np.maximum(flat_sum, 1e-300)  # one scale for both axes, where two cannot be told apart
    det = xx * yy - xy * xy
    safe = np.where(det > 1e-9 * np.maximum(xx * yy, 1e-300), det, 1.0)
    squared = np.stack([(yy * xl - xy * yl) / safe, (xx * yl - xy * xl) / safe], axis=1)
    trusted = (det > 1e-9 * np.maximum(xx * yy, 1e-300))[:, None] & (squared > even[:, None] / 9)
    trusted &= squared < even[:, None] * 9
    scale = np.sqrt(np.where(trusted.all(axis=1, keepdims=True), squared, even[:, None]))
    return _compact(vertex, uv, scale, numbers, corners, part)


def _compact(
    vertex: UInt32[Array, "w"],
    uv: Float[Array, "w 2"],
    scale: Float[Array, "c 2"],
    numbers: UInt32[Array, "t"],
    corners: UInt32[Array, "t 3"],
    part: UInt32[Array, "t"],
) -> Charts:
    """Drop vertices that no triangle uses, apply the scales and move every chart to its own origin."""
    used, renumbered = np.unique(corners, return_inverse=True)
    corners = renumbered.reshape(corners.shape).astype(np.uint32)
    owner = np.zeros(len(used), np.uint32)
    owner[corners] = part[:, None]
    scaled = uv[used] * scale[owner]
    lower = np.full((len(scale), 2), np.inf)
    np.minimum.at(lower, owner, scaled)
    return Charts(vertex[used].astype(np.uint32), scaled - lower[owner], numbers, corners, part)
