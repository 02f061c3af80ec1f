"""Sensible cameras for any scene: independent, identically distributed, and the same for everyone who asks.

A view is a pure function of the scene, a seed and an index, so that verifiers agree on what they look at and a
certificate can name its sample by two numbers. Views are drawn, checked and drawn again (rejection keeps them
identically distributed); what is checked is in `scenes.free_space`. docs/reference/scenes.md tells all of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float32, Float64

from nightproof.kernels.rays import RayCaster
from nightproof.scenes.camera import Camera, look_at
from nightproof.scenes.distinct import distinct
from nightproof.scenes.draws import Draws
from nightproof.scenes.flat import FlatScene
from nightproof.scenes.free_space import FreeSpace, Sight
from nightproof.scenes.scene_kind import SceneKind, scene_kind

Array = np.ndarray
AUTHORED_SHARE = 0.3
"""How many views start from the file's own cameras, where it has usable ones."""
ATTEMPTS = 400
SIGHT_GRID = (12, 8)
EYE_M = (1.2, 1.75)
CLEARANCE_M = 0.06
"""No surface comes nearer than 5 cm; a little more is asked for, since paths move. Less in scenes under 3 m."""
WORLD_UP = np.array([0.0, 1.0, 0.0])


@dataclass(frozen=True)
class _Drawn:
    """A candidate: where, whither, how wide."""

    position_m: Float64[Array, "3"]
    target_m: Float64[Array, "3"]
    yfov_rad: float
    label: str


