"""A living room by day: sky and sun through two windows, soft furniture, books, a rug on oak boards."""

from __future__ import annotations

import numpy as np

from nightproof.scenes.draws import Draws
from nightproof.scenes.interiors import patterns
from nightproof.scenes.interiors.fittings import hang_picture, skirting
from nightproof.scenes.interiors.solids import (
    Hole,
    Solid,
    box,
    cylinder,
    joined,
    lathe,
    rounded_box,
    sheet,
    turned_smooth,
    wall,
)
from nightproof.scenes.interiors.studio import Interior

Array = np.ndarray
WIDTH, DEPTH, HEIGHT, THICK = 5.6, 4.6, 2.7, 0.22
BIG: Hole = (-2.0, 0.7, 0.45, 2.35)
"""As seen from inside the south wall; in the room it reaches from x = −0.7 to 2."""
SMALL: Hole = (-0.3, 1.0, 0.85, 2.25)
BOOKS: tuple[patterns.Color, ...] = (
    (0.62, 0.22, 0.18), (0.17, 0.27, 0.38), (0.84, 0.76, 0.60), (0.25, 0.38, 0.30),
    (0.80, 0.55, 0.25), (0.36, 0.22, 0.28), (0.90, 0.87, 0.80), (0.30, 0.45, 0.50),
)  # fmt: skip


def living_room() -> bytes:
    room = Interior("living room")
    _shell(room)
    _windows(room)
    _seats(room)
    _table_and_rug(room)
    _shelf(room)
    _plants(room)
    _lamp(room)
    room.camera("sofa", (2.1, 1.55, 1.75), (-0.9, 0.75, -1.2), 55)
    room.camera("window", (-2.0, 1.5, -1.15), (0.9, 0.9, 1.6), 58)
    room.camera("shelf", (1.9, 1.45, -1.5), (-2.0, 0.95, 0.7), 54)
    return room.glb()


def _shell(room: Interior) -> None:
    plaster = room.texture("plaster", patterns.plaster(512, (0.91, 0.89, 0.85), 0.03))
    oak = room.texture("oak boards", patterns.planks(1024, (0.42, 0.27, 0.16), (0.72, 0.53, 0.35), 8, "living"))
    white = room.material("plaster", texture=plaster, per_metre=0.5)
    green = room.material("sage wall", (0.68, 0.74, 0.66), texture=plaster, per_metre=0.5)
    boards = room.material("oak boards", texture=oak, per_metre=0.5)
    slab = box(WIDTH + 2 * THICK, 0.2, DEPTH + 2 * THICK)
    room.add("floor", slab, boards, (0, -0.2, 0))
    room.add("ceiling", slab, white, (0, HEIGHT, 0))
    room.add("north wall", wall(WIDTH + 2 * THICK, HEIGHT, THICK), green, (0, 0, -DEPTH / 2))
    room.add("south wall", wall(WIDTH + 2 * THICK, HEIGHT, THICK, [BIG]), white, (0, 0, DEPTH / 2), 180)
    room.add("west wall", wall(DEPTH, HEIGHT, THICK), white, (-WIDTH / 2, 0, 0), 90)
    room.add("east wall", wall(DEPTH, HEIGHT, THICK, [SMALL]), white, (WIDTH / 2, 0, 0), -90)
    skirting(room, room.material("skirting", (0.93, 0.92, 0.90)), WIDTH, DEPTH)


def _windows(room: Interior) -> None:
    paint = room.material("window frame", (0.94, 0.94, 0.92))
    linen = room.material(
        "linen", texture=room.texture("linen", patterns.cloth(512, (0.93, 0.89, 0.81), 64, "linen")), per_metre=4.0,
        double_sided=True,
    )  # fmt: skip
    room.add("big window", _frame(BIG, 3), paint, (0, 0, DEPTH / 2 + 0.1), 180)
    room.add("small window", _frame(SMALL, 2), paint, (WIDTH / 2 + 0.1, 0, 0), -90)
    room.add("sill", rounded_box(2.86, 0.035, 0.2, 0.01, 2), paint, (0.65, 0.415, DEPTH / 2 - 0.06))
    room.add("rail", cylinder(0.014, 3.9, 16).turned(90, 2).moved(x=1.95), paint, (0.65, 2.5, DEPTH / 2 - 0.1))
    curtain = sheet(_curtain, 72, 12, (1.2, 2.4))
    room.add("curtain", curtain, linen, (-1.25, 0.06, DEPTH / 2 - 0.1))
    room.add("curtain", curtain, linen, (1.98, 0.06, DEPTH / 2 - 0.1))


def _frame(hole: Hole, panes: int) -> Solid:
    left, right, bottom, top = hole
    bar, depth = 0.05, 0.06
    across = box(right - left, bar, depth).moved(x=(left + right) / 2)
    upright = box(bar, top - bottom, depth).moved(y=bottom)
    posts = [upright.moved(x=x) for x in np.linspace(left + bar / 2, right - bar / 2, panes + 1)]
    return joined([*posts, across.moved(y=bottom), across.moved(y=top - bar)])


