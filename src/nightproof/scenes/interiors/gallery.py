"""Two rooms of a gallery: light from panels in the ceiling, pictures on the walls, a few glossy pieces on plinths."""

from __future__ import annotations

import numpy as np

from nightproof.scenes.interiors import patterns
from nightproof.scenes.interiors.solids import (
    Solid,
    box,
    cylinder,
    joined,
    quad,
    rounded_box,
    sheet,
    sphere,
    turned_smooth,
    wall,
)
from nightproof.scenes.interiors.studio import Interior

Array = np.ndarray
WIDTH, DEPTH, HEIGHT, THICK = 5.2, 5.6, 3.2, 0.24
CENTRES = (-(WIDTH + THICK) / 2, (WIDTH + THICK) / 2)
PANEL = (1.5, 0.5)
PALETTES: tuple[tuple[patterns.Color, ...], ...] = (
    ((0.93, 0.88, 0.78), (0.80, 0.36, 0.22), (0.16, 0.22, 0.30), (0.86, 0.66, 0.30), (0.93, 0.90, 0.84)),
    ((0.10, 0.18, 0.27), (0.15, 0.38, 0.47), (0.55, 0.70, 0.68), (0.92, 0.90, 0.82), (0.84, 0.50, 0.32)),
    ((0.92, 0.86, 0.80), (0.72, 0.25, 0.28), (0.28, 0.12, 0.18), (0.90, 0.62, 0.50), (0.97, 0.92, 0.86)),
    ((0.17, 0.24, 0.20), (0.36, 0.48, 0.32), (0.78, 0.76, 0.52), (0.94, 0.92, 0.84), (0.62, 0.36, 0.20)),
)


def gallery() -> bytes:
    room = Interior("gallery")
    plaster = room.texture("plaster", patterns.plaster(512, (0.90, 0.89, 0.865), 0.03))
    oak = room.texture("oak", patterns.planks(1024, (0.47, 0.31, 0.18), (0.76, 0.58, 0.39), 8, "oak"))
    white = room.material("plaster", texture=plaster, per_metre=0.5)
    accent = room.material("deep wall", (0.62, 0.70, 0.72), texture=plaster, per_metre=0.5)
    floor = room.material("oak floor", texture=oak, per_metre=0.55, roughness=0.4)
    _shell(room, white, accent, floor)
    _panels(room)
    _pictures(room)
    _pieces(room)
    room.camera("entrance", (-4.6, 1.62, 2.2), (-0.6, 1.35, -1.0), 56)
    room.camera("through the door", (3.9, 1.6, 2.0), (-0.6, 1.3, -0.7), 54)
    room.camera("bench", (0.9, 1.45, -2.2), (3.6, 1.25, 1.6), 56)
    return room.glb()


def _shell(room: Interior, white: int, accent: int, floor: int) -> None:
    length = 2 * WIDTH + THICK
    slab = box(length + 2 * THICK, 0.2, DEPTH + 2 * THICK)
    room.add("floor", slab, floor, (0, -0.2, 0))
    room.add("ceiling", slab, white, (0, HEIGHT, 0))
    long = wall(length + 2 * THICK, HEIGHT, THICK)
    room.add("north wall", long, white, (0, 0, -DEPTH / 2))
    room.add("south wall", long, white, (0, 0, DEPTH / 2), 180)
    short = wall(DEPTH, HEIGHT, THICK)
    room.add("west wall", short, accent, (-length / 2, 0, 0), 90)
    room.add("east wall", short, accent, (length / 2, 0, 0), -90)
    divider = wall(DEPTH, HEIGHT, THICK, [(-0.95, 0.75, 0.0, 2.45)])
    room.add("dividing wall", divider, white, (THICK / 2, 0, 0), 90)
    _skirting(room)


