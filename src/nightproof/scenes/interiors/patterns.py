"""Textures by rule: planks, plaster, cloth, tiles, pictures. Tileable, sRGB, 8 bits, the same bytes everywhere."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np

from nightproof.scenes.draws import Draws

Array = np.ndarray
Color = tuple[float, float, float]
"""sRGB, 0 to 1."""


def noise(size: int, cells: tuple[int, int], label: str, octaves: int = 4) -> Array:
    """Tileable value noise of (rows, columns) cells, in [0, 1]; every octave is twice as fine and half as strong."""
    total, strength = np.zeros((size, size)), 0.0
    for octave in range(octaves):
        rows, columns = min(cells[0] << octave, size), min(cells[1] << octave, size)
        lattice = Draws(label, octave).uniforms(rows * columns).reshape(rows, columns)
        total += _interpolated(lattice, size) * 0.5**octave
        strength += 0.5**octave
    return total / strength


def _interpolated(lattice: Array, size: int) -> Array:
    rows, columns = lattice.shape
    y, x = np.arange(size) * rows / size, np.arange(size) * columns / size
    i, j = y.astype(int), x.astype(int)
    fy, fx = (_ease(y - i))[:, None], (_ease(x - j))[None]
    below, right = (i + 1) % rows, (j + 1) % columns
    top = lattice[i][:, j] * (1 - fx) + lattice[i][:, right] * fx
    bottom = lattice[below][:, j] * (1 - fx) + lattice[below][:, right] * fx
    return top * (1 - fy) + bottom * fy


def _ease(t: Array) -> Array:
    return t * t * (3 - 2 * t)


def mix(low: Color, high: Color, amount: Array) -> Array:
    return np.array(low) + (np.array(high) - np.array(low)) * np.clip(amount, 0, 1)[..., None]


def planks(size: int, low: Color, high: Color, rows: int = 8, label: str = "planks") -> Array:
    """Floor boards: every board its own tone and grain, dark joints, shifted ends."""
    y, x = np.mgrid[0:size, 0:size] / size
    row = np.minimum((y * rows).astype(int), rows - 1)
    shift = Draws(label + "shift").uniforms(rows)[row]
    along = (x + shift) % 1.0
    board = np.minimum((along * 2).astype(int), 1)
    tone = Draws(label + "tone").uniforms(rows * 2).reshape(rows, 2)[row, board]
    grain = noise(size, (64, 2), label + "grain", 5)
    rings = 0.5 + 0.5 * np.sin(2 * np.pi * (7 * noise(size, (16, 1), label + "rings", 3) + 3 * tone))
    color = mix(low, high, 0.30 * tone + 0.45 * grain + 0.25 * rings)
    joint = np.minimum(_gap(y * rows), _gap(along * 2) * rows / 4)
    return color * (0.45 + 0.55 * np.clip(joint / 0.03, 0, 1))[..., None]


def _gap(t: Array) -> Array:
    """Distance to the nearest whole number."""
    return np.abs(t - np.round(t))


def plaster(size: int, color: Color, depth: float = 0.04, label: str = "plaster") -> Array:
    tone = 0.6 * noise(size, (6, 6), label, 5) + 0.4 * noise(size, (128, 128), label + "fine", 2)
    return np.array(color) * (1 - depth + 2 * depth * tone)[..., None]


def cloth(size: int, color: Color, threads: int = 48, label: str = "cloth") -> Array:
    """A plain weave: over and under, with uneven yarn."""
    y, x = np.mgrid[0:size, 0:size] / size * threads
    over = (np.floor(x) + np.floor(y)) % 2
    ridge = np.where(over > 0, np.sin(np.pi * (x % 1)), np.sin(np.pi * (y % 1)))
    yarn = noise(size, (threads, 8), label, 3) * over + noise(size, (8, threads), label + "weft", 3) * (1 - over)
    return np.array(color) * (0.66 + 0.20 * ridge + 0.28 * (yarn - 0.5))[..., None]


def rug(size: int, ground: Color, figure: Color, accent: Color) -> Array:
    """Not tileable: a border and rows of lozenges, on knotted wool."""
    y, x = np.mgrid[0:size, 0:size] / size
    edge = np.minimum(np.minimum(x, 1 - x), np.minimum(y, 1 - y))
    lozenge = _gap(x * 6) + _gap(y * 4)
    field = mix(ground, figure, ((lozenge % 0.34) < 0.12).astype(float))
    field = np.where((lozenge < 0.16)[..., None], np.array(accent), field)
    border = mix(figure, accent, (_gap(x * 30) + _gap(y * 30) < 0.35).astype(float))
    color = np.where((edge < 0.075)[..., None], border, field)
    color = np.where((np.abs(edge - 0.085) < 0.008)[..., None], np.array(ground), color)
    wool = noise(size, (96, 96), "wool", 3)
    return color * (0.72 + 0.5 * wool)[..., None]


def tiles(size: int, colors: Sequence[Color], count: int, grout: Color, label: str = "tiles") -> Array:
    y, x = np.mgrid[0:size, 0:size] / size * count
    which = (np.floor(x) + np.floor(y)).astype(int) % len(colors)
    tone = Draws(label).uniforms(count * count).reshape(count, count)[np.floor(y).astype(int), np.floor(x).astype(int)]
    color = np.array(colors)[which] * (0.93 + 0.12 * tone + 0.08 * (noise(size, (12, 12), label, 4) - 0.5))[..., None]
    joint = np.minimum(_gap(x), _gap(y))
    return np.where((joint < 0.018)[..., None], np.array(grout), color)


def terrazzo(size: int, ground: Color, chips: Sequence[Color], label: str = "terrazzo") -> Array:
    color = plaster(size, ground, 0.03, label)
    for i, chip in enumerate(chips):
        mask = noise(size, (40, 40), f"{label}{i}", 2) > 0.72
        color = np.where(mask[..., None], np.array(chip), color)
    return color


def painting(size: int, palette: Sequence[Color], label: str) -> Array:
    """An abstract picture: bands of colour bent by noise, with brush marks."""
    bend = noise(size, (2, 2), label, 4)
    y, x = np.mgrid[0:size, 0:size] / size
    angle = Draws(label + "angle").uniform(0, np.pi)
    level = (x * np.cos(angle) + y * np.sin(angle)) * 0.8 + 1.1 * bend
    place = (level - level.min()) / (level.max() - level.min()) * (len(palette) - 1e-6)
    index = place.astype(int)
    brush = noise(size, (128, 8), label + "brush", 3)
    return np.array(palette)[index] * (0.84 + 0.32 * brush)[..., None]


def swatches(colors: Sequence[Color]) -> Array:
    """A palette, 8 × 8 pixels for each colour in a row: spot i is at u = (i + ½) / n."""
    return np.repeat(np.repeat(np.array(colors)[None], 8, axis=0), 8, axis=1)


def png(color: Array) -> bytes:
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(np.round(255 * np.clip(color, 0, 1)).astype(np.uint8)).save(stream, "PNG")
    return stream.getvalue()