def _curtain(u: Array, v: Array) -> Array:
    wave = np.sin(2 * np.pi * 7 * u) * (0.035 + 0.012 * (1 - v))
    return np.stack([0.56 * u, 2.42 * v, wave], axis=-1)


def _seats(room: Interior) -> None:
    wool = room.texture("wool", patterns.cloth(512, (0.52, 0.56, 0.58), 56, "sofa"))
    grey = room.material("grey wool", texture=wool, per_metre=3.0)
    rust = room.material("rust wool", (0.92, 0.50, 0.32), texture=wool, per_metre=3.0)
    cream = room.material("cream cushion", (0.93, 0.88, 0.78))
    oak = room.material("oak legs", (0.55, 0.40, 0.26))
    at = (-0.55, 0.0, -1.72)
    room.add("sofa base", rounded_box(2.3, 0.24, 0.92, 0.05), grey, (at[0], 0.14, at[2]))
    room.add("sofa back", rounded_box(2.3, 0.55, 0.24, 0.09), grey, (at[0], 0.36, at[2] - 0.34))
    arm, seat = rounded_box(0.22, 0.42, 0.92, 0.08), rounded_box(0.92, 0.18, 0.68, 0.06, 3, puff=0.03)
    for side in (-1, 1):
        room.add("sofa arm", arm, grey, (at[0] + side * 1.06, 0.2, at[2]))
        room.add("sofa seat", seat, grey, (at[0] + side * 0.475, 0.37, at[2] + 0.1))
    pillow = rounded_box(0.46, 0.46, 0.13, 0.06, 3, puff=0.05).turned(-18, 0)
    room.add("pillow", pillow, rust, (at[0] - 0.72, 0.56, at[2] - 0.1), 14)
    room.add("pillow", pillow, cream, (at[0] + 0.66, 0.56, at[2] - 0.1), -16)
    leg = cylinder(0.022, 0.15, 16)
    for x in (-1.0, 1.0):
        for z in (-0.36, 0.36):
            room.add("sofa leg", leg, oak, (at[0] + x, 0, at[2] + z))
    _armchair(room, rust, oak, (1.75, 0, -0.75), -52)
    hang_picture(
        room, "picture left", patterns.painting(512, PALETTE, "living left"), (-1.2, 1.6, -DEPTH / 2), 0.8, 1.0
    )
    hang_picture(
        room, "picture right", patterns.painting(512, PALETTE, "living right"), (0.05, 1.6, -DEPTH / 2), 1.1, 0.8
    )


PALETTE: tuple[patterns.Color, ...] = ((0.93, 0.89, 0.80), (0.78, 0.48, 0.33), (0.36, 0.45, 0.42), (0.90, 0.74, 0.50))


def _armchair(room: Interior, cloth: int, wood: int, at: tuple[float, float, float], turn: float) -> None:
    parts = [
        rounded_box(0.78, 0.2, 0.76, 0.06, 3, puff=0.02).moved(y=0.24),
        rounded_box(0.78, 0.56, 0.2, 0.08).turned(-8, 0).moved(y=0.38, z=-0.34),
        rounded_box(0.15, 0.34, 0.72, 0.06).moved(-0.4, 0.22, 0.0),
        rounded_box(0.15, 0.34, 0.72, 0.06).moved(0.4, 0.22, 0.0),
    ]
    room.add("armchair", joined(parts), cloth, at, turn)
    legs = [cylinder(0.02, 0.26, 16).moved(x, 0, z) for x in (-0.34, 0.34) for z in (-0.3, 0.3)]
    room.add("armchair legs", joined(legs), wood, at, turn)


def _table_and_rug(room: Interior) -> None:
    pattern = patterns.rug(1024, (0.80, 0.72, 0.60), (0.42, 0.22, 0.18), (0.20, 0.28, 0.34))
    size = (2.7, 1.9)
    wool = room.material(
        "rug", texture=room.texture("rug", pattern), per_metre=(1 / size[0], 1 / size[1]), roughness=0.9
    )
    flat = rounded_box(size[0], 0.016, size[1], 0.006, 2)
    uvs = np.stack([flat.positions[:, 0] + size[0] / 2, flat.positions[:, 2] + size[1] / 2], axis=1)
    room.add("rug", Solid(flat.positions, flat.normals, uvs, flat.triangles), wool, (-0.25, 0, -0.35))
    walnut = room.material(
        "walnut",
        texture=room.texture("walnut", patterns.planks(512, (0.28, 0.18, 0.11), (0.50, 0.34, 0.22), 3, "walnut")),
        per_metre=1.2,
    )
    at = (-0.3, 0.016, -0.3)
    legs = [cylinder(0.022, 0.38, 16).moved(x, 0, z) for x in (-0.46, 0.46) for z in (-0.22, 0.22)]
    room.add("coffee table", joined([rounded_box(1.15, 0.04, 0.62, 0.015, 3).moved(y=0.38), *legs]), walnut, at)
    glaze = room.material("blue glaze", (0.22, 0.36, 0.48), roughness=0.18)
    bowl = turned_smooth([(0.0, 0.0), (0.07, 0.0), (0.13, 0.045), (0.17, 0.1), (0.16, 0.1), (0.11, 0.05), (0.0, 0.02)])
    room.add("bowl", bowl, glaze, (at[0] - 0.28, 0.436, at[2] + 0.05))
    paper = room.material("books", texture=room.texture("book cloth", patterns.swatches(BOOKS)))
    pile = [
        box(0.26, 0.028, 0.19).turned(8).with_uv(0.5 / 8, 0.5),
        box(0.22, 0.022, 0.16).turned(-12).moved(y=0.028).with_uv(2.5 / 8, 0.5),
        box(0.18, 0.03, 0.14).turned(20).moved(y=0.05).with_uv(7.5 / 8, 0.5),
    ]
    room.add("books on the table", joined(pile), paper, (at[0] + 0.22, 0.436, at[2] - 0.04))


