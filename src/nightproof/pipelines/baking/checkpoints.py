"""Finished tiles on disk: a killed bake finds them again and loses at most the one it was working on."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from nightproof.errors import StorageFailed

Array = np.ndarray


class Checkpoints:
    """A folder that belongs to one bake: one scene, one set of settings, one seed, one version."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, name: str, make: Callable[[], Mapping[str, Array]]) -> dict[str, Array]:
        """What was stored under `name`, or what `make` returns now, stored whole or not at all.

        Raises:
            StorageFailed: the folder cannot be written.
        """
        path = self._folder / f"{name}.npz"
        found = _read(path)
        if found is not None:
            return found
        made = {key: np.ascontiguousarray(value) for key, value in make().items()}
        buffer = io.BytesIO()
        np.savez(buffer, **made)  # type: ignore[arg-type]
        write_whole(path, buffer.getvalue())
        return made


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that it is there completely or not at all. Raises StorageFailed."""
    partial = path.with_name(path.name + ".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        raise StorageFailed(f"{path} cannot be written: {error.strerror or error}") from None


def _read(path: Path) -> dict[str, Array] | None:
    try:
        with np.load(path, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile):
        return None  # absent, or damaged by whatever stopped the machine: made again