class ViewSampler:
    """Random views of one scene."""

    def __init__(self, flat: FlatScene, rays: RayCaster, width_px: int, height_px: int) -> None:
        """Look at the scene once; views are drawn afterwards at some milliseconds each.

        Args:
            rays: over `flat.positions` and `flat.triangles`.
            width_px, height_px: of the cameras that `view` returns.
        """
        self.flat, self.width_px, self.height_px = flat, width_px, height_px
        self._space = FreeSpace(flat, rays)
        self._lower, self._upper = flat.bounds_m
        self._diagonal_m = max(flat.diagonal_m, 1e-6)
        self._clearance_m = min(CLEARANCE_M, 0.02 * self._diagonal_m)
        self._scene: SceneKind = scene_kind(self._lower, self._upper, self._space)
        self._outline = _outline(flat)
        self._authored = [camera for camera in flat.cameras if self._is_usable(camera)]

    @property
    def kind(self) -> str:
        """`interior`, `object` or `exterior`: what most views are like."""
        return self._scene.kind

    @property
    def normals(self) -> Float32[Array, "t 3"]:
        """Of the scene's triangles, unit or zero."""
        return self._space.normals

    def view(self, seed: int, index: int) -> Camera:
        """View `index` of the sample that `seed` stands for."""
        draws = Draws("view", seed, index)
        if self._authored and draws.uniform() < AUTHORED_SHARE:
            return self._near_authored(draws)
        propose = {"interior": self._standing, "exterior": self._outside, "object": self._orbiting}[self.kind]
        return self._first_accepted(propose, draws) or self._fallback(draws)

    def segment(self, seed: int, index: int, frames: int) -> tuple[Camera, ...]:
        """A short smooth path that begins at `view(seed, index)`; shortened until every frame is clear of surfaces."""
        start = self.view(seed, index)
        draws = Draws("segment", seed, index)
        pivot_m = self._pivot(start)
        turn, side, ahead = draws.uniform(-0.14, 0.14), draws.uniform(-0.08, 0.08), draws.uniform(-0.04, 0.10)
        for _ in range(8):
            path = tuple(_moved(start, pivot_m, turn, side, ahead, s) for s in _eased(frames))
            if all(self._is_free(camera.position_m) for camera in path):
                return path
            turn, side, ahead = turn / 2, side / 2, ahead / 2
        return (start,) * frames

    def _first_accepted(self, propose: Callable[[Draws], _Drawn | None], draws: Draws) -> Camera | None:
        for _ in range(ATTEMPTS):
            drawn = propose(draws)
            if drawn is None:
                continue
            camera = self._camera(drawn)
            if self._is_good(camera, drawn.label):
                return camera
        return None

    def _camera(self, drawn: _Drawn) -> Camera:
        return look_at(
            drawn.position_m,
            drawn.target_m,
            yfov_rad=drawn.yfov_rad,
            width_px=self.width_px,
            height_px=self.height_px,
            name=drawn.label,
        )

    def _is_good(self, camera: Camera, label: str) -> bool:
        sight = self._sight(camera)
        seen, close = {"interior": (0.6, 0.12), "exterior": (0.5, 0.12), "object": (0.12, 0.02)}[label]
        return (
            sight.seen >= seen
            and sight.behind <= 0.02 + (0.1 if label == "object" else 0.0)
            and sight.close <= close
            and self._is_free(camera.position_m)
        )

    def _sight(self, camera: Camera) -> Sight:
        return self._space.sight(*camera.grid_rays(*SIGHT_GRID), min(0.45, 0.1 * self._diagonal_m))

    def _is_free(self, position_m: Array) -> bool:
        """Clear of every surface, and not inside a solid."""
        if not self._space.is_clear(position_m, self._clearance_m):
            return False
        around = self._space.probe(position_m[None])
        if around.enclosed[0] < 0.35 or not self._scene.fronts_face_in:
            return True
        return bool(around.behind[0] <= 0.12 and around.behind_any[0] <= 0.5)

    def _standing(self, draws: Draws) -> _Drawn | None:
        """Someone in a room: eyes above a floor, walls around, looking along the room rather than at a wall."""
        x, y, z = (draws.uniform(low, high) for low, high in zip(self._lower, self._upper, strict=True))
        yaw, pitch = draws.uniform(-np.pi, np.pi), np.radians(-6 + 22 * (draws.uniform() + draws.uniform() - 1))
        stature, yfov = draws.uniform(*EYE_M), np.radians(draws.uniform(48, 66))
        vertical = self._space.rays.closest(np.array([[x, y, z]] * 2), np.array([[0, -1, 0], [0, 1, 0]], float))
        down, up = (float(distance) for distance in vertical.distance_m)
        floor = int(vertical.triangle[0])
        if not np.isfinite(down + up) or abs(self._space.normals[floor, 1]) < 0.7 or down + up < self._scene.headroom_m:
            return None
        position = np.array([x, y - down + min(stature, 0.62 * (down + up)), z])
        around = self._space.probe(position[None])
        if around.enclosed[0] < 0.7 or around.nearest_m[0] < 2 * self._clearance_m:
            return None
        forward = _direction(yaw, pitch)
        ahead = float(self._space.rays.closest(position[None], forward[None]).distance_m[0])
        if ahead < around.median_m[0]:
            return None
        return _Drawn(position, position + forward, yfov, "interior")

    def _outside(self, draws: Draws) -> _Drawn | None:
        """A walker above the ground, or a drone that looks down on a part of the place."""
        size = self._upper - self._lower
        x, z = draws.uniform(self._lower[0], self._upper[0]), draws.uniform(self._lower[2], self._upper[2])
        yaw, walks = draws.uniform(-np.pi, np.pi), draws.uniform() < 0.5
        stature, rise, yfov = draws.uniform(*EYE_M), draws.uniform(0.06, 0.3), np.radians(draws.uniform(45, 60))
        pitch = np.radians(draws.uniform(-12, 2) if walks else draws.uniform(-40, -15))
        top = np.array([[x, self._upper[1] + 0.01 * size[1] + 1e-3, z]])
        hit = self._space.rays.closest(top, np.array([[0.0, -1.0, 0.0]]))
        if hit.triangle[0] < 0:
            return None
        ground = float(top[0, 1] - hit.distance_m[0])
        height = min(stature, 0.2 * size[1] + 0.1) if walks else rise * float(max(size[0], size[2]))
        position = np.array([x, ground + height, z])
        return _Drawn(position, position + _direction(yaw, pitch), yfov, "exterior")

    def _orbiting(self, draws: Draws) -> _Drawn | None:
        """Round an object, from a little below to well above, framed to what is seen of it."""
        azimuth = draws.uniform(-np.pi, np.pi)
        elevation = np.radians(-8 + 60 * draws.uniform() ** 1.4)
        yfov, fill = np.radians(draws.uniform(32, 45)), draws.uniform(0.75, 1.2)
        size = self._upper - self._lower
        center = (self._lower + self._upper) / 2 + 0.04 * size * draws.uniforms(3, -1, 1)
        backward = -_direction(azimuth, -elevation)
        distance = self._framing_distance(center, backward, yfov, fill)
        return _Drawn(center + distance * backward, center, yfov, "object")

    def _framing_distance(self, center: Array, backward: Array, yfov: float, fill: float) -> float:
        """From where the outline fills `fill` of the frame: max over its points of |x| / tan + z."""
        right = np.cross(WORLD_UP, backward)
        right /= max(float(np.linalg.norm(right)), 1e-9)
        offset = self._outline - center
        across, rise, depth = offset @ right, offset @ np.cross(backward, right), offset @ backward
        tangent = np.tan(yfov / 2) * fill
        aspect = self.width_px / self.height_px
        need = np.maximum(np.abs(across) / (tangent * aspect), np.abs(rise) / tangent) + depth
        return float(max(need.max(), depth.max() + 0.1 * self._diagonal_m))

    def _near_authored(self, draws: Draws) -> Camera:
        """One of the file's cameras, nudged; less and less where a nudge leads into something."""
        authored = self._authored[draws.index(len(self._authored))]
        shift, turn = draws.uniforms(3, -1, 1), draws.uniforms(2, -1, 1)
        reach = self._sight(self._sized(authored)).median_m
        reach = min(reach if np.isfinite(reach) else self._diagonal_m, self._diagonal_m)
        for amount in (1.0, 0.5, 0.25, 0.1):
            matrix = authored.camera_to_world.copy()
            matrix[:3, :3] = matrix[:3, :3] @ _rotation(*(np.radians(4) * amount * turn))
            matrix[:3, 3] += 0.04 * amount * reach * shift
            camera = self._sized(replace(authored, camera_to_world=matrix))
            if self._is_free(camera.position_m) and self._sight(camera).seen >= 0.3:
                return camera
        return self._sized(authored)

    def _sized(self, camera: Camera) -> Camera:
        return replace(camera, width_px=self.width_px, height_px=self.height_px, name="authored")

    def _is_usable(self, camera: Camera) -> bool:
        sight = self._sight(self._sized(camera))
        return sight.seen >= 0.3 and sight.close < 0.5 and self._is_free(camera.position_m)

    def _fallback(self, draws: Draws) -> Camera:
        """A scene in which no view passes every check still gets one: an orbit, else a look from afar."""
        camera = self._first_accepted(self._orbiting, draws) if self.kind != "object" else None
        if camera is not None:
            return camera
        if self._authored:
            return self._near_authored(draws)
        drawn = self._orbiting(draws)
        assert drawn is not None
        away = drawn.position_m - drawn.target_m
        return self._camera(replace(drawn, position_m=drawn.target_m + 1.3 * away))

    def _pivot(self, camera: Camera) -> Float64[Array, "3"]:
        """What a path turns about: the middle of an object, or a point ahead."""
        if camera.name == "object":
            return (self._lower + self._upper) / 2
        reach = self._sight(camera).median_m
        return camera.position_m + camera.forward * (reach if np.isfinite(reach) else self._diagonal_m)


