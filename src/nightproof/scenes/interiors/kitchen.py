"""A kitchen in the evening and the corridor that leads to it: lamps, tiles, cupboards, a laid table, a doorway."""

from __future__ import annotations

from nightproof.scenes.interiors import patterns
from nightproof.scenes.interiors.fittings import hang_picture, skirting
from nightproof.scenes.interiors.solids import (
    Solid,
    box,
    cylinder,
    joined,
    lathe,
    quad,
    rounded_box,
    sphere,
    turned_smooth,
    wall,
)
from nightproof.scenes.interiors.studio import Interior

WIDTH, DEPTH, HEIGHT, THICK = 4.2, 3.6, 2.6, 0.18
CORRIDOR = 1.5
"""Its width; it runs along the south side of the kitchen."""
SOUTH = DEPTH / 2 + THICK + CORRIDOR


def kitchen() -> bytes:
    room = Interior("kitchen")
    _shell(room)
    _cupboards(room)
    _table(room)
    _corridor(room)
    room.camera("doorway", (0.9, 1.55, DEPTH / 2 - 0.25), (-0.5, 0.95, -1.2), 58)
    room.camera("corridor", (-1.75, 1.55, SOUTH - CORRIDOR / 2), (1.2, 1.1, SOUTH - CORRIDOR / 2 - 0.2), 56)
    return room.glb()


def _shell(room: Interior) -> None:
    plaster = room.texture("plaster", patterns.plaster(512, (0.90, 0.87, 0.81), 0.035, "kitchen"))
    checker = room.texture(
        "floor tiles", patterns.tiles(1024, ((0.86, 0.84, 0.79), (0.34, 0.40, 0.41)), 4, (0.55, 0.53, 0.50), "floor")
    )
    walls = room.material("plaster", texture=plaster, per_metre=0.5)
    ochre = room.material("ochre wall", (0.95, 0.80, 0.55), texture=plaster, per_metre=0.5)
    floor = room.material("floor tiles", texture=checker, per_metre=0.8)
    middle, deep = (SOUTH - DEPTH / 2) / 2, SOUTH + DEPTH / 2
    slab = box(WIDTH + 2 * THICK, 0.2, deep + 2 * THICK)
    room.add("floor", slab, floor, (0, -0.2, middle))
    room.add("ceiling", slab, walls, (0, HEIGHT, middle))
    long = wall(WIDTH + 2 * THICK, HEIGHT, THICK)
    room.add("north wall", long, walls, (0, 0, -DEPTH / 2))
    room.add("south wall", long, ochre, (0, 0, SOUTH), 180)
    side = wall(deep, HEIGHT, THICK)
    room.add("west wall", side, walls, (-WIDTH / 2, 0, middle), 90)
    room.add("east wall", side, walls, (WIDTH / 2, 0, middle), -90)
    divider = wall(WIDTH, HEIGHT, THICK, [(-1.5, -0.5, 0.0, 2.1)])
    room.add("dividing wall", divider, walls, (0, 0, DEPTH / 2), 180)
    paint = room.material("door frame", (0.93, 0.92, 0.89))
    jamb, head = box(0.07, 2.17, THICK + 0.03), box(1.0, 0.07, THICK + 0.03)
    trim = joined([jamb.moved(x=0.465), jamb.moved(x=1.535), head.moved(x=1.0, y=2.1)])
    room.add("door frame", trim, paint, (0, 0, DEPTH / 2 + THICK / 2))
    skirting(room, paint, WIDTH, CORRIDOR, 0, SOUTH - CORRIDOR / 2)


def _cupboards(room: Interior) -> None:
    front = room.material("cupboard", (0.36, 0.46, 0.42))
    steel = room.material("steel", (0.75, 0.75, 0.74), metallic=1.0, roughness=0.35)
    top = room.material(
        "worktop",
        texture=room.texture("worktop", patterns.planks(512, (0.50, 0.33, 0.19), (0.76, 0.57, 0.37), 6, "worktop")),
        per_metre=0.9,
    )
    glazed = patterns.tiles(512, ((0.90, 0.91, 0.87), (0.88, 0.90, 0.86)), 6, (0.72, 0.70, 0.66), "splash")
    splash = room.material("wall tiles", texture=room.texture("wall tiles", glazed), per_metre=1.4, roughness=0.25)
    z = -DEPTH / 2 + 0.31
    room.add("cupboard bodies", box(3.3, 0.78, 0.56).moved(y=0.1), front, (-0.45, 0, z - 0.02))
    room.add("plinth", box(3.3, 0.1, 0.5), room.material("plinth", (0.15, 0.15, 0.15)), (-0.45, 0, z - 0.04))
    door, knob = rounded_box(0.53, 0.72, 0.022, 0.008, 2), sphere(0.014, 10)
    for i in range(6):
        x = -0.45 - 1.375 + 0.55 * i
        room.add("cupboard door", door, front, (x, 0.13, z + 0.271))
        room.add("knob", knob, steel, (x + (0.2 if i % 2 == 0 else -0.2), 0.74, z + 0.296))
    room.add("worktop", rounded_box(3.34, 0.04, 0.64, 0.01, 2), top, (-0.45, 0.88, z))
    room.add("wall tiles", quad((-1.65, 0, 0), (3.3, 0, 0), (0, 0.56, 0)), splash, (-0.45, 0.92, -DEPTH / 2 + 0.004))
    room.add("shelf board", box(2.4, 0.03, 0.22), top, (-0.7, 1.52, -DEPTH / 2 + 0.11))
    fridge = room.material("fridge", (0.92, 0.91, 0.87))
    room.add("fridge", rounded_box(0.68, 1.85, 0.66, 0.04), fridge, (1.7, 0.02, -DEPTH / 2 + 0.36))
    room.add("fridge handle", cylinder(0.011, 0.6, 12), steel, (1.44, 0.95, -DEPTH / 2 + 0.72))
    _hob_and_crockery(room, steel, z)


