"""A bedroom in matte finishes, as an architect would paint it: limewash, oiled boards, linen, lamps of paper.

The other rooms have their exporter's roughness nearly everywhere; here every surface but the pictures says what it is.
Light that is averaged over directions is at its best in such a room, and this one shows how good that is.
"""

from __future__ import annotations

import numpy as np

from nightproof.scenes.interiors import patterns
from nightproof.scenes.interiors.fittings import hang_picture, skirting
from nightproof.scenes.interiors.solids import box, cylinder, joined, quad, rounded_box, sphere, turned_smooth, wall
from nightproof.scenes.interiors.studio import Interior

WIDTH, DEPTH, HEIGHT, THICK = 4.6, 4.0, 2.7, 0.2
NORTH = -DEPTH / 2
LIMEWASH, OILED, LINEN, PAPER = 0.95, 0.8, 1.0, 0.9
"""Roughness: of what light meets here."""


def bedroom() -> bytes:
    room = Interior("bedroom")
    _shell(room)
    oak = room.material(
        "oiled oak",
        texture=room.texture("oak", patterns.planks(512, (0.55, 0.40, 0.26), (0.78, 0.63, 0.45), 4, "bedroom oak")),
        per_metre=0.8,
        roughness=OILED,
    )
    _bed(room, oak)
    _bedsides(room, oak)
    _wardrobe(room, oak)
    _reading_corner(room, oak)
    _ceiling_light(room, oak)
    room.camera("door", (1.15, 1.6, 1.75), (-0.7, 0.9, -1.0), 58)
    room.camera("corner", (-1.9, 1.55, 1.6), (0.9, 0.9, -0.9), 58)
    return room.glb()


def _shell(room: Interior) -> None:
    plaster = room.texture("limewash", patterns.plaster(1024, (0.91, 0.89, 0.85), 0.05, "limewash"))
    boards = room.texture("boards", patterns.planks(1024, (0.62, 0.48, 0.34), (0.84, 0.71, 0.55), 8, "bedroom boards"))
    walls = room.material("limewash", texture=plaster, per_metre=0.4, roughness=LIMEWASH)
    sage = room.material("sage wall", (0.80, 0.86, 0.78), texture=plaster, per_metre=0.4, roughness=LIMEWASH)
    floor = room.material("boards", texture=boards, per_metre=0.5, roughness=OILED)
    slab = box(WIDTH + 2 * THICK, 0.2, DEPTH + 2 * THICK)
    room.add("floor", slab, floor, (0, -0.2, 0))
    room.add("ceiling", slab, walls, (0, HEIGHT, 0))
    long, short = wall(WIDTH + 2 * THICK, HEIGHT, THICK), wall(DEPTH, HEIGHT, THICK)
    room.add("north wall", long, sage, (0, 0, NORTH))
    room.add("south wall", long, walls, (0, 0, -NORTH), 180)
    room.add("west wall", short, walls, (-WIDTH / 2, 0, 0), 90)
    room.add("east wall", short, walls, (WIDTH / 2, 0, 0), -90)
    skirting(room, room.material("skirting", (0.92, 0.91, 0.88), roughness=OILED), WIDTH, DEPTH)


def _bed(room: Interior, oak: int) -> None:
    white = (0.93, 0.90, 0.85)
    woven = patterns.cloth(1024, white, 96, "linen")
    linen = room.texture("linen", np.array(white) * 0.6 + 0.25 * woven)  # a bed sheet, not burlap
    sheet = room.material("linen", texture=linen, per_metre=1.6, roughness=LINEN)
    blanket = room.material("blanket", (0.80, 0.60, 0.46), texture=linen, per_metre=0.9, roughness=LINEN)
    at = (-0.35, 0.0, NORTH + 1.1)
    legs = [box(0.07, 0.2, 0.07).moved(x, 0, z) for x in (-0.78, 0.78) for z in (-0.93, 0.93)]
    head = rounded_box(1.76, 0.62, 0.05, 0.02, 3).moved(0, 0.34, -1.03)
    room.add("bed", joined([box(1.7, 0.16, 2.0).moved(y=0.2), head, *legs]), oak, at)
    room.add("mattress", rounded_box(1.6, 0.2, 1.94, 0.06, 5, puff=0.012), sheet, (at[0], 0.36, at[2]))
    room.add("blanket", rounded_box(1.68, 0.075, 1.24, 0.035, 5, puff=0.01), blanket, (at[0], 0.525, at[2] + 0.36))
    pillow = rounded_box(0.66, 0.15, 0.42, 0.07, 6, puff=0.03)
    for x, turn in ((-0.38, 3.0), (0.38, -4.0)):
        room.add("pillow", pillow, sheet, (at[0] + x, 0.56, at[2] - 0.68), turn)


