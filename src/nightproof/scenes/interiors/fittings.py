"""What every room has: skirting boards, pictures in frames."""

from __future__ import annotations

import numpy as np

from nightproof.scenes.interiors.solids import Solid, box, joined
from nightproof.scenes.interiors.studio import Interior

Array = np.ndarray


def skirting(room: Interior, material: int, width: float, depth: float, x: float = 0.0, z: float = 0.0) -> None:
    """Boards along the four walls of a room whose middle is at (x, z)."""
    long, short = box(width, 0.09, 0.016), box(depth - 0.032, 0.09, 0.016)
    for side in (-1, 1):
        room.add("skirting", long, material, (x, 0, z + side * (depth / 2 - 0.008)))
        room.add("skirting", short, material, (x + side * (width / 2 - 0.008), 0, z), 90)


def hang_picture(
    room: Interior,
    name: str,
    color: Array,
    at: tuple[float, float, float],
    width: float,
    height: float,
    turn: float = 0.0,
) -> None:
    """A framed picture; `at` is its middle on the wall, which faces +z before it is turned."""
    frame = room.material(f"frame of {name}", (0.16, 0.13, 0.11))
    canvas = room.material(name, texture=room.texture(name, color))
    bar = 0.04
    upright, across = box(bar, height, 0.04), box(width - 2 * bar, bar, 0.04)
    bars = [
        upright.moved((width - bar) / 2, 0, 0.02),
        upright.moved((bar - width) / 2, 0, 0.02),
        across.moved(z=0.02),
        across.moved(y=height - bar, z=0.02),
    ]
    low = (at[0], at[1] - height / 2, at[2])
    room.add(f"frame of {name}", joined(bars), frame, low, turn)
    room.add(name, whole_picture(width - 2 * bar, height - 2 * bar).moved(y=bar), canvas, low, turn)


def whole_picture(width: float, height: float) -> Solid:
    """A flat box whose front shows its texture once."""
    plain = box(width, height, 0.015).moved(z=0.0125)
    uvs = np.stack([plain.positions[:, 0] / width + 0.5, 1 - plain.positions[:, 1] / height], axis=1)
    return Solid(plain.positions, plain.normals, uvs, plain.triangles)
