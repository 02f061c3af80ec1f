"""How near one comes: pixels per metre at the closest sensible view, and what textures have to spare there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from nightproof.kernels.rays import RayCaster
from nightproof.pipelines.packing.covered import triangles_of
from nightproof.pipelines.packing.draft import Draft
from nightproof.pipelines.packing.geometry import materials_of, texture_infos
from nightproof.pipelines.packing.pixels import image_sides
from nightproof.pipelines.packing.texture_uses import sources
from nightproof.pipelines.packing.units import Place, primitives
from nightproof.scenes.camera import Camera
from nightproof.scenes.flat import FlatScene
from nightproof.scenes.near_view import PLACE_PX_PER_M, SCREEN_PX, THING_PX_PER_DIAGONAL
from nightproof.scenes.quantiles import weighted_quantiles
from nightproof.scenes.views import ViewSampler

Array = np.ndarray
NEARLY_ALL = 0.05
"""Of a texture's surface, this share may have fewer texels to spare than is said: slivers and poles."""
SAMPLED_TRIANGLES = 1 << 16
NEAREST = 9728
GRID, NEAR_PERCENTILE = 32, 10
"""Rays along a side of what a camera shows; meshes that fewer of them meet than stand in a row are left to others."""


@dataclass(frozen=True)
class Nearness:
    """What sizes on screen follow from, for each mesh that is shown."""

    px_per_m: Mapping[int, float]
    """At the closest sensible view."""
    scale: Mapping[int, float]
    """Metres per unit of the mesh, where it is shown largest."""

    def units_per_px(self) -> dict[int, float]:
        return {mesh: 1 / (self.px_per_m[mesh] * scale) for mesh, scale in self.scale.items() if scale > 0}


def nearness_of(flat: FlatScene, sampler: ViewSampler, rays: RayCaster) -> Nearness:
    """Of a scene as it is shown. `rays` runs over its triangles."""
    around = THING_PX_PER_DIAGONAL / max(flat.diagonal_m, 1e-9)
    usual = around if sampler.kind == "object" else PLACE_PX_PER_M
    scale: dict[int, float] = defaultdict(float)
    for instance in flat.instances:
        linear = np.asarray(instance.local_to_world, np.float64)[:3, :3]
        scale[instance.mesh] = max(scale[instance.mesh], float(np.linalg.norm(linear, 2)))
    near = dict.fromkeys(scale, usual)
    for camera in flat.cameras:
        for mesh, px_per_m in _seen_by(camera, flat, rays).items():
            near[mesh] = max(near[mesh], px_per_m)
    return Nearness(near, dict(scale))


def _seen_by(camera: Camera, flat: FlatScene, rays: RayCaster) -> dict[int, float]:
    """Pixels per metre of each mesh that one of the file's own cameras shows, where it is near."""
    origins, directions = camera.grid_rays(GRID, GRID)
    hits = rays.closest(origins, directions)
    met = hits.triangle >= 0
    depth = hits.distance_m[met] * (directions[met] @ camera.forward)
    mesh_of_instance = np.array([instance.mesh for instance in flat.instances], np.int64)
    meshes = mesh_of_instance[flat.triangle_instance[hits.triangle[met]]]
    px_at_1m = SCREEN_PX / (2 * np.tan(camera.yfov_rad / 2))
    found = {}
    for mesh in np.unique(meshes):
        near = depth[meshes == mesh]
        if len(near) >= GRID and (distance := float(np.percentile(near, NEAR_PERCENTILE))) > 0:
            found[int(mesh)] = float(px_at_1m / distance)
    return found


def spare_texels(draft: Draft, nearness: Nearness) -> dict[int, float]:
    """Per image: texels per pixel at the nearest view on nearly all of the surface that shows it.

    Images of which that cannot be said (no mesh shows them, skins stretch them, pointers turn them, they are sampled
    without filter) are left out.
    """
    ratios: dict[int, list[tuple[Array, Array]]] = defaultdict(list)
    barred: set[int] = set()
    for place in primitives(draft.json):
        found: dict[str, tuple[Array, Array] | None] = {}  # by texture coordinates, which many textures share
        for material in materials_of(draft.json, place):
            for use in texture_infos(material):
                turned = use.get("extensions", {}).get("KHR_texture_transform", {})
                name = f"TEXCOORD_{turned.get('texCoord', use.get('texCoord', 0))}"
                if name not in found:
                    found[name] = _spread(draft, place, name, nearness)
                spread, stretch = found[name], abs(float(np.prod(turned.get("scale", [1, 1]))))
                for image in sources(draft.json["textures"][use["index"]]):
                    size = image_sides(draft.document.image(image)[0])
                    if spread is None or size is None:
                        barred.add(image)
                    else:
                        ratios[image].append((spread[0] * np.sqrt(size[0] * size[1] * stretch), spread[1]))
    barred |= _unfiltered(draft) | _turned(draft)
    return {image: _low_end(each) for image, each in ratios.items() if image not in barred}


def _spread(
    draft: Draft, place: Place, name: str, nearness: Nearness
) -> tuple[Float[Array, "t"], Float[Array, "t"]] | None:
    """How much of a texture's side lies on a pixel, and the area, of each triangle; None where it cannot be told."""
    scale, attributes = nearness.scale.get(place.mesh), place.value["attributes"]
    if scale is None or name not in attributes or "JOINTS_0" in attributes or place.value.get("mode", 4) != 4:
        return None
    positions, uv = (draft.document.floats(attributes[key]).astype(np.float64) for key in ("POSITION", name))
    indices = _indices(draft, place, min(len(positions), len(uv)))
    corners, at = positions[indices] * scale, uv[indices]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1) / 2
    one, other = at[:, 1] - at[:, 0], at[:, 2] - at[:, 0]
    covered = np.abs(one[:, 0] * other[:, 1] - one[:, 1] * other[:, 0]) / 2
    seen = area > 0
    return np.sqrt(covered[seen] / area[seen]) / nearness.px_per_m[place.mesh], area[seen]


def _indices(draft: Draft, place: Place, count: int) -> Array:
    triangles = triangles_of(draft, place, count)
    return triangles[:: max(1, len(triangles) // SAMPLED_TRIANGLES)]


def _low_end(found: list[tuple[Array, Array]]) -> float:
    ratios, areas = (np.concatenate(part) for part in zip(*found, strict=True))
    return weighted_quantiles(ratios, areas, (NEARLY_ALL,))[0]


def _unfiltered(draft: Draft) -> set[int]:
    """Images whose texels are meant to be seen as squares."""
    samplers = draft.json.get("samplers", [])
    textures = [t for t in draft.json.get("textures", []) if "sampler" in t]
    sharp = [t for t in textures if samplers[t["sampler"]].get("magFilter") == NEAREST]
    return {image for texture in sharp for image in sources(texture)}


def _turned(draft: Draft) -> set[int]:
    """Images of materials that animation pointers change: a texture's scale may grow."""
    pointed = [draft.json["materials"][i] for array, i in draft.survey.pointed if array == "materials"]
    uses = [use for material in pointed for use in texture_infos(material)]
    return {image for use in uses for image in sources(draft.json["textures"][use["index"]])}