def _skirting(room: Interior) -> None:
    paint = room.material("skirting", (0.93, 0.92, 0.90))
    for side, x in zip(("west", "east"), CENTRES, strict=True):
        long, short = box(WIDTH, 0.1, 0.018), box(DEPTH - 0.036, 0.1, 0.018)
        room.add(f"skirting north {side}", long, paint, (x, 0, -DEPTH / 2 + 0.009))
        room.add(f"skirting south {side}", long, paint, (x, 0, DEPTH / 2 - 0.009))
        outer = x + (WIDTH / 2 - 0.009) * (1 if x > 0 else -1)
        room.add(f"skirting {side}", short, paint, (outer, 0, 0), 90)


def _panels(room: Interior) -> None:
    """An aluminium rim under the ceiling, and in it a sheet that glows downwards only."""
    warm = room.material("panel warm", (1.0, 0.95, 0.87), glow=9.0)
    cool = room.material("panel cool", (0.93, 0.97, 1.0), glow=8.0)
    rim = room.material("aluminium", (0.78, 0.78, 0.79), metallic=1.0, roughness=0.42)
    width, depth = PANEL
    frame = joined(
        [
            box(width + 0.06, 0.05, 0.03).moved(z=depth / 2 + 0.015),
            box(width + 0.06, 0.05, 0.03).moved(z=-depth / 2 - 0.015),
            box(0.03, 0.05, depth).moved(x=width / 2 + 0.015),
            box(0.03, 0.05, depth).moved(x=-width / 2 - 0.015),
        ]
    )
    lit = quad((-width / 2, 0, -depth / 2), (width, 0, 0), (0, 0, depth))
    for x, glow in zip(CENTRES, (warm, cool), strict=True):
        for z in (-1.4, 1.4):
            room.add("panel", lit, glow, (x, HEIGHT - 0.035, z))
            room.add("panel rim", frame, rim, (x, HEIGHT - 0.05, z))


def _pictures(room: Interior) -> None:
    frames = [
        room.material("black frame", (0.11, 0.10, 0.10)),
        room.material("oak frame", (0.60, 0.44, 0.28)),
    ]
    mat = room.material("passe-partout", (0.95, 0.94, 0.91))
    works = [
        room.material(
            f"picture {i + 1}",
            texture=room.texture(f"picture {i + 1}", patterns.painting(512, PALETTES[i % 4], f"work{i}")),
            per_metre=1.0,
        )
        for i in range(6)
    ]
    left, right = CENTRES
    hung = (
        (0, left - 1.35, -DEPTH / 2, 0, 1.0, 1.25),
        (1, left + 1.0, -DEPTH / 2, 0, 1.7, 1.15),
        (2, right - 1.2, -DEPTH / 2, 0, 1.4, 1.4),
        (3, right + 1.3, -DEPTH / 2, 0, 0.9, 1.2),
        (4, -(WIDTH + THICK / 2), 0.2, 90, 2.2, 1.35),
        (5, WIDTH + THICK / 2, -0.3, -90, 1.9, 1.3),
        (1, left - 0.2, DEPTH / 2, 180, 1.5, 1.1),
        (0, right + 0.4, DEPTH / 2, 180, 1.1, 1.3),
    )
    for i, (work, x, z, turn, width, height) in enumerate(hung):
        at = (x, 1.62 - height / 2, z)
        room.add(f"frame {i + 1}", _frame(width, height), frames[i % 2], at, turn)
        room.add(f"mat {i + 1}", box(width, height, 0.02).moved(z=0.011), mat, at, turn)
        room.add(f"canvas {i + 1}", _canvas(width * 0.8, height * 0.8).moved(y=height * 0.1), works[work], at, turn)


def _frame(width: float, height: float) -> Solid:
    bar = 0.045
    upright, across = box(bar, height + 2 * bar, 0.05), box(width, bar, 0.05)
    return joined(
        [
            upright.moved(width / 2 + bar / 2, -bar, 0.026),
            upright.moved(-width / 2 - bar / 2, -bar, 0.026),
            across.moved(y=-bar, z=0.026),
            across.moved(y=height, z=0.026),
        ]
    )


def _canvas(width: float, height: float) -> Solid:
    """A flat box whose front shows the whole picture once."""
    plain = box(width, height, 0.012).moved(z=0.028)
    uvs = np.stack([plain.positions[:, 0] / width + 0.5, 1 - plain.positions[:, 1] / height], axis=1)
    return Solid(plain.positions, plain.normals, uvs, plain.triangles)


