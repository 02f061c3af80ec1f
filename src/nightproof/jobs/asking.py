"""What a user wishes for, and the request that becomes the identity of the job."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from nightproof import __version__
from nightproof.errors import NightproofError
from nightproof.jobs.blobs import given_file_sha256
from nightproof.jobs.targets import require_sensible
from nightproof.records.request import Request
from nightproof.scenes.environment import NAMED_ENVIRONMENTS

_UNITS_H = {"m": 1 / 60, "h": 1.0, "d": 24.0, "w": 168.0}
LONGEST_DEADLINE_H = 24.0 * 366


class BadOption(NightproofError):
    """An option has a value that cannot be meant."""

    hint = "Run the command with --help to see what it takes."


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """The options of a job as the user gave them."""

    policy: str = "standard"
    pipeline: str = "auto"
    environment: str = "auto"
    scene: str | None = None
    """Number or name, of a file with several."""
    outputs: str = "A"
    target_psnr_db: float | None = None
    """Of every view that packing looks at; None: what is usual."""
    target_bytes: int | None = None
    texture_format: str = "webp"
    lods: int = 0
    seed: int = 0
    deadline_h: float = 24.0
    region: str = "eu-central"
    prices: Path | None = None

    def __post_init__(self) -> None:
        require_sensible(self)

    def request(self, source_sha256: str) -> Request:
        """These wishes for that source. Files are named by their content."""
        from nightproof.trust.policy import named_policy

        return Request(
            source_sha256=source_sha256,
            policy=self.policy,
            policy_digest=named_policy(self.policy).digest,
            pipeline=self.pipeline,
            environment=environment_name(self.environment),
            scene=self.scene or "",
            outputs=self.outputs,
            target_psnr_db=None if self.target_psnr_db is None else float(self.target_psnr_db),
            target_bytes=self.target_bytes,
            texture_format=self.texture_format,
            lods=self.lods,
            seed=self.seed,
            deadline_h=self.deadline_h,
            region=self.region,
            prices="default" if self.prices is None else given_file_sha256(self.prices),
            software=__version__,
        )


def parse_deadline(text: str) -> float:
    """Hours in `24h`, `90m`, `3d`, `1w` or a plain number of hours. Raises `BadOption`."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([mhdw]?)\s*", text)
    hours = float(match[1]) * _UNITS_H[match[2] or "h"] if match else 0.0
    if not 0.0 < hours <= LONGEST_DEADLINE_H:
        raise BadOption(f"--deadline {text}: not a time span", hint="Write it as 90m, 24h, 3d or 1w; a year at most.")
    return hours


def environment_file(wish: str) -> Path | None:
    """The user's own map; None where the wish is one of our names, or `auto`."""
    return None if wish in ("auto", *NAMED_ENVIRONMENTS) else Path(wish)


def environment_name(wish: str) -> str:
    """How records name an environment: by content where it is a file, else as it is wished for."""
    own = environment_file(wish)
    return wish if own is None else given_file_sha256(own)