def _shelf(room: Interior) -> None:
    wood = room.material("shelf", (0.62, 0.46, 0.31))
    paper = next(i for i, material in enumerate(room.json["materials"]) if material["name"] == "books")
    width, height, depth, boards = 1.7, 2.05, 0.3, 5
    levels = np.linspace(0.05, height - 0.03, boards + 1)
    parts = [box(0.03, height, depth).moved(x=side * (width / 2 - 0.015)) for side in (-1, 1)]
    parts += [box(width - 0.06, 0.025, depth).moved(y=float(level)) for level in levels]
    parts.append(box(width - 0.06, height - 0.05, 0.012).moved(y=0.05, z=-depth / 2 + 0.006))
    at = (-WIDTH / 2 + depth / 2 + 0.02, 0.0, 0.55)
    room.add("shelf", joined(parts), wood, at, 90)
    room.add("books", joined(_books(levels[:-1], width - 0.12, 0.3)), paper, at, 90)


def _books(levels: Array, width: float, room_above: float) -> list[Solid]:
    """Rows of books with gaps, some leaning."""
    draws, found = Draws("books"), []
    for level in levels:
        x, end = -width / 2, width / 2 - draws.uniform(0.1, 0.5)
        while x < end:
            thick, tall = draws.uniform(0.018, 0.05), draws.uniform(0.7, 0.95) * room_above
            spot = (draws.index(len(BOOKS)) + 0.5) / len(BOOKS)
            book = box(thick, tall, draws.uniform(0.17, 0.22)).moved(x + thick / 2, float(level) + 0.025, 0.02)
            found.append(book.with_uv(spot, 0.5))
            x += thick + (draws.uniform(0.06, 0.2) if draws.uniform() < 0.07 else 0.002)
    return found


def _plants(room: Interior) -> None:
    leaf = room.material("leaf", (0.24, 0.42, 0.20), double_sided=True)
    clay = room.material("terracotta", (0.70, 0.42, 0.30), roughness=0.8)
    soil = room.material("soil", (0.20, 0.15, 0.11), roughness=1.0)
    draws = Draws("plant")
    at = (2.35, 0.0, -1.85)
    room.add("pot", lathe([(0, 0), (0.15, 0), (0.19, 0.36), (0.17, 0.36), (0.165, 0.3)], 40), clay, at)
    room.add("soil", cylinder(0.166, 0.01, 40), soil, (at[0], 0.295, at[2]))
    blades = []
    for i in range(34):
        reach, rise = draws.uniform(0.2, 0.42), draws.uniform(0.45, 1.15)
        blades.append(sheet(_blade(reach, rise, draws.uniform(0.03, 0.055)), 13, 4, (1, 1)).turned(137.5 * i))
    room.add("leaves", joined(blades), leaf, (at[0], 0.3, at[2]))


def _blade(reach: float, rise: float, half_width: float):  # type: ignore[no-untyped-def]
    """A leaf that rises, bends over and ends in a point, with a fold along its middle."""

    def shape(u: Array, v: Array) -> Array:
        u, side = np.clip(u, 0, 1), 2 * v - 1
        wide = half_width * np.sin(np.pi * np.clip(0.08 + 0.92 * u, 0, 1)) ** 0.8
        out = reach * u**1.6
        up = rise * (u - 0.42 * u**2.6) + 0.4 * wide * np.abs(side)
        return np.stack([out, up, side * wide], axis=-1)

    return shape


def _lamp(room: Interior) -> None:
    black = room.material("black steel", (0.12, 0.12, 0.12))
    shade = room.material("lamp shade", (0.93, 0.88, 0.78), double_sided=True)
    at = (-2.25, 0.0, -1.75)
    stand = joined([cylinder(0.15, 0.02, 32), cylinder(0.012, 1.45, 16)])
    room.add("lamp stand", stand, black, at)
    room.add("lamp shade", lathe([(0.22, 0.0), (0.15, 0.3)], 40), shade, (at[0], 1.4, at[2]))
