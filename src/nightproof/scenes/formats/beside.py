"""Images beside a scene file, in whatever spelling its tool wrote down: found in its folder, or not at all."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass, field
from pathlib import Path

from nightproof.scenes.broken import BrokenScene
from nightproof.scenes.formats.assembly import SourceFiles
from nightproof.scenes.gltf import sniff_mime
from nightproof.scenes.images import PIXELS_LIMIT, SIDE_LIMIT_PX
from nightproof.scenes.resources import FILE_BYTES_LIMIT, is_remote, read_beside

OTHER_FORMATS = ("TGA", "BMP", "TIFF", "GIF", "DDS")
"""What Pillow turns into PNG: common beside OBJ and USD, unknown to glTF."""
DRIVE = re.compile(r"^[A-Za-z]:[\\/]")


@dataclass(frozen=True)
class Picture:
    """An image that glTF knows."""

    data: bytes
    mime: str


@dataclass
class Beside:
    """The folder of a scene file; remembers what was read from it."""

    folder: Path
    files: SourceFiles
    notes: list[str] = field(default_factory=list)
    _pictures: dict[str, Picture | None] = field(default_factory=dict)

    def read(self, name: str, what: str) -> bytes | None:
        """The bytes of a file that a scene names; None, and a note, where it is not there.

        Backslashes are separators. An absolute path of another machine stands for the file of that name beside the
        scene. Raises BrokenScene for paths that leave the folder and for the network.
        """
        spelled = name.replace("\\", "/")
        if DRIVE.match(name) or spelled.startswith("/"):
            spelled = spelled.rsplit("/", 1)[-1]
        elif is_remote(spelled):
            raise BrokenScene(f"{what} is on the network: {name[:80]}", hint="Save the file beside the scene.")
        data = read_beside(spelled, self.folder, FILE_BYTES_LIMIT)
        if data is None:
            self.notes.append(f"{what}, {name[:80]}, is not beside the scene and is left out")
            return None
        self.files.add(spelled, data)
        return data

    def picture(self, name: str, what: str) -> Picture | None:
        """An image as glTF can hold it. Raises BrokenScene for one that cannot be read."""
        if name not in self._pictures:
            data = self.read(name, what)
            self._pictures[name] = None if data is None else as_picture(data, what)
        return self._pictures[name]


def as_picture(data: bytes, what: str) -> Picture:
    """The image as it is where glTF knows its format, else as PNG. Raises BrokenScene."""
    mime = sniff_mime(data)
    if mime in ("image/png", "image/jpeg", "image/webp", "image/avif"):
        return Picture(data, mime)
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data), formats=OTHER_FORMATS) as image:
            if max(image.size) > SIDE_LIMIT_PX or image.size[0] * image.size[1] > PIXELS_LIMIT:
                raise BrokenScene(f"{what} has {image.size[0]} × {image.size[1]} pixels")
            stream = io.BytesIO()
            image.convert("RGBA" if "A" in image.getbands() or image.mode == "P" else "RGB").save(stream, "PNG")
    except BrokenScene:
        raise
    except Exception as error:  # Pillow raises many kinds on hostile bytes
        raise BrokenScene(f"{what} cannot be read as an image: {str(error)[:60]}") from None
    return Picture(stream.getvalue(), "image/png")
