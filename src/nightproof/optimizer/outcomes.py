"""Learn from outcomes: compare what was foretold with what came out, and correct the next estimate near by.

The log is append-only, one `Outcome` record per line. A correction is the kernel-weighted mean, over past outcomes
of the same pipeline on similar scenes, of the error on a scale where errors add: the logarithm of the ratio for bytes
and CPU-seconds, of the ratio of 1 − SSIM, and the difference in decibels. It is shrunk towards no correction:

    correction = Σ wᵢ eᵢ / (κ + Σ wᵢ),   wᵢ = exp(−dᵢ² / 2),   κ = 2

with dᵢ the distance between scenes in `place_of`. With nothing near by it corrects nothing; the first few outcomes
move it carefully. It corrects estimates only: which pipeline the matrix wants is none of its business.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from nightproof.errors import BrokenRecord, StorageFailed
from nightproof.records.analysis import Analysis
from nightproof.records.record import Record
from nightproof.records.route import Estimate

PRIOR_WEIGHT = 2.0
"""κ: as if this many perfectly foretold scenes had been seen at the same place."""

LEAST_OUTCOMES = 5
"""Before a pipeline has this many outcomes its estimates stand as they are."""

LARGEST_LOG = math.log(20.0)
"""No single outcome counts for more than a factor of 20: a job that swapped or was starved teaches nothing."""

ERROR_FLOOR = 1e-5
"""Smallest 1 − SSIM that is told apart."""

SCALES: Mapping[tuple[str, str], tuple[float, bool]] = {
    ("geometric", "triangles"): (1.0, True),
    ("geometric", "area_per_diagonal2"): (0.5, True),
    ("geometric", "parts"): (1.0, True),
    ("material", "texels"): (1.5, True),
    ("material", "view_dependence"): (0.2, False),
    ("lighting", "sky_visibility"): (0.3, False),
    ("dynamic", "moving_share"): (0.3, False),
}
"""Family, feature → what one unit of distance is, and whether it counts in powers of ten."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome(Record):
    """What a pipeline foretold for a scene, and what it delivered."""

    kind: ClassVar[str] = "outcome"

    analysis: str
    """Digest of the `Analysis`."""
    route: str
    """Digest of the `Route`."""
    pipeline: str
    place: tuple[float, ...]
    """`place_of` the analysis."""
    foretold: Estimate
    """As the pipeline gave it, before any correction."""
    measured: Estimate


def place_of(analysis: Analysis) -> tuple[float, ...]:
    """Where a scene stands among scenes: the features that cost and quality depend on, in units of likeness."""
    place = [analysis.scores.baking / 0.2, analysis.scores.dynamic / 0.3, analysis.scores.complexity / 0.2]
    for (family, feature), (unit, powers) in SCALES.items():
        value = analysis.features.get(family, {}).get(feature, 0.0)
        place.append((math.log10(1.0 + max(value, 0.0)) if powers else value) / unit)
    return tuple(place)


@dataclass(frozen=True)
class Corrections:
    """What a set of outcomes teaches. Immutable; the same outcomes in any order teach the same."""

    outcomes: tuple[Outcome, ...]

    @staticmethod
    def learnt_from(outcomes: Iterable[Outcome]) -> Corrections:
        """The last outcome of a scene and pipeline counts; repeating a job does not make its lesson heavier."""
        latest = {(outcome.analysis, outcome.pipeline): outcome for outcome in outcomes}
        return Corrections(tuple(latest[key] for key in sorted(latest)))

    def correct(self, pipeline: str, analysis: Analysis, told: Estimate) -> Estimate:
        """`told` moved by what similar scenes taught."""
        lessons = [outcome for outcome in self.outcomes if outcome.pipeline == pipeline]
        if len(lessons) < LEAST_OUTCOMES:
            return told
        here = place_of(analysis)
        weights = [math.exp(-(math.dist(here, lesson.place) ** 2) / 2) for lesson in lessons]
        total = math.fsum(weights) + PRIOR_WEIGHT
        errors = [_error(lesson) for lesson in lessons]
        moves = [math.fsum(w * e[k] for w, e in zip(weights, errors, strict=True)) / total for k in range(4)]
        return Estimate(
            bytes_out=max(0, round(told.bytes_out * math.exp(moves[0]))),
            cpu_seconds=told.cpu_seconds * math.exp(moves[1]),
            ssim=1.0 - min((1.0 - told.ssim) * math.exp(moves[2]), 1.0),
            psnr_db=told.psnr_db + moves[3],
        )


def _error(lesson: Outcome) -> tuple[float, float, float, float]:
    told, came = lesson.foretold, lesson.measured
    return (
        _log_ratio(came.bytes_out, told.bytes_out, 1.0),
        _log_ratio(came.cpu_seconds, told.cpu_seconds, 1e-3),
        _log_ratio(1.0 - came.ssim, 1.0 - told.ssim, ERROR_FLOOR),
        max(-30.0, min(30.0, came.psnr_db - told.psnr_db)),
    )


def _log_ratio(came: float, told: float, floor: float) -> float:
    return max(-LARGEST_LOG, min(LARGEST_LOG, math.log(max(came, floor) / max(told, floor))))


class OutcomeLog:
    """An append-only file of outcomes, one canonical JSON object per line."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, outcome: Outcome) -> None:
        """Add one line, durably and in one write. Raises StorageFailed."""
        line = outcome.canonical_bytes() + b"\n"
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab") as file:
                file.write(line if self._ends_whole() else b"\n" + line)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise StorageFailed(f"{self.path}: {error.strerror}") from None

    def read(self) -> tuple[Outcome, ...]:
        """All whole outcomes, oldest first. Lines cut short by a crash are passed over; a missing log is empty."""
        try:
            lines = self.path.read_bytes().split(b"\n")
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise StorageFailed(f"{self.path}: {error.strerror}") from None
        return tuple(outcome for line in lines if (outcome := _whole(line)) is not None)

    def _ends_whole(self) -> bool:
        if not self.path.exists() or not self.path.stat().st_size:
            return True
        with self.path.open("rb") as file:
            file.seek(-1, os.SEEK_END)
            return file.read(1) == b"\n"


def _whole(line: bytes) -> Outcome | None:
    try:
        return Outcome.from_bytes(line) if line.strip() else None
    except BrokenRecord:
        return None
