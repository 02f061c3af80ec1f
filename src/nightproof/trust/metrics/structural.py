"""SSIM, PSNR and the worst tile: three readings of one native comparison (`kernels.metrics`)."""

from __future__ import annotations

from typing import Literal

from nightproof.trust.metrics.metric import ImagePair, ImageSequence

PSNR_CEILING_DB = 50.0
"""Beyond this, 8-bit images say nothing: rounding both images to 8 bits alone costs all above 56 dB."""


class Ssim:
    """Mean SSIM of the valid region; definition in `kernels.metrics_reference`."""

    name = "ssim"
    per: Literal["view"] = "view"
    error_space = "1 − SSIM"
    color_space = "8-bit sRGB, mean over R, G, B"
    bounds = (-1.0, 1.0)
    higher_is_better = True

    def unavailable(self) -> str:
        return ""

    def measure(self, shown: ImagePair | ImageSequence) -> float:
        assert isinstance(shown, ImagePair)
        return shown.scores.ssim

    def error(self, value: float) -> float:
        return 1 - value

    def value(self, error: float) -> float:
        return 1 - error

    def magnitude(self, value: float) -> float:
        return 1 - value


class WorstTile(Ssim):
    """The least mean SSIM of any 64 × 64 pixel tile: local holes that whole-image means dilute. Not judged."""

    name = "worst_tile"
    error_space = "1 − SSIM of the worst tile"

    def measure(self, shown: ImagePair | ImageSequence) -> float:
        assert isinstance(shown, ImagePair)
        return shown.scores.worst_tile_ssim


class Psnr:
    """10 log10(255² / MSE) of one view, at most 50 dB; claims are about its mean over views."""

    name = "psnr"
    per: Literal["view"] = "view"
    error_space = "decibels short of 50 dB"
    color_space = "8-bit sRGB, mean squared error over R, G, B"
    bounds = (0.0, PSNR_CEILING_DB)
    higher_is_better = True

    def unavailable(self) -> str:
        return ""

    def measure(self, shown: ImagePair | ImageSequence) -> float:
        assert isinstance(shown, ImagePair)
        return min(shown.scores.psnr_db, PSNR_CEILING_DB)

    def error(self, value: float) -> float:
        return PSNR_CEILING_DB - value

    def value(self, error: float) -> float:
        return PSNR_CEILING_DB - error

    def magnitude(self, value: float) -> float:
        """Mean squared error in 8-bit steps."""
        return float(255.0**2 * 10 ** (-value / 10))
