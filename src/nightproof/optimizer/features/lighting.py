"""Lighting features: what the file brings to be lit by, what reaches the surface, and how closed the scene is.

All are estimates from a few ten thousand rays, enough for shares good to about 0.01. Glass and mostly transparent
surface lets these rays pass, and of piles of triangles a part stands for all. Where triangles are so long and thin that
rays are dear, there are fewer, down to a sixteenth, with standard errors of up to 0.06 = 0.5 / √64 (both:
`probes.stage_of`). Light is compared as luminance; scattering is taken as diffuse.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from nightproof.optimizer.features.appearance import (
    LUMINANCE,
    appearance_at,
    appearance_of_triangles,
    emission_at,
    two_sided,
)
from nightproof.optimizer.features.bounces import PATHS, followed, indirect_share
from nightproof.optimizer.features.probes import (
    FAR,
    OFFSET,
    Caster,
    SpaceProbe,
    SurfaceProbe,
    cast,
    caster_of,
    chosen,
    probe_space,
    probe_surface,
    scattered,
    stage_of,
    visible,
)
from nightproof.optimizer.features.surface import Surface, SurfaceSample, sample_surface
from nightproof.scenes.distinct import distinct
from nightproof.scenes.flat import FlatScene, Material, PunctualLight

Array = np.ndarray

POINTS, RAYS = 1024, 24
PLACES, LOOKS = 512, 48
EMITTER_SAMPLES = 4

SEEN_THROUGH = 0.5
"""Materials that pass more light than this, by transmission or alpha, cast no shadow for the probes."""

LIT_IRRADIANCE = 0.02
"""Irradiance from emitters that counts as lit: a surface of radiance 1 over 0.6 % of the half space. A standby
diode stays below it everywhere but beside itself; a lamp does not."""

REACHED = 0.02
"""Share of a point's half space that must be lit (or sky) for a bounce to reach the point."""

CONTACT = 0.05
"""Occluders nearer than this share of the diagonal give contact shadows."""

ENCLOSED = 0.8
"""A place is enclosed where more of its looks than this meet the scene: a room without its ceiling meets 5/6 at most
and, with walls lower than it is wide, less."""


@dataclass(frozen=True)
class LightingFeatures:
    """Shares are of surface area, of directions or of free places, as stated."""

    punctual_lights: float
    emitter_area_share: float
    """Surface that emits."""
    emitter_power: float
    """π Σ area × radiance of emitters, areas in squared diagonals."""
    emitter_irradiance: float
    """Mean over the surface of the direct irradiance from emitters."""
    own_lit_share: float
    """Surface that the file's own lights light directly (emitters: with an irradiance of 0.02 or more)."""
    own_reach_share: float
    """Surface that they reach directly or over one bounce."""
    carries_light: float
    """1 where own lights reach a twentieth of the surface or more."""
    sky_visibility: float
    """Mean cosine-weighted share of the half space that is open: 1 − ambient occlusion."""
    sky_reach_share: float
    """Surface that the open sky reaches directly or over one bounce."""
    contact_occlusion: float
    """Mean cosine-weighted share of the half space that is blocked within a twentieth of the diagonal."""
    indirect_share_own: float
    """Light after the first bounce, of all light on the surface, under the file's own lights."""
    indirect_share_sky: float
    """The same under a uniform sky."""
    albedo: float
    """Mean luminance of the base colour."""
    free_space_share: float
    """Places in the bounding box that are not inside something solid."""
    enclosed_share: float
    """Free places from which nearly all looks meet the scene."""
    enclosure_up: float
    """Mean share of looks upwards (within 60° of the vertical) that meet the scene, over free places."""
    enclosure_side: float
    enclosure_down: float
    depth_complexity: float
    """Mean number of surfaces along a line through a surface point, both ways, at most 16."""


