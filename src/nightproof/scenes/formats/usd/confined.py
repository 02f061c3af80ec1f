"""Opens a USD stage of which every layer lies in the folder of the scene, and reads images from there too.

Composition opens whatever a layer names. So the layers are opened one by one first, uncomposed, and what each of them
names is looked at before it is opened: sublayers, references, payloads, in all variants.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass, field
from pathlib import Path

from pxr import Ar, Sdf, Usd

from nightproof.scenes.broken import BrokenScene
from nightproof.scenes.resources import FILE_BYTES_LIMIT, is_remote

LAYERS_LIMIT = 10_000
SUFFIXES = (".usd", ".usda", ".usdc", ".usdz")


@dataclass
class Confined:
    """The folder, and which of its files were used."""

    folder: Path
    files: dict[str, None] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def open_stage(self, root: Path) -> Usd.Stage:
        """Raises BrokenScene where a layer leaves the folder, names the network, or cannot be opened at all."""
        self._walk(root)
        stage = Usd.Stage.Open(str(root), Usd.Stage.LoadAll)
        if stage is None:
            raise BrokenScene(f"{root.name} cannot be opened as USD")
        return stage

    def _walk(self, root: Path) -> None:
        pending, seen = [str(root)], set[str]()
        while pending:
            identifier = pending.pop()
            if identifier in seen:
                continue
            seen.add(identifier)
            if len(seen) > LAYERS_LIMIT:
                raise BrokenScene(f"the scene has more than {LAYERS_LIMIT} layers")
            layer = Sdf.Layer.FindOrOpen(identifier)
            if layer is None:
                if len(seen) == 1:
                    raise BrokenScene(f"{root.name} cannot be opened as USD")
                self.notes.append(f"the layer {_tail(identifier)} cannot be opened and is left out")
                continue
            _refuse_clips(layer)
            for name in filter(None, layer.GetCompositionAssetDependencies()):  # "": the layer itself
                pending += self._anchored(layer, name)

    def _anchored(self, layer: Sdf.Layer, name: str) -> list[str]:
        if name.startswith("`"):
            raise BrokenScene(f"names a layer by an expression: {name[:80]}")
        if is_remote(name):
            raise BrokenScene(f"refers to the network: {name[:80]}", hint="Save the layer beside the scene.")
        place = Sdf.ComputeAssetPathRelativeToLayer(layer, name)
        if self.inside(place) is None:
            self.notes.append(f"the layer {name[:80]} is not beside the scene and is left out")
            return []
        file = place.split(":SDF_FORMAT_ARGS:")[0]
        inner = Ar.SplitPackageRelativePathInner(file)[1] if Ar.IsPackageRelativePath(file) else file
        if not inner.lower().endswith(SUFFIXES):
            raise BrokenScene(f"refers to {name[:80]}, which is no USD layer")
        return [place]

    def inside(self, place: str) -> Path | None:
        """The file behind an anchored path, noted as used; None where there is none. Raises BrokenScene outside."""
        outer = place.split(":SDF_FORMAT_ARGS:")[0]
        while Ar.IsPackageRelativePath(outer):
            outer = Ar.SplitPackageRelativePathOuter(outer)[0]
        if is_remote(outer) or "\0" in outer:
            raise BrokenScene(f"refers to the network: {outer[:80]}")
        path = (self.folder / outer).resolve()
        if not path.is_relative_to(self.folder):
            raise BrokenScene(f"{_tail(outer)} leaves the folder of the scene")
        if not path.is_file():
            return None
        self.files[str(path.relative_to(self.folder))] = None
        return path

    def read(self, asset: Sdf.AssetPath, layer: Sdf.Layer | None) -> bytes | None:
        """The bytes of an image, from the folder or from a .usdz in it; None where it is not there."""
        if is_remote(asset.path):
            raise BrokenScene(f"refers to the network: {asset.path[:80]}", hint="Save the image beside the scene.")
        place = asset.resolvedPath or (Sdf.ComputeAssetPathRelativeToLayer(layer, asset.path) if layer else asset.path)
        path = self.inside(place)
        if path is None:
            return None
        if path.stat().st_size > FILE_BYTES_LIMIT:
            raise BrokenScene(f"{_tail(place)} is larger than {FILE_BYTES_LIMIT} bytes")
        if not Ar.IsPackageRelativePath(place):
            return path.read_bytes()
        return _packaged(path, Ar.SplitPackageRelativePathOuter(place)[1])


def _packaged(package: Path, inner: str) -> bytes | None:
    """A file of a .usdz. Packages in packages are not opened."""
    try:
        with zipfile.ZipFile(package) as archive:
            about = archive.getinfo(inner)
            if about.file_size > FILE_BYTES_LIMIT or about.compress_type != zipfile.ZIP_STORED:
                raise BrokenScene(f"{inner[:80]} in {package.name} is compressed or too large: a USDZ stores its files")
            return archive.read(about)
    except (KeyError, zipfile.BadZipFile, NotImplementedError):
        return None


def _refuse_clips(layer: Sdf.Layer) -> None:
    """Value clips open further layers when values are asked for, after everything was looked at."""

    def look(path: Sdf.Path) -> None:
        spec = layer.GetPrimAtPath(path) if path.IsPrimPath() or path.IsPrimVariantSelectionPath() else None
        if spec is not None and spec.HasInfo("clips"):
            raise BrokenScene(
                f"{path} uses value clips, which are not read", hint="Flatten the stage: `usdcat --flatten`."
            )

    layer.Traverse(Sdf.Path.absoluteRootPath, look)


def _tail(path: str) -> str:
    return path if len(path) <= 80 else "…" + path[-79:]
