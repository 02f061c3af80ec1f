"""The primitives of UsdGeom as triangles with their true normals: cube, sphere, cylinder, cone, capsule, plane."""

from __future__ import annotations

from typing import Any

import numpy as np
from pxr import Usd, UsdGeom

Array = np.ndarray
AROUND, ALONG = 64, 32
"""Steps round a solid, and from pole to pole. A silhouette of 64 steps is off by a thousandth of the radius."""
SOLIDS = ("Cube", "Sphere", "Cylinder", "Cone", "Capsule", "Plane")
Corners = tuple[Array, Array]


def solid(prim: Usd.Prim, time: Usd.TimeCode) -> Corners:
    """Places and normals of the corners of its triangles, (c, 3) each. Sizes that are none are the defaults."""
    kind = prim.GetTypeName()

    def number(name: str, default: float) -> float:
        value = prim.GetAttribute(name).Get(time)
        return float(value) if value is not None and np.isfinite(value) and value > 0 else default

    if kind == "Cube":
        return _cube(number("size", 2.0) / 2)
    if kind == "Plane":
        return _turned(_plane(number("width", 2.0) / 2, number("length", 2.0) / 2), _axis(prim))
    radius, half = (
        number("radius", 0.5 if kind == "Capsule" else 1.0),
        number("height", 1.0 if kind == "Capsule" else 2.0) / 2,
    )
    if kind == "Sphere":
        return _lathe(_arc(radius, -np.pi / 2, np.pi / 2, 0.0))
    return _turned(_lathe(_profile(kind, radius, half)), _axis(prim))


def _axis(prim: Usd.Prim) -> str:
    return str(prim.GetAttribute("axis").Get() or "Z")


def _profile(kind: str, radius: float, half: float) -> Array:
    """Segments from the lower pole to the upper: rows of (r, z, normal r, normal z), two rows each."""
    floor = np.array([(0, -half, 0, -1), (radius, -half, 0, -1)], float)
    if kind == "Cylinder":
        side = np.array([(radius, -half, 1, 0), (radius, half, 1, 0)], float)
        return np.concatenate([floor, side, [(radius, half, 0, 1), (0, half, 0, 1)]])
    if kind == "Cone":
        slope = np.array([2 * half, radius]) / np.hypot(2 * half, radius)
        return np.concatenate([floor, [(radius, -half, *slope), (0, half, *slope)]])
    lower, upper = _arc(radius, -np.pi / 2, 0, -half), _arc(radius, 0, np.pi / 2, half)
    return np.concatenate([lower, [(radius, -half, 1, 0), (radius, half, 1, 0)], upper])


def _arc(radius: float, begin: float, end: float, middle: float) -> Array:
    angle = np.linspace(begin, end, ALONG + 1)
    points = np.stack([radius * np.cos(angle), middle + radius * np.sin(angle), np.cos(angle), np.sin(angle)], axis=1)
    return np.repeat(points, 2, axis=0)[1:-1]


def _lathe(profile: Array) -> Corners:
    """A profile turned about z; pairs of rows are segments, each a ring of quadrangles."""
    turn = 2 * np.pi * np.arange(AROUND + 1) / AROUND
    c, s = np.cos(turn), np.sin(turn)
    c[-1], s[-1] = c[0], s[0]

    def ring(row: Array, at: Any) -> Array:
        return np.stack([row[0] * c[at], row[0] * s[at], np.full(AROUND, row[1])], axis=1)

    places, normals = [], []
    here, ahead = np.arange(AROUND), np.arange(1, AROUND + 1)
    for low, high in profile.reshape(-1, 2, 4):
        quad = [(low, here), (low, ahead), (high, ahead), (high, here)]
        for picks, pole in (((0, 1, 2), low[0]), ((0, 2, 3), high[0])):
            if np.isclose(pole, 0):  # two of its corners are one
                continue
            places.append(np.stack([ring(quad[k][0][:2], quad[k][1]) for k in picks], axis=1).reshape(-1, 3))
            normals.append(np.stack([ring(quad[k][0][2:], quad[k][1]) for k in picks], axis=1).reshape(-1, 3))
    return np.concatenate(places), np.concatenate(normals)


def _plane(x: float, y: float) -> Corners:
    places = np.array([(-x, -y, 0), (x, -y, 0), (x, y, 0), (-x, y, 0)], float)[[0, 1, 2, 0, 2, 3]]
    return places, np.tile((0.0, 0.0, 1.0), (6, 1))


def _cube(half: float) -> Corners:
    places, normals = [], []
    for axis in range(3):
        for side in (-1.0, 1.0):
            square, _ = _plane(half, half)
            turned = np.roll(np.add(square, (0, 0, half)), axis + 1, axis=1) * (1 if side > 0 else -1)
            places.append(turned if side > 0 else turned.reshape(-1, 3, 3)[:, ::-1].reshape(-1, 3))
            normals.append(np.tile(np.eye(3)[axis] * side, (6, 1)))
    return np.concatenate(places), np.concatenate(normals)


def _turned(held: Corners, axis: str) -> Corners:
    """From z to the axis that the prim names, by a rotation of the coordinates."""
    shift = {"X": 1, "Y": 2, "Z": 0}.get(axis, 0)
    return np.roll(held[0], shift, axis=1), np.roll(held[1], shift, axis=1)


def is_solid(prim: Usd.Prim) -> bool:
    return bool(prim.IsA(UsdGeom.Gprim)) and prim.GetTypeName() in SOLIDS
