"""The smallest room that goes through every step of a job: six walls, a block on the floor, a light in the ceiling."""

from nightproof.scenes.interiors import patterns
from nightproof.scenes.interiors.solids import box
from nightproof.scenes.interiors.studio import Interior

WIDTH, HEIGHT, THICK = 3.0, 2.6, 0.2


def cell() -> bytes:
    """Its texture is finer than a bake needs: what is baked is smaller than the source, as it has to be."""
    room = Interior("cell")
    plaster = room.texture("plaster", patterns.plaster(512, (0.9, 0.89, 0.86), 0.03))
    white, red = room.material("white", texture=plaster), room.material("red", (0.7, 0.25, 0.2), roughness=0.9)
    lamp = room.material("lamp", (1.0, 0.95, 0.85), glow=12.0)
    length, across = WIDTH + 2 * THICK, (WIDTH + THICK) / 2
    slab, wall = box(length, THICK, length), box(length, HEIGHT, THICK)
    room.add("floor", slab, white, (0, -THICK, 0))
    room.add("ceiling", slab, white, (0, HEIGHT, 0))
    room.add("north", wall, white, (0, 0, -across))
    room.add("south", wall, white, (0, 0, across))
    room.add("west", wall, red, (-across, 0, 0), 90)
    room.add("east", wall, white, (across, 0, 0), 90)
    room.add("block", box(0.8, 0.8, 0.8), red, (0.5, 0, -0.4), 20.0)
    room.add("panel", box(1.0, 0.02, 1.0), lamp, (0, HEIGHT - 0.02, 0))
    return room.glb()


def block() -> bytes:
    """One box under an assumed studio: the cheapest scene there is to measure."""
    room = Interior("block")
    room.add("block", box(0.8, 0.8, 0.8), room.material("red", (0.7, 0.25, 0.2), roughness=0.9))
    return room.glb()