def _pieces(room: Interior) -> None:
    plinth = room.material("plinth", (0.94, 0.93, 0.91))
    brass = room.material("brass", (0.91, 0.76, 0.48), metallic=1.0, roughness=0.28)
    glaze = room.material("celadon glaze", (0.42, 0.60, 0.54), roughness=0.16)
    clay = room.material("terracotta", (0.72, 0.40, 0.28), roughness=0.8)
    marble = room.material(
        "terrazzo",
        texture=room.texture(
            "terrazzo",
            patterns.terrazzo(512, (0.86, 0.84, 0.80), ((0.55, 0.36, 0.30), (0.33, 0.36, 0.36), (0.95, 0.93, 0.88))),
        ),
        per_metre=1.2,
    )
    left, right = CENTRES
    stand = rounded_box(0.42, 1.0, 0.42, 0.012, 2)
    for x, z in ((left - 0.4, 0.1), (right + 1.2, 0.9), (right - 1.4, 1.2)):
        room.add("plinth", stand, plinth, (x, 0, z))
    room.add("knot", _knot(), brass, (left - 0.4, 1.27, 0.1))
    vase = turned_smooth(
        [(0.0, 0.0), (0.075, 0.0), (0.15, 0.12), (0.165, 0.24), (0.09, 0.38), (0.05, 0.44), (0.075, 0.5)]
    )
    room.add("vase", _closed(vase, 0.43), glaze, (right + 1.2, 1.0, 0.9))
    room.add("ball", sphere(0.17, 40), clay, (right - 1.4, 1.17, 1.2))
    room.add("column", cylinder(0.24, 1.15, 48), marble, (left + 1.7, 0, 1.9))
    bowl = turned_smooth(
        [(0.0, 0.0), (0.09, 0.0), (0.17, 0.05), (0.24, 0.13), (0.228, 0.13), (0.15, 0.06), (0.0, 0.03)]
    )
    room.add("bowl", bowl, glaze, (left + 1.7, 1.15, 1.9))
    _bench(room, (right, 0, -0.9))
    _bench(room, (left + 0.4, 0, -1.0))


def _closed(vase: Solid, floor: float) -> Solid:
    """A vase with a dark disc inside, so that it is a closed body."""
    lid = cylinder(0.052, 0.004, 40).moved(y=floor)
    return joined([vase, lid])


def _bench(room: Interior, at: tuple[float, float, float]) -> None:
    walnut = room.material("walnut", (0.40, 0.27, 0.18))
    leather = room.material("leather", (0.24, 0.20, 0.18))
    x, y, z = at
    legs = joined([box(0.05, 0.36, 0.42).moved(side * 0.62) for side in (-1, 1)] + [box(1.5, 0.04, 0.46).moved(y=0.36)])
    room.add("bench frame", legs, walnut, at)
    room.add("bench seat", rounded_box(1.5, 0.09, 0.46, 0.03, 4, puff=0.01), leather, (x, y + 0.4, z))


def _knot() -> Solid:
    """A trefoil knot, as thick as a thumb."""

    def path(t: Array) -> Array:
        a = 2 * np.pi * t
        x, y = np.sin(a) + 2 * np.sin(2 * a), np.cos(a) - 2 * np.cos(2 * a)
        return 0.072 * np.stack([x, y, -np.sin(3 * a)], axis=-1)

    def shape(u: Array, v: Array) -> Array:
        centre, ahead = path(u), path(u + 1e-3) - path(u - 1e-3)
        ahead = ahead / np.linalg.norm(ahead, axis=-1, keepdims=True)
        side = np.cross(ahead, centre + np.array([0.0, 0.0, 0.9]))
        side = side / np.linalg.norm(side, axis=-1, keepdims=True)
        other = np.cross(ahead, side)
        angle = (2 * np.pi * v)[..., None]
        return centre + 0.042 * (np.cos(angle) * side - np.sin(angle) * other)

    return sheet(shape, 181, 19, (2.0, 0.2))
