"""Read tensors from a PyTorch checkpoint without PyTorch.

Checkpoints are pickles, and a pickle may run anything: only dictionaries and dense float tensors are built here, any
other name in the file is refused. Both forms are read: the archive (a ZIP of `data.pkl` and one file per storage)
and the stream that came before it.
"""

from __future__ import annotations

import io
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from nightproof.errors import UnusableInput

Array = np.ndarray
SIZE_LIMIT_BYTES = 1 << 30
STREAM_MAGIC = 0x1950A86A20F9469CFC6C


class _FloatStorage:
    """Stands for `torch.FloatStorage`, the only kind that is read."""


class _Tensors(pickle.Unpickler):
    """Builds dictionaries of NumPy arrays and nothing else."""

    def __init__(self, data: io.BufferedIOBase | io.BytesIO, storage: Callable[[str, int], Array]) -> None:
        super().__init__(data)
        self._storage = storage

    def find_class(self, module: str, name: str) -> Any:
        known = {
            ("collections", "OrderedDict"): OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2"): _tensor,
            ("torch._utils", "_rebuild_parameter"): lambda tensor, *_: tensor,
            ("torch", "FloatStorage"): _FloatStorage,
        }
        if (module, name) not in known:
            raise pickle.UnpicklingError(f"{module}.{name} has no place in a file of weights")
        return known[module, name]

    def persistent_load(self, pid: Any) -> Array:
        kind, storage_type, key, _device, count = pid[:5]
        if kind != "storage" or storage_type is not _FloatStorage or not 0 <= count <= SIZE_LIMIT_BYTES // 4:
            raise pickle.UnpicklingError("not a storage of 32-bit floats")
        return self._storage(str(key), count)


def _tensor(storage: Array, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: Any) -> Array:
    last = offset + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))
    if offset < 0 or min((*shape, *strides, 1)) < 0 or last >= len(storage) or prod(shape) > len(storage):
        raise pickle.UnpicklingError("a tensor reaches outside its storage")
    return np.lib.stride_tricks.as_strided(storage[offset:], shape, tuple(4 * stride for stride in strides))


def read_tensors(path: Path) -> dict[str, Float32[Array, "..."]]:
    """The tensors of a checkpoint by name. Raises `UnusableInput` for anything that is not one."""
    try:
        if path.stat().st_size > SIZE_LIMIT_BYTES:
            raise UnusableInput(f"{path.name}: larger than any file of weights we know")
        tensors = _read_archive(path) if zipfile.is_zipfile(path) else _read_stream(path)
    except OSError as error:
        raise UnusableInput(f"{path}: {error.strerror}") from None
    except (pickle.UnpicklingError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise UnusableInput(f"{path.name}: not a PyTorch file of weights ({error})") from None
    except (AttributeError, IndexError, RecursionError, MemoryError):
        raise UnusableInput(f"{path.name}: not a PyTorch file of weights") from None
    if not isinstance(tensors, dict):
        raise UnusableInput(f"{path.name}: holds no dictionary of tensors")
    return {str(name): np.ascontiguousarray(value) for name, value in tensors.items() if isinstance(value, np.ndarray)}


def _read_archive(path: Path) -> Any:
    with zipfile.ZipFile(path) as archive:
        if sum(info.file_size for info in archive.infolist()) > SIZE_LIMIT_BYTES:
            raise ValueError("unpacks to more than it may")
        index = next(name for name in archive.namelist() if name.endswith("/data.pkl"))
        folder = index.removesuffix("data.pkl")

        def storage(key: str, count: int) -> Array:
            return np.frombuffer(archive.read(f"{folder}data/{key}"), "<f4", count)

        return _Tensors(io.BytesIO(archive.read(index)), storage).load()


def _read_stream(path: Path) -> Any:
    """Magic, protocol, platform, the object, the keys of its storages, then each storage after its length."""
    storages: dict[str, Array] = {}

    def storage(key: str, count: int) -> Array:
        return storages.setdefault(key, np.zeros(count, "<f4"))

    with path.open("rb") as stream:
        header = [_Tensors(stream, storage).load() for _ in range(3)]
        if header[0] != STREAM_MAGIC:
            raise ValueError("no PyTorch mark at its beginning")
        tensors = _Tensors(stream, storage).load()
        for key in _Tensors(stream, storage).load():
            count = int.from_bytes(stream.read(8), "little")
            if count != len(storages[key]):
                raise ValueError("a storage has another length than announced")
            storages[key][:] = np.frombuffer(stream.read(4 * count), "<f4")
    return tensors
