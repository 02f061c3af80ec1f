"""The baking pipeline: a static scene becomes geometry that carries its own light."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from nightproof.kernels.rays import RayCaster
from nightproof.pipelines.baking import asset as glb
from nightproof.pipelines.baking.atlas import Atlas, AtlasImpossible, Surface, pack
from nightproof.pipelines.baking.charts import Charts, cut
from nightproof.pipelines.baking.checkpoints import Checkpoints, write_whole
from nightproof.pipelines.baking.detail import detailed_page
from nightproof.pipelines.baking.directional import directional_page
from nightproof.pipelines.baking.encode import LOSS, encode_display
from nightproof.pipelines.baking.fill import fill
from nightproof.pipelines.baking.light import (
    GatherMap,
    LitPage,
    Sampling,
    extrapolated,
    gather_map,
    light_pages,
    page_covers,
)
from nightproof.pipelines.baking.outputs import Further, directional_files, lightmap_files
from nightproof.pipelines.baking.settings import BakeSettings, bake_settings
from nightproof.pipelines.baking.smooth import bare_light, chart_map, narrow_texels, smooth
from nightproof.pipelines.baking.viewers import Sightings, camera_rows, chart_densities, sightings, viewers
from nightproof.pipelines.pipeline import BudgetExceeded, Made, NotBakeable, Progress, Source, silent
from nightproof.records.analysis import Analysis
from nightproof.records.route import Estimate, Route, Unsuitable
from nightproof.records.scene import Scene
from nightproof.rendering.display import auto_exposure
from nightproof.rendering.tracer import Tracer
from nightproof.scenes.camera import Camera
from nightproof.scenes.flat import FlatScene

Array = np.ndarray

VERSION = "7"
UNBAKEABLE_SHARE = 0.02
"""So much of what is seen may be glass or cut-outs that are baked as if they were solid."""
BYTES_PER_TRIANGLE = 9
BYTES_PER_TEXEL = 0.16
"""Of compressed geometry and of a page under `standard`, measured in the gallery."""
TEXELS_PER_CPU_SECOND = 40_000
MEASURED_SSIM, MEASURED_PSNR_DB = 0.964, 31.2
"""The least of three interiors under `standard` (docs/reference/baking.md): a room seen against the light, where gloss
that moves with the viewer is most of what is lost. The other two reached .983, 35.6 dB and .981, 37.6 dB."""
EXPOSURE_VIEWS = 12
SIDE_SIGHTINGS, SIDE_SHARE = 16, 0.01
"""So many rays of the views, and such a share of those that meet an instance, must see its rarer side: then it gets
texels too."""
COARSE_TEXELS_CAP = 8_000_000
STAGES = {"B": "irradiance", "C": "slopes"}
"""What outputs besides A need to know of the light, and output A does not."""


@dataclass(frozen=True)
class Prepared:
    """A scene, cut and packed, with the eyes that will look at it."""

    flat: FlatScene
    tracer: Tracer
    cameras: list[Camera]
    seen: Sightings
    atlas: Atlas
    """Of the asset: as fine as the views and the bytes allow."""
    lit: Atlas
    """The same charts with the texels that are lit by paths."""
    coarse: Atlas
    """The same charts with few texels, for paths to gather from."""


class BakingPipeline:
    """Outgoing radiance per texel, averaged over where it is seen from, in an unlit texture."""

    name = "baking"
    version = VERSION

    def estimate(self, scene: Scene, analysis: Analysis) -> Estimate | Unsuitable:
        """From the counts alone."""
        reason = _unsuitable(analysis)
        if reason:
            return Unsuitable(reason)
        geometry = scene.triangles * BYTES_PER_TRIANGLE
        room = scene.source_bytes - geometry
        texels = min(BakeSettings().max_texels, int(room / BYTES_PER_TEXEL))
        if texels < 100_000:
            return Unsuitable("its light would need more bytes than the file has")
        return Estimate(
            bytes_out=int(geometry + texels * BYTES_PER_TEXEL),
            cpu_seconds=BakeSettings().light_texels / TEXELS_PER_CPU_SECOND + 1e-5 * scene.triangles + 20,
            ssim=MEASURED_SSIM,
            psnr_db=MEASURED_PSNR_DB,
        )

    def make(
        self, source: Source, route: Route, *, seed: int, scratch: Path, threads: int, progress: Progress = silent
    ) -> Made:
        """See `Pipeline.make`. Raises NotBakeable and BudgetExceeded, after which another pipeline must do."""
        started = time.process_time()
        settings = bake_settings(route.parameters)
        settings = replace(settings, max_texels=_affordable_texels(source, settings))
        flat = source.flat
        checkpoints = Checkpoints(scratch / f"bake-{_identity(source, settings, seed)}")
        progress(0.0, "cutting charts")
        prepared = prepare(flat, settings, seed, threads)
        _require_detail(prepared.atlas, settings)
        progress(0.05, "seeing the light")
        exposure = _exposure(prepared, seed)
        stages = ["final"] + [stage for name, stage in STAGES.items() if name in settings.wanted_outputs]
        lit = {}
        for number, stage in enumerate(stages):
            part = _within(progress, *(0.08 + 0.82 * (number + k) / len(stages) for k in (0, 1)))
            lit[stage] = bake(prepared, settings, seed, exposure, checkpoints, threads, part, stage)
        pages = lit["final"]
        progress(0.9, "filtering")
        calm = calm_light(prepared, pages, settings, threads)
        shown = finish(prepared, pages, calm, threads)
        progress(0.96, "writing")
        names = _names(source, prepared.atlas.surfaces)
        written = {"asset.glb": _encoded(source, prepared, shown, exposure, names, settings.page_loss)}
        notes = _notes(flat, prepared)
        if "B" in settings.wanted_outputs:
            progress(0.97, "writing the lightmap")
            further = _lightmap(source, prepared, lit[STAGES["B"]], exposure, names, settings, threads)
            written, notes = written | further.files, (*notes, further.note)
        if "C" in settings.wanted_outputs:
            progress(0.98, "writing light by direction")
            further = _directional(source, prepared, lit[STAGES["C"]], calm, exposure, names, settings, threads)
            written, notes = written | further.files, (*notes, further.note)
        for name, data in written.items():
            write_whole(scratch / name, data)
        progress(1.0, "baked")
        return Made(
            files={name: scratch / name for name in written},
            shading="unlit",
            exposure=exposure,
            notes=notes,
            work={"cpu_seconds": time.process_time() - started, "texels": float(prepared.lit.texels)},
        )


def prepare(flat: FlatScene, settings: BakeSettings, seed: int, threads: int) -> Prepared:
    """Cut, look, pack."""
    rays = RayCaster(flat.positions, flat.triangles, threads)
    cameras = viewers(flat, rays, seed, settings.viewers, settings.view_width_px, settings.view_height_px)
    seen = sightings(flat, rays, cameras)
    _require_bakeable(flat, seen)
    charts = cut(flat)
    surfaces = sides(flat, seen, charts)
    first = [flat.instances[surface.instance].first_triangle for surface in surfaces]
    owner = np.full((2, len(flat.triangles)), -1, np.int64)
    count = 0
    for start, surface in zip(first, surfaces, strict=True):
        own = surface.charts
        owner[int(surface.back), start + own.triangle.astype(np.int64)] = own.chart.astype(np.int64) + count
        count += own.count
    density = chart_densities(seen, owner, count) * settings.texels_per_pixel
    packing = {"page_px": settings.page_px, "padding_px": settings.padding_px}
    atlas = pack(surfaces, first, density, max_texels=settings.max_texels, **packing)
    lit = pack(surfaces, first, density, max_texels=max(settings.light_texels, 8 * count), **packing)
    coarse = _coarse(surfaces, first, density, max(settings.gather_texels, 6 * count))
    return Prepared(flat, Tracer(flat, threads), cameras, seen, atlas, lit, coarse)


def _coarse(surfaces: Sequence[Surface], first: Sequence[int], density: Array, texels: int) -> Atlas:
    """An atlas of about so many texels, or of as many more as thousands of small charts need with their padding."""
    while True:
        try:
            return pack(surfaces, first, density, max_texels=texels, page_px=4096, padding_px=1)
        except AtlasImpossible:
            if texels > COARSE_TEXELS_CAP:
                raise
            texels *= 2


def bake(
    prepared: Prepared,
    settings: BakeSettings,
    seed: int,
    exposure: float,
    checkpoints: Checkpoints,
    threads: int,
    progress: Callable[[float, str], None],
    stage: str = "final",
) -> list[LitPage]:
    """Light the coarse map bounce by bounce, then every texel of the atlas.

    Stage `final` tells the light that leaves, `irradiance` what arrives over π, `slopes` how what leaves changes with
    direction. They share the coarse map: the first one makes it, the others find it.
    """
    near_m = 0.5 * float(np.median(prepared.seen.distance_m)) if len(prepared.seen.distance_m) else 1.0
    base = Sampling(
        seed=seed,
        least_samples=settings.least_samples,
        most_samples=settings.most_samples,
        error=settings.error,
        floor=0.02 / exposure,
        unseen=settings.unseen,
        near_m=near_m,
        max_depth=settings.max_depth,
    )
    gather = None
    share = 0.25 if settings.gather_texels else 0.0
    if settings.gather_texels:
        gather = _gathered(
            prepared, settings, base, checkpoints, threads, lambda f: progress(share * f, "light bounces")
        )
    covers = page_covers(prepared.lit)
    narrow = [narrow_texels(*both) for both in zip(prepared.lit.pages, covers, strict=True)]
    return light_pages(
        prepared.tracer,
        prepared.lit,
        covers,
        camera_rows(prepared.cameras),
        gather,
        replace(base, least_samples=settings.slope_pairs, most_samples=settings.slope_pairs)
        if stage == "slopes"
        else replace(base, irradiance=stage == "irradiance"),
        stage=stage,
        tile_px=settings.tile_px,
        moments=stage == "slopes",
        checkpoints=checkpoints,
        threads=threads,
        progress=lambda f: progress(share + (1 - share) * f, "lighting texels"),
        needy=None if stage == "slopes" else narrow,
    )


def _gathered(
    prepared: Prepared,
    settings: BakeSettings,
    base: Sampling,
    checkpoints: Checkpoints,
    threads: int,
    progress: Callable[[float], None],
) -> GatherMap:
    """Pass by pass: direct light, then what the pass before it knew plus one bounce."""
    covers = page_covers(prepared.coarse)
    # Viewers tell which parts of a texel are in the open; directions are cosine-weighted all the same.
    eyes = camera_rows(prepared.cameras[: max(1, len(prepared.cameras) // 2)])
    pages: list[LitPage] | None = None
    history: list[list[LitPage]] = []
    passes = 1 + max(settings.gather_passes, 3)
    for number in range(passes):
        samples = settings.direct_samples if number == 0 else settings.gather_samples
        # All gathering passes use one seed: they then apply one operator, whose limit can be foretold.
        own = base.seed + (1 if number == 0 else 2)
        sampling = replace(
            base, seed=own, least_samples=samples, most_samples=samples, without_emission=True, unseen=1e9
        )
        pages = light_pages(
            prepared.tracer,
            prepared.coarse,
            covers,
            eyes,
            gather_map(prepared.flat, prepared.coarse, covers, pages),
            sampling,
            stage=f"gather{number}",
            tile_px=settings.tile_px,
            moments=False,
            checkpoints=checkpoints,
            threads=threads,
            progress=_within_passes(progress, number, passes),
        )
        history = [*history[-2:], pages]
    return gather_map(prepared.flat, prepared.coarse, covers, extrapolated(history))


def calm_light(
    prepared: Prepared, pages: Sequence[LitPage], settings: BakeSettings, threads: int
) -> list[Float32[Array, "h w 3"]]:
    """Per lit page: light over base colour without noise, where texels are valid."""
    light = []
    for page, found, lit in zip(prepared.lit.pages, page_covers(prepared.lit), pages, strict=True):
        if settings.denoise:
            light.append(smooth(lit.radiance, lit.albedo, lit.valid, chart_map(page, found), threads))
        else:
            light.append(bare_light(lit.radiance, lit.albedo, lit.valid))
    return light


def finish(
    prepared: Prepared, pages: Sequence[LitPage], calm: Sequence[Float32[Array, "h w 3"]], threads: int
) -> list[tuple[Array, Array]]:
    """Per page of the asset: radiance, filled everywhere; and where surfaces are."""
    light = [fill(bare, lit.valid) for bare, lit in zip(calm, pages, strict=True)]
    result = []
    for number, found in enumerate(page_covers(prepared.atlas)):
        radiance, known = detailed_page(prepared.tracer, prepared.atlas, number, found, prepared.lit, light, threads)
        result.append((fill(radiance, known), known))
    return result


def _encoded(
    source: Source,
    prepared: Prepared,
    shown: list[tuple[Array, Array]],
    exposure: float,
    names: list[str],
    loss: float = LOSS,
) -> bytes:
    budget = source.record.source_bytes
    extras = _extras(exposure)
    backs = not prepared.atlas.two_sided
    hollow = glb.unlit_look([glb.Picture(b"")] * len(shown), backs)
    empty = glb.write_asset(prepared.flat, prepared.atlas, hollow, names, extras)
    left = budget - len(empty) - 64
    whole = sum(valid.size for _, valid in shown)
    pictures = []
    for radiance, valid in shown:
        found = encode_display(radiance, valid, exposure, int(left * valid.size / whole), loss)
        if found is None:
            raise BudgetExceeded(
                f"the light needs more than the {left} bytes that geometry leaves of the source's {budget}"
            )
        pictures.append(glb.Picture(found[0]))
    return glb.write_asset(prepared.flat, prepared.atlas, glb.unlit_look(pictures, backs), names, extras)


def _lightmap(
    source: Source,
    prepared: Prepared,
    arriving: Sequence[LitPage],
    exposure: float,
    names: list[str],
    settings: BakeSettings,
    threads: int,
) -> Further:
    calm = calm_light(prepared, arriving, settings, threads)
    known = [page.valid for page in arriving]
    return lightmap_files(source, prepared.lit, calm, known, names, _extras(exposure), exposure, threads)


def _directional(
    source: Source,
    prepared: Prepared,
    pages: Sequence[LitPage],
    calm: Sequence[Float32[Array, "h w 3"]],
    exposure: float,
    names: list[str],
    settings: BakeSettings,
    threads: int,
) -> Further:
    charts = [chart_map(*both) for both in zip(prepared.lit.pages, page_covers(prepared.lit), strict=True)]
    directional = [directional_page(*parts) for parts in zip(pages, calm, charts, strict=True)]
    base = finish(prepared, pages, [page.base for page in directional], threads)
    extras = _extras(exposure)
    return directional_files(
        source, prepared.atlas, prepared.lit, base, directional, names, extras, exposure, settings.page_loss
    )


def _extras(exposure: float) -> dict[str, Any]:
    return {"pipeline": "baking", "version": VERSION, "exposure": exposure}


def _exposure(prepared: Prepared, seed: int) -> float:
    """From small pictures: exposures are rounded to eighths of a stop, noise does not move them much."""
    pictures = []
    for camera in prepared.cameras[:EXPOSURE_VIEWS]:
        small = replace(camera, width_px=64, height_px=48)
        pictures.append(prepared.tracer.render(small, samples=16, seed=seed).color)
    return auto_exposure(pictures)


def _affordable_texels(source: Source, settings: BakeSettings) -> int:
    room = source.record.source_bytes - BYTES_PER_TRIANGLE * len(source.flat.triangles)
    return max(50_000, min(settings.max_texels, int(room / BYTES_PER_TEXEL)))


def _unsuitable(analysis: Analysis) -> str:
    if analysis.scores.dynamic >= 0.3:
        return "it moves: baked light would not follow"
    return ""


def _solid(flat: FlatScene) -> Array:
    """(t,) bool: triangles whose look a texture can hold."""
    still = np.array([not (i.animated or i.skinned) for i in flat.instances], bool)
    solid = np.array([m.alpha_mode == "OPAQUE" and m.transmission == 0 for m in flat.materials], bool)
    return still[flat.triangle_instance] & solid[flat.triangle_material]


def _require_bakeable(flat: FlatScene, seen: Sightings) -> None:
    if not len(seen.triangle):
        raise NotBakeable("no view sees any surface")
    share = 1 - float(np.mean(_solid(flat)[seen.triangle]))
    if share > UNBAKEABLE_SHARE:
        raise NotBakeable(f"{share:.0%} of what is seen is glass, cut out by alpha, or moves")


def _require_detail(atlas: Atlas, settings: BakeSettings) -> None:
    wider = 1 / atlas.scale
    if wider > settings.coarsest:
        raise NotBakeable(
            f"its texels would be {wider:.1f} times as wide as the views ask for: more surface is seen from nearby "
            f"than {settings.max_texels:,} texels can hold"
        )


def sides(flat: FlatScene, seen: Sightings, charts: Sequence[Charts]) -> list[Surface]:
    """The side of every instance that views see more; then, lit by itself, the other one where they see it too."""
    instance, count = flat.triangle_instance[seen.triangle], len(flat.instances)
    both = np.bincount(instance, minlength=count)
    backs = np.bincount(instance[seen.back], minlength=count)
    mostly_back = 2 * backs > both
    rarer = np.minimum(backs, both - backs)
    too = (rarer >= SIDE_SIGHTINGS) & (rarer >= SIDE_SHARE * both)
    mains = [Surface(i, bool(mostly_back[i]), own) for i, own in enumerate(charts)]
    return mains + [Surface(i, not mostly_back[i], charts[i]) for i in np.flatnonzero(too).tolist()]


def _notes(flat: FlatScene, prepared: Prepared) -> tuple[str, ...]:
    notes = []
    share = 1 - float(np.mean(_solid(flat)[prepared.seen.triangle]))
    if share > 0:
        notes.append(f"{share:.1%} of what is seen is glass or cut-out, baked as if it were solid")
    known = np.zeros((2, len(flat.instances)), bool)
    for surface in prepared.atlas.surfaces:
        known[int(surface.back), surface.instance] = True
    seen = prepared.seen
    behind = 1 - float(np.mean(known[seen.back.astype(np.int64), flat.triangle_instance[seen.triangle]]))
    if behind > 0.001:
        notes.append(f"{behind:.1%} of what is seen are sides of surfaces that show the light of their other side")
    if prepared.atlas.scale < 0.999:
        notes.append(f"texels are {1 / prepared.atlas.scale:.2f} times as wide as the views ask for")
    return tuple(notes)


def _names(source: Source, surfaces: Sequence[Surface]) -> list[str]:
    nodes = source.document.json.get("nodes", [])
    result = []
    for surface in surfaces:
        node = nodes[source.flat.instances[surface.instance].node]
        result.append(str(node.get("name") or f"node {source.flat.instances[surface.instance].node}"))
    return result


def _identity(source: Source, settings: BakeSettings, seed: int) -> str:
    """Checkpoints of anything else must not be taken for this bake's."""
    sky = source.flat.environment
    light = b"" if sky is None else np.ascontiguousarray(sky.radiance).tobytes()
    told = [source.document.source_sha256, asdict(settings), seed, VERSION, hashlib.sha256(light).hexdigest()]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]


def _within(progress: Progress, low: float, high: float) -> Callable[[float, str], None]:
    return lambda fraction, message: progress(low + (high - low) * fraction, message)


def _within_passes(progress: Callable[[float], None], number: int, passes: int) -> Callable[[float], None]:
    return lambda fraction: progress((number + fraction) / passes)
