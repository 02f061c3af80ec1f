"""What was made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from nightproof.records.record import Record


@dataclass(frozen=True, slots=True)
class AssetFile:
    """One file of an asset, named relative to the output folder, by digest."""

    name: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset(Record):
    """The files, and how to look at them."""

    kind: ClassVar[str] = "asset"

    route: str
    """Digest of the `Route`."""
    files: tuple[AssetFile, ...]
    """The first is the one a viewer opens."""
    pipeline: str
    pipeline_version: str
    seed: int
    shading: str
    """`lit`: the asset carries materials, a viewer lights it. `unlit`: it carries its light."""
    exposure: float
    """Scene radiance is multiplied by this before the sRGB transfer function; 1.0 for `lit` assets."""
    environment: str
    notes: tuple[str, ...]
    work: Mapping[str, float]
    """Measured: `cpu_seconds`, `wall_seconds`, per stage where a pipeline tells."""

    @property
    def main(self) -> AssetFile:
        return self.files[0]
