"""Which scene of a file with several is shown: the one it names, the first, or the one that somebody asks for."""

from __future__ import annotations

from dataclasses import replace

from nightproof.errors import UnusableInput
from nightproof.scenes.fields import Fields
from nightproof.scenes.glb import split_glb, write_glb
from nightproof.scenes.gltf import GltfDocument


def with_scene(document: GltfDocument, wish: int | str | None) -> GltfDocument:
    """The document with another default scene: its number, or its name. Everything else stays.

    Raises UnusableInput where there is no such scene, and BrokenScene.
    """
    if wish is None:
        return document
    index = _index(document, str(wish))
    if index == document.json.get("scene"):
        return document
    json = {**document.json, "scene": index}
    data = document.file_bytes
    rewritten = None if data is None else write_glb(json, split_glb(data)[1] or b"")
    return replace(document, json=json, file_bytes=rewritten)


def shown_scene(document: GltfDocument) -> int:
    """The number of the scene that is shown."""
    return document.root.reference("scene", "scenes") or 0


def scenes_note(document: GltfDocument) -> str:
    """What is to be said of a file with several scenes; "" of all others."""
    count = document.count("scenes")
    if count < 2:
        return ""
    index = shown_scene(document)
    return f"the file has {count} scenes; {_spoken(document.fields('scenes', index), index)} is shown and judged"


def _index(document: GltfDocument, wish: str) -> int:
    scenes = list(document.root.children("scenes"))
    for index, scene in enumerate(scenes):
        if scene.value.get("name") == wish:
            return index
    if wish.isdecimal() and len(wish) < 10 and int(wish) < len(scenes):
        return int(wish)
    known = ", ".join(_spoken(scene, index) for index, scene in list(enumerate(scenes))[:8]) or "none"
    raise UnusableInput(f"there is no scene {wish[:40]!r} in the file", hint=f"Its scenes, counted from 0: {known}.")


def _spoken(scene: Fields, index: int) -> str:
    name = scene.value.get("name")
    return f"{index} ({name[:40]!r})" if isinstance(name, str) and name else f"number {index}"
