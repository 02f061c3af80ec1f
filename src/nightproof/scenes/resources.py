"""Bytes that a .gltf keeps outside its JSON: data URIs and files beside it; never the network, never another folder."""

from __future__ import annotations

import base64
import binascii
import stat
from pathlib import Path
from urllib.parse import unquote, unquote_to_bytes, urlsplit

from nightproof.errors import UnusableInput
from nightproof.scenes.broken import BrokenScene, SceneTooLarge

FILE_BYTES_LIMIT = 2**31
"""Of one scene with all its files."""
DATA_MIME_TYPES = ("application/octet-stream", "application/gltf-buffer", "image/")


def read_file(path: Path) -> bytes:
    """The bytes of a scene file. Raises UnusableInput, and SceneTooLarge before anything is read."""
    return _read(path, FILE_BYTES_LIMIT)


def read_beginning(path: Path, count: int) -> bytes:
    """Its first `count` bytes. Raises as `read_file`."""
    return _read(path, FILE_BYTES_LIMIT, count)


def _read(path: Path, limit_bytes: int, count: int = -1) -> bytes:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # pipes make one wait for ever, and devices have no end
            raise UnusableInput(f"{path} is no regular file", hint="Give the path of a scene file.")
        if status.st_size > limit_bytes:
            raise SceneTooLarge(f"{path.name} is larger than {limit_bytes} bytes")
        with path.open("rb") as stream:
            return stream.read(count)
    except OSError as error:
        raise UnusableInput(f"{path}: {error.strerror}", hint="Check the path and its permissions.") from None


def resolve(uri: str, folder: Path | None, pointer: str, limit_bytes: int) -> tuple[bytes, str]:
    """What `uri` stands for, and its MIME type ("" where unknown).

    Args:
        folder: where relative URIs start; None refuses them (a GLB on its own).
        limit_bytes: refuse anything larger before it is read.
    """
    if uri.startswith("data:"):
        return _decode_data_uri(uri, pointer)
    if is_remote(uri):
        raise BrokenScene(f"refers to the network: {uri[:80]}", pointer, hint="Save the file beside the scene.")
    try:
        path = _path_beside(uri, folder, pointer)
        if path.stat().st_size > limit_bytes:
            raise BrokenScene(f"{uri[:80]} is larger than {limit_bytes} bytes", pointer)
        return path.read_bytes(), ""
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise BrokenScene(f"{uri[:80]} cannot be read: {reason}", pointer) from None


def read_beside(name: str, folder: Path, limit_bytes: int) -> bytes | None:
    """The file that a scene in `folder` names by a relative path; None where there is none.

    Raises BrokenScene where the path leaves the folder, links followed, or the file is too large.
    """
    if not name or "\0" in name:
        return None
    try:
        path = (folder.resolve() / name).resolve()
        if not path.is_relative_to(folder.resolve()):
            raise BrokenScene(f"{name[:80]} leaves the folder of the scene")
        if not path.is_file():
            return None
        if path.stat().st_size > limit_bytes:
            raise BrokenScene(f"{name[:80]} is larger than {limit_bytes} bytes")
        return path.read_bytes()
    except (OSError, ValueError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise BrokenScene(f"{name[:80]} cannot be read: {reason}") from None


def is_remote(uri: str) -> bool:
    """Whether a URI names a scheme other than data:. One letter before the colon is a scheme too, not a drive."""
    try:
        parts = urlsplit(uri)
    except ValueError:
        return True
    return not uri.startswith("data:") and bool(parts.scheme or parts.netloc)


def _path_beside(uri: str, folder: Path | None, pointer: str) -> Path:
    if folder is None:
        raise BrokenScene(f"refers to a file ({uri[:80]}) that cannot come along", pointer)
    name = unquote(uri)
    if not name or "\0" in name or "\\" in name or name.startswith("/"):
        raise BrokenScene(f"{uri[:80]!r} is no path beside the scene", pointer)
    base = folder.resolve()
    path = (base / name).resolve()
    if not path.is_relative_to(base) or not path.is_file():
        rule = "leaves the folder of the scene" if not path.is_relative_to(base) else "does not exist"
        raise BrokenScene(f"{uri[:80]} {rule}", pointer)
    return path


def _decode_data_uri(uri: str, pointer: str) -> tuple[bytes, str]:
    head, comma, body = uri.partition(",")
    mime, _, encoding = head[len("data:") :].partition(";")
    if not comma:
        raise BrokenScene("is no data URI", pointer)
    if not mime.startswith(DATA_MIME_TYPES):
        raise BrokenScene(f"a data URI of type {mime[:40]!r}", pointer)
    try:
        plain = not encoding.endswith("base64")
        return (unquote_to_bytes(body) if plain else base64.b64decode(unquote(body), validate=True)), mime
    except (binascii.Error, ValueError):
        raise BrokenScene("is not valid base64", pointer) from None
