"""Reference pictures that agree with themselves.

A noisy reference caps every metric, so each one is rendered twice, from independent seeds; both are denoised and must
show the same picture: SSIM ≥ `Agreement.ssim`. Otherwise both get as many samples again, up to a cap. What is handed
on is the denoised mean of both, which is better than either. A view that never agrees is a value, not an exception:
the caller decides what it means.

For metrics that allow it a patch stands for a frame: it is rendered with a margin for the filters' reach and cut out.
References are cached by content: what is seen, from where, how finely, from which seed, by which version.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from io import BytesIO
from typing import Protocol

import numpy as np
from jaxtyping import Float32

from nightproof import __version__
from nightproof.kernels.metrics import compare
from nightproof.rendering.denoise import clean_guides, denoise
from nightproof.rendering.display import to_display
from nightproof.rendering.tracer import DEFAULT_MAX_DEPTH, Rendered, Tracer
from nightproof.scenes.camera import Camera

Array = np.ndarray

MARGIN_PX = 24
"""Around patches: a denoised pixel looks about that far."""
FORMAT = "nightproof/reference/2"
SECOND_SEED = 0x5EED


@dataclass(frozen=True)
class Agreement:
    """How much two renderings must agree, and how hard to try."""

    ssim: float = 0.995
    samples: int = 32
    """Of each rendering at first; doubled until they agree."""
    most_samples: int = 1024
    max_depth: int = DEFAULT_MAX_DEPTH


DRAFT = Agreement(ssim=0.99, samples=16, most_samples=512)
STANDARD = Agreement()


@dataclass(frozen=True)
class Reference:
    """What a view looks like."""

    color: Float32[Array, "h w 3"]
    """Radiance, denoised."""
    ssim: float
    """Between its two halves, on display values."""
    samples: int
    """Of each half, per pixel."""
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

    tracer: Tracer
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
        crop: tuple[int, int, int, int] | None = None,
    ) -> Reference:
        """The picture that `camera` takes, or the part `crop` (left, top, width, height) of it."""
        key = self._key(camera, seed, agreement, crop)
        if self.cache is not None and (known := self.cache.get(key)) and (reference := _unpack(known)) is not None:
            return reference
        reference = self._render(camera, seed, agreement, crop)
        if self.cache is not None:
            self.cache.put(key, _pack(reference))
        return reference

    def _render(
        self, camera: Camera, seed: int, agreement: Agreement, crop: tuple[int, int, int, int] | None
    ) -> Reference:
        whole = (0, 0, camera.width_px, camera.height_px)
        wide = _with_margin(crop, camera) if crop else whole
        cut = _inside(crop or whole, wide)
        halves: list[Rendered] = []
        done, samples = 0, min(agreement.samples, agreement.most_samples)
        while True:
            more = [
                self.tracer.render(
                    camera,
                    samples=samples - done,
                    seed=first,
                    first_sample=done,
                    max_depth=agreement.max_depth,
                    crop=wide,
                )
                for first in (seed, seed ^ SECOND_SEED)
            ]
            halves = [_joined(half, done, new, samples - done) for half, new in zip(halves or more, more, strict=True)]
            one, two = (picture[cut] for picture in _denoised(halves, self.tracer.threads))
            ssim = self._agreement(one, two)
            if ssim >= agreement.ssim or samples >= agreement.most_samples:
                return Reference((one + two) / 2, ssim, samples, ssim >= agreement.ssim)
            done, samples = samples, min(2 * samples, agreement.most_samples)

    def _agreement(self, one: Float32[Array, "h w 3"], two: Float32[Array, "h w 3"]) -> float:
        return compare(to_display(one, self.exposure), to_display(two, self.exposure)).ssim

    def _key(self, camera: Camera, seed: int, agreement: Agreement, crop: tuple[int, int, int, int] | None) -> str:
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
            float(self.exposure).hex(),
        )
        return hashlib.sha256(repr(facts).encode()).hexdigest()


def _with_margin(crop: tuple[int, int, int, int], camera: Camera) -> tuple[int, int, int, int]:
    left, top, width, height = crop
    x0, y0 = max(left - MARGIN_PX, 0), max(top - MARGIN_PX, 0)
    x1 = min(left + width + MARGIN_PX, camera.width_px)
    y1 = min(top + height + MARGIN_PX, camera.height_px)
    return x0, y0, x1 - x0, y1 - y0


def _inside(crop: tuple[int, int, int, int], wide: tuple[int, int, int, int]) -> tuple[slice, slice]:
    left, top = crop[0] - wide[0], crop[1] - wide[1]
    return slice(top, top + crop[3]), slice(left, left + crop[2])


def _joined(before: Rendered, count: int, more: Rendered, added: int) -> Rendered:
    """The mean of `count` samples and `added` further ones; `more` alone where nothing came before."""
    if not count:
        return more
    share = np.float32(count / (count + added))
    rest = np.float32(1) - share
    return Rendered(
        color=before.color * share + more.color * rest,
        albedo=before.albedo * share + more.albedo * rest,
        normal=before.normal * share + more.normal * rest,
        sample_variance=before.sample_variance * share**2 + more.sample_variance * rest**2,
    )


def _denoised(halves: list[Rendered], threads: int) -> list[Float32[Array, "h w 3"]]:
    """Both halves, each from its own light. They share their guides, which hold no light and take long to clean."""
    albedo = np.mean([half.albedo for half in halves], axis=0)
    normal = np.mean([half.normal for half in halves], axis=0)
    albedo, normal = clean_guides(albedo, normal, threads=threads)
    return [denoise(half.color, albedo, normal, threads=threads, guides_are_clean=True) for half in halves]


def _pack(reference: Reference) -> bytes:
    stream = BytesIO()
    facts = np.array([reference.ssim, reference.samples, reference.agrees], np.float64)
    np.savez(stream, color=reference.color, facts=facts)
    return stream.getvalue()


def _unpack(data: bytes) -> Reference | None:
    """None for anything that `_pack` did not write: a damaged entry is made anew."""
    try:
        with np.load(BytesIO(data), allow_pickle=False) as parts:
            color, (ssim, samples, agrees) = parts["color"], parts["facts"]
    except Exception:  # numpy and zipfile raise many kinds for broken bytes; none of them matters here
        return None
    return Reference(color.astype(np.float32), float(ssim), int(samples), bool(agrees))