def _bedsides(room: Interior, oak: int) -> None:
    paper = room.material("lamp paper", (1.0, 0.88, 0.72), glow=3.2, roughness=PAPER)
    clay = room.material("clay", (0.66, 0.52, 0.43), roughness=LIMEWASH)
    books = [room.material(f"book {i}", color, roughness=PAPER) for i, color in enumerate(
        ((0.30, 0.40, 0.44), (0.78, 0.66, 0.44), (0.62, 0.30, 0.24))
    )]  # fmt: skip
    stand = joined([rounded_box(0.44, 0.3, 0.38, 0.012, 2).moved(y=0.16), *(
        cylinder(0.018, 0.16, 12).moved(x, 0, z) for x in (-0.17, 0.17) for z in (-0.14, 0.14)
    )])  # fmt: skip
    foot = turned_smooth([(0.0, 0.0), (0.07, 0.0), (0.085, 0.06), (0.05, 0.16), (0.018, 0.22), (0.0, 0.222)], 32, 14)
    shade = sphere(0.12, 32)
    for side, x in enumerate((-0.35 - 1.16, -0.35 + 1.16)):
        z = NORTH + 0.26
        room.add("bedside table", stand, oak, (x, 0, z))
        room.add("lamp foot", foot, clay, (x, 0.46, z - 0.04))
        room.add("lamp", shade, paper, (x, 0.46 + 0.33, z - 0.04))
        for i in range(2 - side):
            turn = 12.0 - 20.0 * i
            room.add("book", box(0.14, 0.025, 0.2), books[i + side], (x - 0.1, 0.46 + 0.025 * i, z + 0.07), turn)


def _wardrobe(room: Interior, oak: int) -> None:
    paint = room.material("wardrobe", (0.86, 0.85, 0.80), roughness=OILED)
    at = (WIDTH / 2 - 0.31, 0.0, 0.65)
    room.add("wardrobe", box(1.5, 2.1, 0.56).moved(y=0.06), paint, at, -90)
    door = rounded_box(0.73, 2.02, 0.022, 0.006, 2).moved(y=0.1)
    for shift in (-0.372, 0.372):
        room.add("wardrobe door", door, paint, (at[0] - 0.292, 0, at[2] + shift), -90)
        room.add("handle", box(0.022, 0.36, 0.026), oak, (at[0] - 0.316, 0.95, at[2] + shift * 0.2), -90)


def _reading_corner(room: Interior, oak: int) -> None:
    wool = patterns.rug(512, (0.84, 0.79, 0.70), (0.55, 0.60, 0.55), (0.74, 0.52, 0.40))
    rug = room.material(
        "rug", texture=room.texture("rug", wool), per_metre=(1 / 2.2, 1 / 1.5), roughness=LINEN
    )  # fmt: skip
    room.add("rug", quad((-1.1, 0, 0.75), (2.2, 0, 0), (0, 0, -1.5)), rug, (-0.6, 0.006, 1.15))
    cloth = room.material("armchair", (0.55, 0.60, 0.54), roughness=LINEN)
    at = (-1.65, 0.0, 1.3)
    seat = [
        rounded_box(0.7, 0.2, 0.7, 0.06, 5, puff=0.012).moved(y=0.2),
        rounded_box(0.7, 0.5, 0.16, 0.06, 5).moved(0, 0.36, -0.3),
        *(rounded_box(0.14, 0.34, 0.66, 0.05, 4).moved(x, 0.2, 0) for x in (-0.36, 0.36)),
    ]
    room.add("armchair", joined(seat), cloth, at, 125)
    feet = [cylinder(0.022, 0.2, 12).moved(x, 0, z) for x in (-0.3, 0.3) for z in (-0.28, 0.28)]
    room.add("armchair feet", joined(feet), oak, at, 125)
    palette = ((0.92, 0.88, 0.80), (0.70, 0.74, 0.66), (0.44, 0.50, 0.46), (0.80, 0.60, 0.44))
    hang_picture(room, "picture", patterns.painting(512, palette, "bedroom"), (0.9, 1.6, -NORTH), 1.1, 0.8, 180)
    hang_picture(
        room, "drawing", patterns.painting(512, palette[::-1], "drawing"), (-WIDTH / 2, 1.55, 0.2), 0.6, 0.8, 90
    )


def _ceiling_light(room: Interior, oak: int) -> None:
    """A sheet of paper in an oak frame, wide as a table: soft shadows, no glare, and all light goes down."""
    side, low = 0.9, HEIGHT - 0.09
    paper = room.material("paper sheet", (1.0, 0.95, 0.88), glow=9.0, roughness=PAPER)
    long, short = box(side + 0.05, 0.09, 0.025), box(side, 0.09, 0.025)
    rim = [long.moved(z=sign * (side / 2 + 0.0125)) for sign in (-1, 1)]
    rim += [short.turned(90).moved(x=sign * (side / 2 + 0.0125)) for sign in (-1, 1)]
    at = (0.1, low, 0.25)
    room.add("light frame", joined(rim), oak, at)
    lit = quad((-side / 2, 0, -side / 2), (side, 0, 0), (0, 0, side))
    room.add("paper sheet", lit, paper, (at[0], low + 0.02, at[2]))