def measure_lighting(flat: FlatScene, surface: Surface, threads: int = 1) -> LightingFeatures:
    stage = stage_of(_blockers(flat, surface))
    blockers, share = stage.surface, stage.share
    sample = sample_surface(surface, round(share * POINTS), seed=2)
    seen = appearance_at(flat, surface, sample.row, sample.weights)
    caster = caster_of(blockers, threads)
    from_behind = two_sided(flat, surface)[sample.row] & (np.arange(sample.count) % 2 == 1)
    probe = probe_surface(caster, sample, from_behind, RAYS)
    space = probe_space(caster, blockers, two_sided(flat, blockers), round(share * PLACES), LOOKS)
    lamps = _lamps_of(flat, surface)
    bounce = _trace_bounce(flat, surface, blockers, caster, sample, from_behind, probe, lamps, round(share * PATHS))
    return LightingFeatures(
        punctual_lights=float(len(flat.lights)),
        emitter_area_share=lamps.area / surface.area if surface.count else 0.0,
        emitter_power=np.pi * lamps.power,
        emitter_irradiance=_mean(bounce.emitted),
        own_lit_share=_mean(bounce.own_lit),
        own_reach_share=_mean(bounce.own_reached),
        carries_light=float(_mean(bounce.own_reached) >= 0.05),
        sky_visibility=_mean(probe.escaped),
        sky_reach_share=_mean(bounce.sky_reached),
        contact_occlusion=_mean(probe.distance < CONTACT),
        indirect_share_own=bounce.indirect_share_own,
        indirect_share_sky=bounce.indirect_share_sky,
        albedo=_mean(seen.base_color @ LUMINANCE),
        depth_complexity=_depth_complexity(caster, sample),
        **_enclosure(space),
    )


def _blockers(flat: FlatScene, surface: Surface) -> Surface:
    """The part of the surface that light does not simply pass."""
    materials = np.asarray(flat.triangle_material, np.int64)[surface.triangle]
    blended, passing = _flags(flat, lambda it: it.alpha_mode == "BLEND"), np.zeros(surface.count)
    clear = np.flatnonzero((blended | _flags(flat, lambda it: it.transmission > 0))[materials])
    for here, seen in appearance_of_triangles(flat, surface, clear):
        passing[here] = np.maximum(seen.transmission, np.where(blended[seen.material], 1 - seen.alpha, 0.0))
    totals = np.bincount(materials, surface.areas, minlength=len(flat.materials) or 1)
    share = np.bincount(materials, surface.areas * passing, minlength=len(flat.materials) or 1) / np.maximum(
        totals, 1e-30
    )
    kept = share[materials] <= SEEN_THROUGH
    if kept.all():
        return surface
    return chosen(surface, kept)


def _flags(flat: FlatScene, test: Callable[[Material], bool]) -> Bool[Array, "m"]:
    return np.array([test(material) for material in flat.materials], bool).reshape(-1)


@dataclass(frozen=True)
class Lamps:
    """Emitting triangles and punctual lights in the canonical frame."""

    rows: Int[Array, "e"]
    radiance: Float[Array, "e"]
    chance: Float[Array, "e"]
    """Cumulative, ∝ area × radiance."""
    area: float
    power: float
    punctual: tuple[PunctualLight, ...]
    two_sided: Bool[Array, "e"]


def _lamps_of(flat: FlatScene, surface: Surface) -> Lamps:
    glowing = _flags(flat, lambda it: max(it.emissive) > 0 and not it.unlit)
    materials = np.asarray(flat.triangle_material, np.int64)[surface.triangle]
    rows = np.flatnonzero(glowing[materials]) if surface.count else np.zeros(0, np.int64)
    inside = np.array([[1, 1, 1], [4, 1, 1], [1, 4, 1], [1, 1, 4]], np.float64)
    inside /= inside.sum(axis=1, keepdims=True)
    radiance = np.zeros(len(rows))
    for weights in inside:
        radiance += emission_at(flat, surface, rows, np.tile(weights, (len(rows), 1))) / len(inside)
    lit = radiance > 0
    rows, radiance = rows[lit], radiance[lit]
    power = surface.areas[rows] * radiance
    return Lamps(
        rows=rows,
        radiance=radiance,
        chance=np.cumsum(power) / max(float(power.sum()), 1e-30),
        area=float(surface.areas[rows].sum()),
        power=float(power.sum()),
        punctual=flat.lights,
        two_sided=two_sided(flat, surface)[rows],
    )


@dataclass(frozen=True)
class Bounce:
    """Direct light and one bounce at the sampled points."""

    emitted: Float[Array, "n"]
    own_lit: Bool[Array, "n"]
    own_reached: Bool[Array, "n"]
    sky_reached: Bool[Array, "n"]
    indirect_share_own: float
    indirect_share_sky: float