def _hob_and_crockery(room: Interior, steel: int, z: float) -> None:
    glass = room.material("hob", (0.06, 0.06, 0.07), roughness=0.1)
    room.add("hob", box(0.58, 0.008, 0.5), glass, (0.2, 0.92, z))
    pot = [
        lathe([(0, 0), (0.1, 0), (0.1, 0.13), (0.096, 0.13), (0.096, 0.01), (0, 0.01)], 40),
        sphere(0.012, 12).moved(y=0.2),
    ]
    lid = turned_smooth([(0.102, 0.13), (0.1, 0.145), (0.05, 0.17), (0.0, 0.18)], 40, 8)
    room.add("pot", joined([*pot, lid]), steel, (0.1, 0.928, z + 0.05))
    china = room.material("china", (0.93, 0.92, 0.88), roughness=0.2)
    blue = room.material("blue china", (0.25, 0.38, 0.55), roughness=0.2)
    cup, plate = _cup(), _plate()
    for i, x in enumerate((-1.7, -1.52, -1.34, -1.16)):
        room.add("cup", cup, blue if i % 2 else china, (x, 1.55, -DEPTH / 2 + 0.12), 40.0 * i)
    for i in range(5):
        room.add("plate", plate, china, (-0.7, 1.55 + 0.014 * i, -DEPTH / 2 + 0.125))
    jar = turned_smooth([(0.0, 0.0), (0.06, 0.0), (0.07, 0.08), (0.05, 0.16), (0.05, 0.18), (0.0, 0.19)], 24, 12)
    for i, x in enumerate((-0.3, -0.13, 0.06)):
        room.add("jar", jar, blue if i == 1 else china, (x, 1.55, -DEPTH / 2 + 0.12))


def _cup() -> Solid:
    return turned_smooth(
        [(0.0, 0.0), (0.028, 0.0), (0.038, 0.03), (0.042, 0.08), (0.038, 0.08), (0.034, 0.02), (0.0, 0.01)], 20, 10
    )


def _plate() -> Solid:
    return turned_smooth(
        [(0.0, 0.0), (0.06, 0.0), (0.085, 0.01), (0.11, 0.02), (0.108, 0.024), (0.08, 0.013), (0.0, 0.008)], 28, 10
    )


def _table(room: Interior) -> None:
    birch = room.material(
        "birch",
        texture=room.texture("birch", patterns.planks(512, (0.72, 0.58, 0.41), (0.88, 0.76, 0.58), 4, "birch")),
        per_metre=0.8,
    )
    at = (-0.75, 0.0, 0.25)
    legs = [rounded_box(0.055, 0.72, 0.055, 0.012, 2).moved(x, 0, z) for x in (-0.58, 0.58) for z in (-0.33, 0.33)]
    room.add("table", joined([rounded_box(1.3, 0.035, 0.8, 0.012, 3).moved(y=0.72), *legs]), birch, at)
    seat = room.material("chair", (0.75, 0.36, 0.26))
    chair = _chair()
    for x, z, turn in ((-0.32, 0.62, 178), (0.34, 0.66, 186), (-0.3, -0.6, 4), (0.36, -0.62, -6)):
        room.add("chair", chair, seat, (at[0] + x, 0, at[2] + z), turn)
    china = next(i for i, material in enumerate(room.json["materials"]) if material["name"] == "china")
    cup, plate = _cup(), _plate()
    for x, z in ((-0.32, 0.22), (0.34, 0.22), (-0.32, -0.22), (0.34, -0.22)):
        room.add("plate", plate, china, (at[0] + x, 0.755, at[2] + z))
        room.add("cup", cup, china, (at[0] + x + 0.17, 0.755, at[2] + z * 0.6))
    _fruit(room, (at[0], 0.755, at[2]))
    _pendant(room, (at[0], 1.62, at[2]), 3.4)
    _pendant(room, (1.1, 1.85, -0.55), 2.6)


