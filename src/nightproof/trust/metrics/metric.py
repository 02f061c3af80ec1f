"""What every metric promises.

A metric gives one value per view (or per camera path segment) in the unit people know it by, and says how that value
becomes an error: a number ≥ 0 that is better when smaller, in which means, bounds and deviations make sense. Twenty
per cent off SSIM 0.95 would be 0.76; twenty per cent off the error 0.05 is 0.94 to 0.96.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, Protocol

import numpy as np
from jaxtyping import UInt8

from nightproof.kernels.metrics import PairScores, compare

Array = np.ndarray
Image = UInt8[Array, "h w 3"]


@dataclass(frozen=True)
class ImagePair:
    """One view: what should be seen and what is seen. 8-bit sRGB, one size."""

    reference: Image
    asset: Image

    @cached_property
    def scores(self) -> PairScores:
        """SSIM, PSNR and tiles, computed once for all metrics that read them."""
        return compare(self.reference, self.asset)


@dataclass(frozen=True)
class ImageSequence:
    """One segment of a smooth camera path: frames in order, the same path for both."""

    references: tuple[Image, ...]
    assets: tuple[Image, ...]


class Metric(Protocol):
    """One way of comparing what is seen with what should be seen."""

    @property
    def name(self) -> str: ...
    @property
    def per(self) -> Literal["view", "segment"]: ...
    @property
    def error_space(self) -> str:
        """The error in words, e.g. `1 − SSIM`."""

    @property
    def color_space(self) -> str: ...
    @property
    def bounds(self) -> tuple[float, float]:
        """Every value lies in here."""

    @property
    def higher_is_better(self) -> bool: ...

    def unavailable(self) -> str:
        """Why this metric cannot be evaluated here, in a sentence; empty where it can."""

    def measure(self, shown: ImagePair | ImageSequence) -> float:
        """The value of one view (`ImagePair`) or segment (`ImageSequence`), as `per` says. Deterministic.

        Raises:
            MetricFailed: the tool behind the metric did not answer.
        """

    def error(self, value: float) -> float:
        """The value in error space: ≥ 0, 0 is perfect."""

    def value(self, error: float) -> float:
        """The inverse of `error`, up to what `error` cuts off."""

    def magnitude(self, value: float) -> float:
        """An aggregate in the space in which verifiers' results are compared (rule Q9); mostly `error`."""