def _trace_bounce(
    flat: FlatScene,
    surface: Surface,
    blockers: Surface,
    caster: Caster,
    sample: SurfaceSample,
    backwards: Bool[Array, "n"],
    probe: SurfaceProbe,
    lamps: Lamps,
    paths: int,
) -> Bounce:
    normals = np.where(backwards, -1.0, 1.0)[:, None] * sample.normals
    emitted, punctual = _own_light(caster, surface, lamps, probe.origins, normals, EMITTER_SAMPLES)
    lit = (emitted >= LIT_IRRADIANCE) | (punctual > 0)
    hit = ~probe.escaped
    rows = probe.row[hit]
    directions = probe.directions[hit]
    facing = np.einsum("nc,nc->n", blockers.normals[rows], directions) < 0
    seen_normals = np.where(facing, 1.0, -1.0)[:, None] * blockers.normals[rows]
    points = np.repeat(probe.origins, RAYS, axis=0)[hit.reshape(-1)] + directions * probe.distance[hit][:, None]
    points += OFFSET * seen_normals
    albedo_of = _Albedo(flat, blockers)
    albedo = albedo_of(rows)
    far_emitted, far_punctual = _own_light(caster, surface, lamps, points, seen_normals, 1)
    far_sky = _sees_sky(caster, points, seen_normals)
    shape = hit.shape

    def own(places: Array, facing: Array) -> Array:
        return np.add(*_own_light(caster, surface, lamps, places, facing, 1))

    by_own, by_sky = followed(caster, blockers, albedo_of, points, seen_normals, albedo, own, paths)
    met = _mean(hit)  # of all looks: the others see the sky, and nothing bounces to them
    far_lit = _spread(((far_emitted >= LIT_IRRADIANCE) | (far_punctual > 0)) & (albedo > 0.01), hit, shape).mean(axis=1)
    far_open = _spread(far_sky, hit, shape).mean(axis=1)
    sky = np.pi * probe.escaped.mean(axis=1)
    return Bounce(
        emitted=emitted,
        own_lit=lit,
        own_reached=lit | (far_lit > REACHED),
        sky_reached=(sky > np.pi * REACHED) | (far_open > REACHED),
        indirect_share_own=indirect_share(_mean(emitted + punctual), [met * bounce for bounce in by_own]),
        indirect_share_sky=indirect_share(_mean(sky), [np.pi * met * bounce for bounce in by_sky]),
    )


def _own_light(
    caster: Caster, surface: Surface, lamps: Lamps, points: Array, normals: Array, samples: int
) -> tuple[Float[Array, "n"], Float[Array, "n"]]:
    """Irradiance at `points` from emitters (one estimate of `samples` shadow rays) and from punctual lights."""
    emitted = np.zeros(len(points))
    if lamps.power > 0 and len(points):
        random = np.random.Generator(np.random.Philox(3)).random((samples, len(points), 3))
        for draw in random:
            emitted += _from_emitters(caster, surface, lamps, points, normals, draw) / samples
    return emitted, _from_punctual(caster, surface, lamps.punctual, points, normals)


def _from_emitters(
    caster: Caster, surface: Surface, lamps: Lamps, points: Array, normals: Array, random: Float[Array, "n 3"]
) -> Float[Array, "n"]:
    chosen = np.minimum(np.searchsorted(lamps.chance, random[:, 0], side="right"), len(lamps.rows) - 1)
    rows, root = lamps.rows[chosen], np.sqrt(random[:, 1])
    weights = np.stack([1 - root, root * (1 - random[:, 2]), root * random[:, 2]], axis=1)
    targets = np.einsum("nc,ncd->nd", weights, surface.corners[rows])
    way = targets - points
    distance = np.maximum(np.linalg.norm(way, axis=1), 1e-6)
    way /= distance[:, None]
    leaving = -np.einsum("nc,nc->n", way, surface.normals[rows])
    leaving = np.where(lamps.two_sided[chosen], np.abs(leaving), leaving)
    arriving = np.einsum("nc,nc->n", way, normals)
    # Power-proportional choice: every sample stands for the whole power over the cosines and the squared distance.
    value = lamps.power * np.maximum(leaving, 0) * np.maximum(arriving, 0) / np.maximum(distance**2, 1e-8)
    candidates = np.flatnonzero(value > 0)
    value[candidates] *= visible(caster, points[candidates], targets[candidates])
    return np.minimum(value, 1e3 * np.pi * lamps.radiance[chosen])


