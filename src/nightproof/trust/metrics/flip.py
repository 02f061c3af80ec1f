"""FLIP (Andersson et al., 2020): what an observer sees who flips between two images; NVIDIA's own implementation."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any, Literal

import numpy as np
from jaxtyping import Float

from nightproof.trust.metrics.metric import Array, Image, ImagePair, ImageSequence

PIXELS_PER_DEGREE = 67.0
"""NVIDIA's default: a 0.7 m wide 4K display seen from 0.7 m. Part of the claim."""


class Flip:
    """Mean LDR-FLIP error over the image."""

    name = "flip"
    per: Literal["view"] = "view"
    error_space = "FLIP"
    color_space = "sRGB, compared in an opponent space and CIELAB with Hunt adjustment; 67 pixels per degree"
    bounds = (0.0, 1.0)
    higher_is_better = False

    def unavailable(self) -> str:
        return "" if find_spec("flip_evaluator") else "the package flip-evaluator is not installed"

    def measure(self, shown: ImagePair | ImageSequence) -> float:
        assert isinstance(shown, ImagePair)
        return float(_evaluate(shown.reference, shown.asset, magma=False)[1])

    def error(self, value: float) -> float:
        return value

    def value(self, error: float) -> float:
        return error

    def magnitude(self, value: float) -> float:
        return value


def flip_map(reference: Image, asset: Image) -> Float[Array, "h w 3"]:
    """The error at every pixel in the magma colours of the paper, in [0, 1], for people to look at."""
    return np.asarray(_evaluate(reference, asset, magma=True)[0], np.float32)


def flip_error(reference: Image, asset: Image) -> Float[Array, "h w"]:
    """The error at every pixel, in [0, 1]."""
    return np.asarray(_evaluate(reference, asset, magma=False)[0], np.float32).squeeze()


def _evaluate(reference: Image, asset: Image, *, magma: bool) -> Any:
    import flip_evaluator

    first, second = (np.ascontiguousarray(image, np.float32) / np.float32(255) for image in (reference, asset))
    parameters = {"ppd": PIXELS_PER_DEGREE}
    return flip_evaluator.evaluate(first, second, "LDR", applyMagma=magma, parameters=parameters)
