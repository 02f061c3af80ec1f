"""Light on every texel, tile by tile: first a coarse lightmap that grows bounce by bounce, then the real one.

A tile is a pure function of (scene, atlas, finished earlier passes, tile, seed). Passes read only what the pass before
them finished (Jacobi), so tiles may be made in any order, on any machine, and a killed bake carries on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float32, Int32, UInt16

from nightproof import _native
from nightproof.kernels.bake import Cover, cover
from nightproof.pipelines.baking.atlas import Atlas, Page
from nightproof.pipelines.baking.checkpoints import Checkpoints
from nightproof.rendering.tracer import Tracer
from nightproof.scenes.flat import FlatScene

Array = np.ndarray

NEAR_TEXELS = 2.0
"""Light within this many texels of a coarse lightmap, as seen by a path: the map blurs it, so paths go on."""


NEEDY_PATHS = 4


@dataclass(frozen=True)
class Sampling:
    """How texels are sampled."""

    seed: int
    least_samples: int
    most_samples: int
    error: float
    floor: float
    unseen: float
    near_m: float
    max_depth: int
    without_emission: bool = False
    irradiance: bool = False
    """Instead of outgoing radiance: what arrives, over π. The albedo is then 1."""
    first_roulette: int = 3
    """The scattering from which on weak paths may end: earlier makes more paths per second, and noisier ones."""


@dataclass(frozen=True)
class LitPage:
    """One page with its light; zeros where no surface is."""

    radiance: Float32[Array, "h w 3"]
    albedo: Float32[Array, "h w 3"]
    error: Float32[Array, "h w"]
    seen: UInt16[Array, "h w"]
    valid: Bool[Array, "h w"]
    """Covered, and not within solid."""
    samples: UInt16[Array, "h w"]
    moments: Float32[Array, "h w 23"] | None
    """How light changes with direction, from pairs of paths: native/bake_light.h says what is summed."""


@dataclass(frozen=True)
class GatherMap:
    """A finished lightmap as paths read it; arrays as `bake_light` takes them."""

    page: Int32[Array, "t 2"]
    uv_px: Float32[Array, "t 12"]
    near_m: Float32[Array, "t 2"]
    """From nearer than this, paths go on."""
    radiance: list[Float32[Array, "h w 3"]]
    valid: list[Array]

    @property
    def arrays(self) -> tuple[object, ...]:
        return self.page, self.uv_px, self.near_m, self.radiance, self.valid


def light_pages(
    tracer: Tracer,
    atlas: Atlas,
    covers: Sequence[Cover],
    cameras: Float32[Array, "k 14"],
    gather: GatherMap | None,
    sampling: Sampling,
    *,
    stage: str,
    tile_px: int,
    moments: bool,
    checkpoints: Checkpoints,
    threads: int,
    progress: Callable[[float], None],
    needy: Sequence[Bool[Array, "n"]] | None = None,
) -> list[LitPage]:
    """Light all pages of an atlas; `stage` names the pass in the checkpoints.

    `needy`: which texels of each cover take up to `NEEDY_PATHS` times the paths of others.
    """
    total = sum(len(found.texel) for found in covers)
    done = 0
    pages = []
    for number, (page, found) in enumerate(zip(atlas.pages, covers, strict=True)):
        lit = _empty(page, moments)
        for tile, chosen in _tiles(page, found, tile_px):
            part = _pick(found, chosen)
            more = np.zeros(len(chosen), bool) if needy is None else needy[number][chosen]

            def make(
                page: Page = page, part: Cover = part, number: int = number, more: Array = more
            ) -> dict[str, Array]:
                patient = replace(sampling, most_samples=NEEDY_PATHS * sampling.most_samples)
                groups = [(np.flatnonzero(~more), sampling), (np.flatnonzero(more), patient)]
                return _joined(
                    len(more),
                    [
                        (
                            own,
                            _light_tile(tracer, page, number, _pick(part, own), cameras, gather, how, moments, threads),
                        )
                        for own, how in groups
                        if len(own)
                    ],
                )

            _place(lit, part.texel, checkpoints.keep(f"{stage}-{number}-{tile}", make))
            done += len(chosen)
            progress(done / total)
        pages.append(_finished(page, lit, moments))
    return pages


def _joined(count: int, parts: Sequence[tuple[Array, dict[str, Array]]]) -> dict[str, Array]:
    """Texels lit in groups, in their order again."""
    whole = {}
    for name, first in parts[0][1].items():
        wide = len(first) // len(parts[0][0])
        whole[name] = np.zeros((count, wide), first.dtype)
        for own, lit in parts:
            whole[name][own] = lit[name].reshape(len(own), wide)
    return {name: values.ravel() for name, values in whole.items()}


def _tiles(page: Page, found: Cover, tile_px: int) -> list[tuple[int, Array]]:
    """Numbers of the tiles that hold texels, and which texels (positions in `found`) each holds."""
    columns = -(-page.width_px // tile_px)
    tile = (found.texel // page.width_px // tile_px) * columns + (found.texel % page.width_px) // tile_px
    order = np.argsort(tile, kind="stable")
    numbers, starts = np.unique(tile[order], return_index=True)
    return list(zip(numbers.tolist(), np.split(order, starts[1:]), strict=True))


def _pick(found: Cover, chosen: Array) -> Cover:
    counts = np.diff(found.start)[chosen]
    start = np.concatenate([[0], np.cumsum(counts)]).astype(np.uint32)
    place = np.repeat(found.start[chosen].astype(np.int64) - start[:-1], counts) + np.arange(int(start[-1]))
    return Cover(found.texel[chosen], start, found.triangle[place])


def _light_tile(
    tracer: Tracer,
    page: Page,
    number: int,
    part: Cover,
    cameras: Float32[Array, "k 14"],
    gather: GatherMap | None,
    sampling: Sampling,
    moments: bool,
    threads: int,
) -> dict[str, Array]:
    found = _native.bake_light(
        scene=tracer.native,
        uv=page.uv_px,
        corners=page.corners,
        triangle=page.triangle,
        back=np.ascontiguousarray(page.back, np.uint8),
        width=page.width_px,
        number=number,
        texel=np.ascontiguousarray(part.texel),
        start=np.ascontiguousarray(part.start),
        cover_triangle=np.ascontiguousarray(part.triangle),
        cameras=cameras,
        gather_map=None if gather is None else gather.arrays,
        settings={**vars(sampling), "seed": sampling.seed % 2**32},
        moments=moments,
        threads=threads,
        watch=None,
    )
    return dict(found)


_FIELDS = {
    "radiance": (3, np.float32),
    "albedo": (3, np.float32),
    "error": (1, np.float32),
    "seen": (1, np.uint16),
    "valid": (1, np.uint8),
    "samples": (1, np.uint16),
    "moments": (23, np.float32),
}


def _empty(page: Page, moments: bool) -> dict[str, Array]:
    count = page.width_px * page.height_px
    return {
        name: np.zeros((count, width), kind) for name, (width, kind) in _FIELDS.items() if moments or name != "moments"
    }


def _place(lit: dict[str, Array], texel: Array, tile: dict[str, Array]) -> None:
    for name, values in lit.items():
        values[texel] = tile[name].reshape(len(texel), -1)


def _finished(page: Page, lit: dict[str, Array], moments: bool) -> LitPage:
    shaped = {
        name: values.reshape(page.height_px, page.width_px, *([values.shape[1]] if values.shape[1] > 1 else []))
        for name, values in lit.items()
    }
    return LitPage(
        shaped["radiance"],
        shaped["albedo"],
        shaped["error"],
        shaped["seen"],
        shaped["valid"].astype(bool),
        shaped["samples"],
        shaped["moments"] if moments else None,
    )


def page_covers(atlas: Atlas) -> list[Cover]:
    return [cover(page.uv_px, page.corners, page.width_px, page.height_px) for page in atlas.pages]


def gather_map(flat: FlatScene, atlas: Atlas, covers: Sequence[Cover], pages: Sequence[LitPage] | None) -> GatherMap:
    """A lightmap for paths to read; without `pages` a black one, which leaves direct light alone."""
    where = np.full((len(flat.triangles), 2), -1, np.int32)
    uv = np.zeros((len(flat.triangles), 12), np.float32)
    near = np.zeros((len(flat.triangles), 2), np.float32)
    for number, page in enumerate(atlas.pages):
        side = page.back.astype(np.int64)
        corners = page.uv_px[page.corners].reshape(len(page.corners), 6)
        where[page.triangle, side] = number
        for k in range(6):
            uv[page.triangle, 6 * side + k] = corners[:, k]
        near[page.triangle, side] = NEAR_TEXELS * _texel_widths(flat, page)
    # Mirrors are gathered from like anything else: what they send on average, without caustics and their noise.
    clear = np.array([m.transmission > 0 or m.unlit for m in flat.materials], bool)
    where[clear[flat.triangle_material]] = -1
    if pages is None:
        radiance = [np.zeros((p.height_px, p.width_px, 3), np.float32) for p in atlas.pages]
        valid = [np.ones((p.height_px, p.width_px), np.uint8) for p in atlas.pages]
    else:
        radiance = [page.radiance for page in pages]
        valid = [_open(lit, found).astype(np.uint8) for lit, found in zip(pages, covers, strict=True)]
    return GatherMap(where, uv, near, radiance, valid)


def _texel_widths(flat: FlatScene, page: Page) -> Float32[Array, "t"]:
    """Metres per texel of each triangle of a page."""
    a, b, c = (flat.positions[flat.triangles[page.triangle, k].astype(np.int64)].astype(np.float64) for k in range(3))
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    a, b, c = (page.uv_px[page.corners[:, k]].astype(np.float64) for k in range(3))
    texels = np.abs((b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0]))
    return np.sqrt(area / np.maximum(texels, 1e-12)).astype(np.float32)


def _open(page: LitPage, found: Cover) -> Bool[Array, "h w"]:
    """Texels that paths may read.

    One beside a texel within solids may lie within them in part: unless viewers told which part is in the open, its
    mean is too dark for the paths that meet that part, and they go on instead.
    """
    height, width = page.valid.shape
    buried = np.zeros((height + 2, width + 2), bool)
    rows, columns = np.divmod(found.texel.astype(np.int64), width)
    hidden = ~page.valid[rows, columns]
    buried[rows[hidden] + 1, columns[hidden] + 1] = True
    beside = np.zeros((height, width), bool)
    for dy in range(3):
        for dx in range(3):
            beside |= buried[dy : dy + height, dx : dx + width]
    return page.valid & ~(beside & (page.seen == 0))


def extrapolated(passes: Sequence[Sequence[LitPage]]) -> list[LitPage]:
    """The last of three passes plus all that further ones would add.

    Passes of one seed apply one linear operator again and again: what they add shrinks by its largest eigenvalue, which
    the sums of two successive additions tell, channel by channel; the rest is a geometric series.
    """
    before, middle, last = passes[-3:]
    known = [page.valid for page in last]
    first = _added(before, middle, known)
    second = _added(middle, last, known)
    ratio = np.clip(second / np.maximum(first, 1e-30), 0, 0.95)
    gain = (ratio / (1 - ratio)).astype(np.float32)
    return [
        replace(end, radiance=np.maximum(end.radiance + (end.radiance - start.radiance) * gain, 0))
        for start, end in zip(middle, last, strict=True)
    ]


def _added(before: Sequence[LitPage], after: Sequence[LitPage], known: Sequence[Array]) -> Array:
    parts = [
        (b.radiance[k].astype(np.float64) - a.radiance[k]).sum(axis=0)
        for a, b, k in zip(before, after, known, strict=True)
    ]
    return np.maximum(np.sum(parts, axis=0), 0)