def _from_punctual(
    caster: Caster, surface: Surface, lights: tuple[PunctualLight, ...], points: Array, normals: Array
) -> Float[Array, "n"]:
    """From one light per point, chosen in turn, times their number."""
    value = np.zeros(len(points))
    for which, light in enumerate(lights):
        here = np.arange(which, len(points), len(lights)) if len(lights) > 8 else np.arange(len(points))
        times = len(lights) if len(lights) > 8 else 1
        value[here] += times * _from_one(caster, surface, light, points[here], normals[here])
    return value


def _from_one(caster: Caster, surface: Surface, light: PunctualLight, points: Array, normals: Array) -> Array:
    strength = float(np.nan_to_num(light.intensity * (np.asarray(light.color) @ LUMINANCE), nan=0.0, posinf=1e6))
    axis = np.asarray(light.direction, np.float64)
    if light.kind == "directional":
        targets, fall_off = points - axis * FAR, np.full(len(points), max(strength, 0.0))
    else:
        place = (np.asarray(light.position_m) - surface.centre_m) / surface.diagonal_m
        targets = np.broadcast_to(np.nan_to_num(place), points.shape)
        distance_m = np.maximum(np.linalg.norm(targets - points, axis=1) * surface.diagonal_m, 1e-6)
        fall_off = max(strength, 0.0) / distance_m**2 * (distance_m <= light.range_m)
    way = targets - points
    way /= np.maximum(np.linalg.norm(way, axis=1, keepdims=True), 1e-12)
    if light.kind == "spot":
        fall_off = fall_off * (-(way @ axis) >= np.cos(light.outer_cone_rad))
    value = fall_off * np.maximum(np.einsum("nc,nc->n", way, normals), 0)
    candidates = np.flatnonzero(value > 0)
    value[candidates] *= visible(caster, points[candidates], targets[candidates])
    return value


def _sees_sky(caster: Caster, points: Array, normals: Array) -> Float[Array, "n"]:
    """One cosine-weighted look per point: 1 where it leaves the scene."""
    if not len(points):
        return np.zeros(0)
    directions = scattered(normals, np.random.Generator(np.random.Philox(4)))
    return (cast(caster, points, directions)[1] < 0).astype(np.float64)


class _Albedo:
    """Luminance of the base colour at the centres of triangles: of a large scene, rays meet few."""

    def __init__(self, flat: FlatScene, surface: Surface) -> None:
        self._flat, self._surface = flat, surface
        self._found = np.full(surface.count, np.nan)

    def __call__(self, rows: Int[Array, "n"]) -> Float[Array, "n"]:
        new = distinct(rows[np.isnan(self._found[rows])])
        for here, seen in appearance_of_triangles(self._flat, self._surface, new):
            self._found[here] = np.minimum(seen.base_color @ LUMINANCE, 0.95)
        return self._found[rows]


def _enclosure(space: SpaceProbe) -> dict[str, float]:
    free = space.hit[space.free]
    up = space.directions[:, 1] > 0.5
    down = space.directions[:, 1] < -0.5
    return {
        "free_space_share": _mean(space.free),
        "enclosed_share": _mean(free.mean(axis=1) >= ENCLOSED) if len(free) else 0.0,
        "enclosure_up": _mean(free[:, up]),
        "enclosure_side": _mean(free[:, ~up & ~down]),
        "enclosure_down": _mean(free[:, down]),
    }


def _depth_complexity(caster: Caster, sample: SurfaceSample, steps: int = 8) -> float:
    """Follow a random line through each point both ways, through everything, and count what it meets."""
    if not sample.count:
        return 0.0
    random = np.random.Generator(np.random.Philox(5)).normal(size=(sample.count, 3))
    directions = random / np.maximum(np.linalg.norm(random, axis=1, keepdims=True), 1e-12)
    crossings = np.ones(sample.count)
    for way in (directions, -directions):
        points, alive = sample.points + 4 * OFFSET * way, np.arange(sample.count)
        for _ in range(steps):
            distance, row = cast(caster, points[alive], way[alive])
            met = row >= 0
            alive, distance = alive[met], distance[met]
            crossings[alive] += 1
            points[alive] += (distance + 4 * OFFSET)[:, None] * way[alive]
    return float(crossings.mean())


def _spread(values: Array, where: Bool[Array, "n k"], shape: tuple[int, ...]) -> Float[Array, "n k"]:
    full = np.zeros(shape)
    full[where] = values
    return full


def _mean(values: Array) -> float:
    return float(values.mean()) if values.size else 0.0