def _outline(flat: FlatScene, most: int = 4096) -> Float64[Array, "n 3"]:
    """Some of the vertices, the extreme ones among them."""
    used = flat.positions[distinct(flat.triangles)].astype(np.float64)
    if not len(used):
        return np.zeros((1, 3))
    extremes = [used[pick(used @ axis)] for axis in _AXES for pick in (np.argmin, np.argmax)]
    return np.concatenate([used[:: max(1, len(used) // most)], np.array(extremes)])


_AXES = np.array([[x, y, z] for x in (-1, 0, 1) for y in (-1, 0, 1) for z in (0, 1) if (x, y, z) != (0, 0, 0)], float)


def _direction(yaw: float, pitch: float) -> Float64[Array, "3"]:
    return np.array([np.cos(pitch) * np.sin(yaw), np.sin(pitch), -np.cos(pitch) * np.cos(yaw)])


def _rotation(yaw: float, pitch: float) -> Float64[Array, "3 3"]:
    cy, sy, cp, sp = np.cos(yaw), np.sin(yaw), np.cos(pitch), np.sin(pitch)
    return np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]]) @ np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])


def _eased(frames: int) -> Float64[Array, "n"]:
    """0 to 1 without a jerk."""
    t = np.arange(frames) / max(frames - 1, 1)
    return t * t * (3 - 2 * t)


def _moved(start: Camera, pivot_m: Array, turn: float, side: float, ahead: float, s: float) -> Camera:
    """The camera after a share `s` of a path: round the pivot, then sideways and ahead, in shares of its distance."""
    angle = turn * s
    c, w = np.cos(angle), np.sin(angle)
    rotation = np.array([[c, 0, w], [0, 1, 0], [-w, 0, c]])
    reach = float(np.linalg.norm(pivot_m - start.position_m))
    matrix = np.eye(4)
    matrix[:3, :3] = rotation @ start.camera_to_world[:3, :3]
    slide = reach * s * (side * matrix[:3, 0] - ahead * matrix[:3, 2])
    matrix[:3, 3] = pivot_m + rotation @ (start.position_m - pivot_m) + slide
    return replace(start, camera_to_world=matrix)
