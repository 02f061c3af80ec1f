"""Reference pictures that agree with themselves.

A noisy reference caps every metric, so each one is rendered twice, from independent seeds; both are denoised and must
show the same picture: SSIM ≥ `Agreement.ssim`. Otherwise those parts of both that disagree get more samples
(`rendering.adaptive`), up to a cap. What is handed on is the denoised mean of both, which is better than either. A view
that never agrees is a value, not an exception: the caller decides what it means.

For metrics that allow it a patch stands for a frame: it is rendered with a margin for the filters' reach and cut out.
References are cached by content: what is seen, from where, how finely, from which seed, by which version.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from io import BytesIO
from typing import Protocol

import numpy as np
from jaxtyping import Float32, Float64, Int32

from nightproof import __version__
from nightproof.kernels.metrics_reference import ssim_map
from nightproof.rendering.adaptive import Box, Renderer, TwoRenderings, disagreement, wanted
from nightproof.rendering.display import display_values
from nightproof.rendering.tracer import DEFAULT_MAX_DEPTH
from nightproof.scenes.camera import Camera

Array = np.ndarray

MARGIN_PX = 24
"""Around patches: a denoised pixel looks about that far."""
FORMAT = "nightproof/reference/5"


@dataclass(frozen=True)
class Agreement:
    """How much two renderings must agree, and how hard to try."""

    ssim: float = 0.995
    samples: int = 16
    """Of each rendering at first, everywhere."""
    most_samples: int = 1024
    max_depth: int = DEFAULT_MAX_DEPTH


STANDARD = Agreement()


@dataclass(frozen=True)
class Reference:
    """What a view looks like."""

    color: Float32[Array, "h w 3"]
    """Radiance, denoised."""
    ssim: float
    """Between its two halves, on display values before they are rounded."""
    samples: Int32[Array, "ty tx"]
    """Of each half, per pixel of each tile."""
    agrees: bool
    """Whether the halves reached what was asked. If not, the picture must not be used to judge an asset."""


class ReferenceCache(Protocol):
    """Bytes by key. Both may be called from several processes; `put` replaces in one step or not at all."""

    def get(self, key: str) -> bytes | None:
        """What was stored, or None."""

    def put(self, key: str, value: bytes) -> None:
        """Store. Failing to is not an error worth stopping for."""


@dataclass(frozen=True)
class ReferenceRenderer:
    """Takes reference pictures of one scene."""

    tracer: Renderer
    scene_digest: str
    """Of everything that is seen: geometry, materials, textures, lights, environment."""
    exposure: float
    """Agreement is judged on display values."""
    cache: ReferenceCache | None = None

    def take(
        self,
        camera: Camera,
        *,
        seed: int,
        agreement: Agreement = STANDARD,
        crop: Box | None = None,
        like: Reference | None = None,
    ) -> Reference:
        """The picture that `camera` takes, or the part `crop` (left, top, width, height) of it.

        With `like`, the samples are where that reference, of the same camera, seed and crop, has them. So an asset is
        shown with the very noise that its source has, and what both have in common cancels.
        """
        key = self._key(camera, seed, agreement, crop, like)
        if self.cache is not None and (known := self.cache.get(key)) and (reference := _unpack(known)) is not None:
            return reference
        reference = self._render(camera, seed, agreement, crop, like)
        if self.cache is not None:
            self.cache.put(key, _pack(reference))
        return reference

    def _render(
        self, camera: Camera, seed: int, agreement: Agreement, crop: Box | None, like: Reference | None
    ) -> Reference:
        whole = (0, 0, camera.width_px, camera.height_px)
        wide = _with_margin(crop, camera) if crop else whole
        cut = _inside(crop or whole, wide)
        both = TwoRenderings(self.tracer, camera, seed=seed, box=wide, max_depth=agreement.max_depth)
        more = like.samples if like else np.full_like(both.samples, min(agreement.samples, agreement.most_samples))
        while True:
            both.add(more)
            one, two = both.denoised()
            ssim = 1 - float(self._errors(one[cut], two[cut]).mean())
            agrees = ssim >= agreement.ssim
            if agrees or like:
                break
            errors = disagreement(self._errors(one, two))
            errors *= (1 - ssim) / max(float(errors.mean()), 1e-12)  # tiles on the border count for their margin too
            more = wanted(errors, both.samples, 1 - agreement.ssim, agreement.most_samples)
            if not more.any():
                break
        return Reference(((one + two) / 2)[cut], ssim, both.samples, agrees)

    def _errors(self, one: Float32[Array, "h w 3"], two: Float32[Array, "h w 3"]) -> Float64[Array, "h-10 w-10 3"]:
        """1 − SSIM of every pixel, on what a screen would show before it rounds.

        Rounding is no noise of the reference, yet it turns a difference of a hundredth of a step into a whole one:
        on dim flat walls two nearly equal pictures then reach SSIM .998 at best.
        """
        return 1 - ssim_map(display_values(one, self.exposure), display_values(two, self.exposure))

    def _key(self, camera: Camera, seed: int, agreement: Agreement, crop: Box | None, like: Reference | None) -> str:
        matrix = np.ascontiguousarray(camera.camera_to_world, np.float64).tobytes().hex()
        facts = (
            FORMAT,
            __version__,
            self.scene_digest,
            matrix,
            float(camera.yfov_rad).hex(),
            camera.width_px,
            camera.height_px,
            float(camera.near_m).hex(),
            seed,
            agreement,
            crop,
            like.samples.tolist() if like else None,
            float(self.exposure).hex(),
        )
        return hashlib.sha256(repr(facts).encode()).hexdigest()


def _with_margin(crop: Box, camera: Camera) -> Box:
    left, top, width, height = crop
    x0, y0 = max(left - MARGIN_PX, 0), max(top - MARGIN_PX, 0)
    x1 = min(left + width + MARGIN_PX, camera.width_px)
    y1 = min(top + height + MARGIN_PX, camera.height_px)
    return x0, y0, x1 - x0, y1 - y0


def _inside(crop: Box, wide: Box) -> tuple[slice, slice]:
    left, top = crop[0] - wide[0], crop[1] - wide[1]
    return slice(top, top + crop[3]), slice(left, left + crop[2])


def _pack(reference: Reference) -> bytes:
    stream = BytesIO()
    facts = np.array([reference.ssim, reference.agrees], np.float64)
    np.savez(stream, color=reference.color, samples=reference.samples, facts=facts)
    return stream.getvalue()


def _unpack(data: bytes) -> Reference | None:
    """None for anything that `_pack` did not write: a damaged entry is made anew."""
    try:
        with np.load(BytesIO(data), allow_pickle=False) as parts:
            color, samples, (ssim, agrees) = parts["color"], parts["samples"], parts["facts"]
    except Exception:  # numpy and zipfile raise many kinds for broken bytes; none of them matters here
        return None
    return Reference(color.astype(np.float32), float(ssim), samples.astype(np.int32), bool(agrees))