def _chair() -> Solid:
    legs = [cylinder(0.016, 0.44, 12).moved(x, 0, z) for x in (-0.17, 0.17) for z in (-0.16, 0.18)]
    posts = [cylinder(0.014, 0.44, 12).turned(-6, 0).moved(x, 0.45, -0.18) for x in (-0.16, 0.16)]
    back = rounded_box(0.38, 0.16, 0.022, 0.01, 3).turned(-6, 0).moved(0, 0.74, -0.21)
    return joined([rounded_box(0.42, 0.035, 0.42, 0.015, 3).moved(y=0.43), *legs, *posts, back])


def _fruit(room: Interior, at: tuple[float, float, float]) -> None:
    wood = room.material("bowl", (0.45, 0.30, 0.19))
    bowl = turned_smooth(
        [(0.0, 0.0), (0.06, 0.0), (0.12, 0.04), (0.15, 0.08), (0.14, 0.08), (0.1, 0.035), (0.0, 0.012)], 40, 20
    )
    room.add("bowl", bowl, wood, at)
    ball = sphere(0.038, 16)
    orange, apple = room.material("orange", (0.92, 0.55, 0.16)), room.material("apple", (0.62, 0.72, 0.28))
    for i, (x, y, z) in enumerate(
        ((0.05, 0.06, 0.02), (-0.045, 0.06, 0.03), (0.0, 0.06, -0.055), (0.005, 0.115, 0.005))
    ):
        room.add("fruit", ball, apple if i == 1 else orange, (at[0] + x, at[1] + y, at[2] + z))


def _pendant(room: Interior, at: tuple[float, float, float], candela: float) -> None:
    """A lamp on its cable: enamel outside, white inside, the light a little above the rim."""
    x, y, z = at
    enamel = room.material("enamel", (0.14, 0.24, 0.26), double_sided=True)
    shade = turned_smooth([(0.02, 0.2), (0.05, 0.19), (0.1, 0.13), (0.17, 0.05), (0.2, 0.0)], 36, 12)
    room.add("pendant", shade, enamel, at)
    room.add("cable", cylinder(0.005, HEIGHT - y - 0.19, 8), enamel, (x, y + 0.19, z))
    room.point_light("pendant light", (x, y + 0.03, z), (1.0, 0.86, 0.68), candela)


def _corridor(room: Interior) -> None:
    middle = SOUTH - CORRIDOR / 2
    runner = patterns.rug(512, (0.55, 0.24, 0.20), (0.82, 0.72, 0.55), (0.18, 0.24, 0.30))
    cloth = room.material("runner", texture=room.texture("runner", runner), per_metre=(1 / 2.6, 1 / 0.7), roughness=0.9)
    flat = quad((-1.3, 0, 0.35), (2.6, 0, 0), (0, 0, -0.7))
    room.add("runner", flat, cloth, (0, 0.006, middle))
    oak = room.material("oak", (0.58, 0.42, 0.27))
    room.add("rail", box(1.1, 0.1, 0.02), oak, (-1.0, 1.6, SOUTH - 0.01), 180)
    peg = cylinder(0.012, 0.09, 12).turned(-90, 0)
    for x in (-1.4, -1.13, -0.87, -0.6):
        room.add("peg", peg, oak, (x, 1.65, SOUTH - 0.02))
    body = [box(1.0, 0.5, 0.34).moved(y=0.3), *(cylinder(0.02, 0.3, 12).moved(x, 0, 0) for x in (-0.42, 0.42))]
    room.add("sideboard", joined(body), oak, (1.35, 0, SOUTH - 0.19), 180)
    vase = turned_smooth([(0.0, 0.0), (0.05, 0.0), (0.1, 0.1), (0.05, 0.22), (0.035, 0.26), (0.0, 0.255)], 32, 16)
    room.add("vase", vase, room.material("vase", (0.86, 0.84, 0.80)), (1.1, 0.8, SOUTH - 0.19))
    palette = ((0.93, 0.88, 0.78), (0.74, 0.42, 0.28), (0.25, 0.33, 0.36), (0.88, 0.70, 0.42))
    hang_picture(
        room, "corridor picture", patterns.painting(512, palette, "corridor"), (0.35, 1.55, SOUTH), 0.9, 0.7, 180
    )
    glass = room.material("opal", (0.95, 0.93, 0.88))
    room.add("ceiling rose", cylinder(0.09, 0.03, 32), glass, (0.2, HEIGHT - 0.03, middle))
    room.point_light("corridor light", (0.2, HEIGHT - 0.22, middle), (1.0, 0.90, 0.76), 1.6)
