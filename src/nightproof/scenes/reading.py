"""One door for scene files of every format: what lies behind it is always a glTF document."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from nightproof.scenes.gltf import GltfDocument, load_gltf
from nightproof.scenes.resources import read_beginning
from nightproof.scenes.selection import with_scene

SUFFIXES = {
    ".glb": "gltf",
    ".gltf": "gltf",
    ".obj": "obj",
    ".ply": "ply",
    ".stl": "stl",
    **dict.fromkeys((".usd", ".usda", ".usdc", ".usdz"), "usd"),
}
BEGINNINGS = (
    (b"glTF", "gltf"), (b"ply\n", "ply"), (b"ply\r", "ply"), (b"PXR-USDC", "usd"), (b"#usda", "usd"),
)  # fmt: skip
"""What files begin with, whatever they are called."""


def load_scene(path: Path, scene: int | str | None = None) -> GltfDocument:
    """Open a scene file: .glb, .gltf, .obj, .ply, .stl, and .usd, .usda, .usdc, .usdz where OpenUSD is installed.

    Args:
        scene: the number or the name of the scene to show, where the file has several; else the one it names.

    Raises:
        BrokenScene: the file breaks a rule of its format, or is none of these.
        UnusableInput: it cannot be read at all, or has no such scene.
        NotOnThisMachine: OpenUSD is missing.
    """
    return with_scene(_loader(_format(path))(path), scene)


def _format(path: Path) -> str:
    begin = read_beginning(path, 16)
    told = next((form for magic, form in BEGINNINGS if begin.startswith(magic)), None)
    return told or SUFFIXES.get(path.suffix.lower(), "gltf")


def _loader(form: str) -> Callable[[Path], GltfDocument]:
    """The others are imported where they are needed: together they take a tenth of a second."""
    if form == "gltf":
        return load_gltf
    loader: Callable[[Path], GltfDocument] = getattr(import_module(f"nightproof.scenes.formats.{form}"), f"load_{form}")
    return loader
