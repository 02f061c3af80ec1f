"""What a user asked for: everything that determines the work, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from nightproof.records.record import Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Request(Record):
    """The identity of a job: the same request is the same job, and is taken up where it stopped."""

    kind: ClassVar[str] = "request"
    version: ClassVar[int] = 4

    source_sha256: str
    policy: str
    """`draft`, `standard` or `strict`."""
    policy_digest: str
    """What that name meant: another threshold is another job."""
    pipeline: str
    """`auto`, or the pipeline the user insists on."""
    environment: str
    """`auto`, `none`, `studio`, `sky`, `scene`, or the SHA-256 of the user's file."""
    scene: str
    """Number or name of the scene to show; "" for the one that the file names."""
    outputs: str
    """What a bake writes, e.g. `A,B`; A is the portable one, always there."""
    target_psnr_db: float | None
    """What packing aims at; none: its usual."""
    target_bytes: int | None
    """What the asset may take; none: whatever it takes."""
    texture_format: str
    """`webp` or `avif`, of what packing writes with loss."""
    lods: int
    """How many coarser levels of detail packing may add to a mesh; 0 for none."""
    seed: int
    deadline_h: float
    region: str
    prices: str
    """SHA-256 of the user's price file, or `default`."""
    software: str
    """nightproof's version: another version is another job."""
