"""LPIPS (Zhang et al., 2018), version 0.1 on AlexNet: a distance learnt from human judgements.

The trunk is AlexNet as torchvision publishes it, 244 MB, given by the user (`NIGHTPROOF_LPIPS_WEIGHTS`, or in the
weights folder); its SHA-256 must be the published one. The heads (6 kB) ship in the `lpips` wheel, or are given beside
the trunk (`NIGHTPROOF_LPIPS_HEADS`). Without both files the metric is "not evaluated", never a guess.

The forward pass is five convolutions in NumPy; a test holds it against a plain loop.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float32

from nightproof.errors import UnusableInput
from nightproof.trust.metrics.metric import Array, Image, ImagePair, ImageSequence
from nightproof.trust.metrics.torch_file import read_tensors

TRUNK_NAME = "alexnet-owt-7be5be79.pth"
TRUNK_SHA256 = "7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02"
HEADS_SHA256 = "df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0"

SHIFT = np.array([-0.030, -0.088, -0.188], np.float32)
SCALE = np.array([0.458, 0.448, 0.450], np.float32)
"""ImageNet's means and deviations, for inputs in [−1, 1]; from the authors' code."""


@dataclass(frozen=True, slots=True)
class Layer:
    """One convolution: torchvision's name for it, stride, padding, and whether it reads pooled features."""

    name: str
    stride: int
    padding: int
    pooled: bool


LAYERS = (
    Layer("features.0", 4, 2, False),
    Layer("features.3", 1, 2, True),
    Layer("features.6", 1, 1, True),
    Layer("features.8", 1, 1, False),
    Layer("features.10", 1, 1, False),
)


class Lpips:
    """The LPIPS distance of one view."""

    name = "lpips"
    per: Literal["view"] = "view"
    error_space = "LPIPS"
    color_space = "sRGB in [−1, 1], normalised as ImageNet"
    bounds = (0.0, float("inf"))
    higher_is_better = False

    def unavailable(self) -> str:
        trunk, heads = trunk_path(), heads_path()
        if trunk is None:
            return f"LPIPS needs {TRUNK_NAME}, which was not given (NIGHTPROOF_LPIPS_WEIGHTS=FILE)"
        if heads is None:
            return "LPIPS needs the heads of the lpips wheel, which were not found (NIGHTPROOF_LPIPS_HEADS=FILE)"
        for path, digest in ((trunk, TRUNK_SHA256), (heads, HEADS_SHA256)):
            if _sha256(path, path.stat().st_mtime_ns) != digest:
                return f"{path.name} is not the file LPIPS was published with (its SHA-256 differs)"
        return ""

    def measure(self, shown: ImagePair | ImageSequence) -> float:
        assert isinstance(shown, ImagePair)
        trunk, heads = trunk_path(), heads_path()
        assert trunk is not None and heads is not None, "ask `unavailable` first"
        return distance(shown.reference, shown.asset, _weights(trunk), _weights(heads))

    def error(self, value: float) -> float:
        return value

    def value(self, error: float) -> float:
        return error

    def magnitude(self, value: float) -> float:
        return value


def trunk_path() -> Path | None:
    """Where the user put AlexNet's weights, if anywhere: as named, else in the data folder."""
    if named := _given("NIGHTPROOF_LPIPS_WEIGHTS"):
        return named
    import platformdirs

    kept = Path(platformdirs.user_data_dir("nightproof", appauthor=False)) / TRUNK_NAME
    return kept if kept.is_file() else None


def heads_path() -> Path | None:
    """The heads: as given, or in the installed `lpips` wheel (which is looked into, not imported)."""
    if given := _given("NIGHTPROOF_LPIPS_HEADS"):
        return given
    spec = find_spec("lpips")
    shipped = Path(spec.origin).parent / "weights/v0.1/alex.pth" if spec and spec.origin else None
    return shipped if shipped and shipped.is_file() else None


def distance(first: Image, second: Image, trunk: dict[str, Array], heads: dict[str, Array]) -> float:
    """Spatial means of weighted squared differences of unit feature vectors, summed over the five layers."""
    total = 0.0
    pairs = zip(features(first, trunk), features(second, trunk), strict=True)
    for index, (a, b) in enumerate(pairs):
        weights = heads[f"lin{index}.model.1.weight"].reshape(-1)
        total += float(np.mean((_unit(a) - _unit(b)) ** 2 @ weights))
    return total


def features(image: Image, trunk: dict[str, Array]) -> list[Float32[Array, "h w c"]]:
    """What each of the five convolutions sees, after its rectifier."""
    x = (image.astype(np.float32) / np.float32(127.5) - 1 - SHIFT) / SCALE
    found = []
    for layer in LAYERS:
        x = _pool(x) if layer.pooled else x
        weight, bias = trunk[f"{layer.name}.weight"], trunk[f"{layer.name}.bias"]
        x = np.maximum(convolve(x, weight, layer.stride, layer.padding) + bias, 0)
        found.append(x)
    return found


def convolve(
    x: Float32[Array, "h w i"], weight: Float32[Array, "o i k k"], stride: int, padding: int
) -> Float32[Array, "a b o"]:
    """Cross-correlation, as networks call convolution, by one matrix product."""
    padded = np.pad(x, ((padding, padding), (padding, padding), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, weight.shape[2:], axis=(0, 1))[::stride, ::stride]
    return np.tensordot(windows, weight, axes=((2, 3, 4), (1, 2, 3)))


def _pool(x: Float32[Array, "h w c"]) -> Float32[Array, "a b c"]:
    windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(0, 1))[::2, ::2]
    return np.asarray(windows.max(axis=(3, 4)))


def _unit(x: Float32[Array, "h w c"]) -> Float32[Array, "h w c"]:
    return np.asarray(x / (np.sqrt((x**2).sum(axis=2, keepdims=True)) + np.float32(1e-10)))


def _given(variable: str) -> Path | None:
    path = Path(os.environ[variable]) if os.environ.get(variable) else None
    return path if path and path.is_file() else None


@cache
def _sha256(path: Path, modified_ns: int) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@cache
def _weights(path: Path) -> dict[str, Array]:
    tensors = read_tensors(path)
    if not tensors:
        raise UnusableInput(f"{path.name}: holds no tensors")
    return tensors
