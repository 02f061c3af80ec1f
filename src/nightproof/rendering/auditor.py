"""The independent check of our tracer: Mitsuba 3 renders a few views of the job, and must see the same.

`audit` runs Mitsuba in a child process (`auditor_process`), with seeds of its own, at a modest size, and compares by
`auditor_statistics`. It measures noise instead of assuming it, and takes more samples before it gives up. Three
answers: "agrees", "disagrees" (raised as `AuditDisagreement` by `require_agreement`), "undecided".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Protocol

import numpy as np
from jaxtyping import Bool, Float32, Int32

from nightproof.errors import NightproofError
from nightproof.kernels.metrics import compare
from nightproof.rendering.auditor_probe import AuditorProbe, probe
from nightproof.rendering.auditor_process import AuditorFailed, Limits, MitsubaProcess
from nightproof.rendering.auditor_statistics import (
    SQUARES_PX,
    Z_MEAN,
    Seen,
    Tolerance,
    differing_share,
    mean_difference,
)
from nightproof.rendering.denoise import denoise
from nightproof.rendering.display import auto_exposure, to_display
from nightproof.rendering.tracer import DEFAULT_MAX_DEPTH, Rendered, Tracer
from nightproof.scenes.camera import Camera
from nightproof.scenes.flat import FlatScene, Material

__all__ = ["AuditDisagreement", "AuditReport", "AuditorProbe", "MitsubaRenderer", "audit", "probe", "require_agreement"]

Array = np.ndarray

NATIVE_SAMPLES_RATIO = 4
"""Our samples per Mitsuba sample: ours are cheap, and then most of the noise is Mitsuba's."""
NAMED_SHARE = 0.01
"""Of a view's pixels left out, to be worth a note."""
MOST_AVERTED = 0.25
"""Of all pixels left out: with more, "agrees" would be said of a picture that nobody compared."""
MOST_NAMED = 3
"""Materials in one note."""
PASSES = 8
"""Independent passes per Mitsuba picture, from which its noise is estimated."""


class AuditDisagreement(NightproofError):
    """Mitsuba sees another picture than our tracer, beyond noise and tolerance: one of the two is wrong."""

    hint = (
        "The job stops here, since nothing measured against this reference would mean anything. "
        "Please report it with the scene; `--policy draft --environment none` may narrow it down."
    )

    def __init__(self, report: AuditReport) -> None:
        self.report = report
        super().__init__(f"the auditor disagrees with our renderer: {'; '.join(report.reasons)}")


class Renders(Protocol):
    """What is audited."""

    def render(self, camera: Camera, *, samples: int, seed: int, max_depth: int) -> Rendered:
        """A picture with its noise; see `Tracer.render`."""


@dataclass(frozen=True)
class AuditSettings:
    """How large and how long. The defaults cost about 10 CPU-seconds a view without LLVM, 2 with it."""

    pixels: int = 96 * 96
    """Per view; cameras are scaled to about that, keeping their shape."""
    samples: int = 32
    """Of Mitsuba, per pixel and round."""
    rounds: int = 3
    """Each doubles the samples where noise leaves the mean undecided."""
    max_depth: int = DEFAULT_MAX_DEPTH
    tolerance: Tolerance = field(default_factory=Tolerance)


@dataclass(frozen=True)
class ViewAudit:
    """One view."""

    name: str
    native_mean: float
    mitsuba_mean: float
    ssim: float
    """Of the two pictures, denoised and as displayed."""
    self_ssim: float
    """Of Mitsuba's two halves, likewise: how much of the rest is noise."""
    differing: Mapping[str, float]
    """Share of squares that differ, by their side in pixels."""
    averted: float = 0.0
    """Share of pixels left out, since interpolated normals face away there; see `mitsuba_renderer.averted`."""


@dataclass(frozen=True)
class AuditReport:
    """What was compared and what follows."""

    verdict: str
    """agrees, disagrees or undecided."""
    reasons: tuple[str, ...]
    mean_difference: float
    """Native against Mitsuba over all views, relative."""
    mean_error: float
    """One standard error of it."""
    views: tuple[ViewAudit, ...]
    samples: int
    variant: str
    versions: Mapping[str, str]
    tolerance: Mapping[str, float]
    notes: tuple[str, ...]
    """What Mitsuba cannot express of this scene."""
    seed: int

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def require_agreement(report: AuditReport) -> AuditReport:
    """The report itself, unless it disagrees. Raises `AuditDisagreement`."""
    if report.verdict == "disagrees":
        raise AuditDisagreement(report)
    return report


def audit(
    flat: FlatScene,
    cameras: Sequence[Camera],
    *,
    seed: int,
    native: Renders | None = None,
    settings: AuditSettings | None = None,
    limits: Limits | None = None,
    probed: AuditorProbe | None = None,
) -> AuditReport:
    """Compare our tracer with Mitsuba on `cameras`.

    Args:
        flat: the scene as it is to be; Mitsuba gets it from here.
        seed: of Mitsuba's and our noise.
        native: what is audited; our `Tracer` of `flat` if None.
        probed: which Mitsuba to use; `probe()` if None.

    Raises:
        AuditorFailed: Mitsuba does not run here, crashed, or exceeded its limits.
    """
    settings, limits, probed = settings or AuditSettings(), limits or Limits(), probed or probe()
    if not probed.variant:
        raise AuditorFailed(f"Mitsuba does not run on this machine: {probed.reason}")
    if not cameras:
        raise ValueError("an audit needs at least one view")
    flat, left_out = without_layers(flat)
    tracer = native or Tracer(flat, limits.threads)
    resized = [resize(camera, settings.pixels) for camera in cameras]
    with MitsubaProcess(probed.variant, limits, llvm_library=probed.llvm_library) as child:
        notes: tuple[str, ...] = child.call("load", flat)
        pairs = [_Pair(camera) for camera in resized]
        for attempt in range(settings.rounds):
            for number, pair in enumerate(pairs):
                pair.add(tracer, child, settings, attempt, seed + 1000 * number)
            difference, error = mean_difference([p.native for p in pairs], [p.mitsuba for p in pairs])
            if Z_MEAN * error < settings.tolerance.mean:
                break
    views = tuple(_judge(pair, settings.tolerance) for pair in pairs)
    verdict, reasons = _verdict(views, difference, error, settings.tolerance)
    return AuditReport(
        verdict,
        reasons,
        difference,
        error,
        views,
        pairs[0].samples,
        probed.variant,
        dict(probed.versions),
        asdict(settings.tolerance),
        (*left_out, *notes, *_set_aside(views)),
        seed,
    )


def without_layers(flat: FlatScene) -> tuple[FlatScene, tuple[str, ...]]:
    """The scene as both renderers know it alike, and a note about what was taken off.

    Grain, sheen and coats are glTF's own in our tracer, and Disney's in Mitsuba: close, not the same. Films,
    dispersion, diffuse transmission and a reflectance with a colour or a map of its own Mitsuba lacks.
    """
    layered = [material.name or f"material {i}" for i, material in enumerate(flat.materials) if material.layered]
    if not layered:
        return flat, ()
    bare = tuple(_bare(material) if material.layered else material for material in flat.materials)
    taken = sorted({name.removeprefix("KHR_materials_") for material in flat.materials for name in material.layers})
    named = ", ".join(layered[:MOST_NAMED]) + (
        f" and {len(layered) - MOST_NAMED} more" if len(layered) > MOST_NAMED else ""
    )
    return replace(flat, materials=bare), (f"{named}: compared without {', '.join(taken)}",)


def _bare(material: Material) -> Material:
    plain = replace(
        material,
        clearcoat=None,
        sheen=None,
        anisotropy=None,
        iridescence=None,
        diffuse_transmission=None,
        dispersion=0.0,
    )
    if not plain.layered:
        return plain
    white = (1.0, 1.0, 1.0)
    return replace(plain, specular=1.0, specular_color=white, specular_texture=None, specular_color_texture=None)


def resize(camera: Camera, pixels: int) -> Camera:
    """The same view with about that many pixels."""
    scale = (pixels / (camera.width_px * camera.height_px)) ** 0.5
    width, height = (max(16, round(side * scale)) for side in (camera.width_px, camera.height_px))
    return replace(camera, width_px=width, height_px=height)


@dataclass
class _Pair:
    """Both renderers' pictures of one view, growing with every round. Halves of Mitsuba's samples are kept apart."""

    camera: Camera
    samples: int = 0
    native_total: Rendered | None = None
    halves: list[Any] = field(default_factory=list)
    averted: Bool[Array, "h w"] | None = None

    def add(self, tracer: Renders, child: MitsubaProcess, settings: AuditSettings, attempt: int, seed: int) -> None:
        """Double the samples (or take the first ones)."""
        new = settings.samples if attempt == 0 else self.samples
        base = (seed * 2654435761 + attempt * 97 + 1) % 2**31
        half = {"samples": max(1, new // 2), "max_depth": settings.max_depth, "passes": PASSES // 2}
        pictures = [child.call("render", self.camera, half | {"seed": base + 104729 * index}) for index in (0, 1)]
        ours = tracer.render(
            self.camera, samples=new * NATIVE_SAMPLES_RATIO, seed=base + 7, max_depth=settings.max_depth
        )
        first = self.native_total is None
        self.native_total = ours if first else _average(self.native_total, ours)
        self.halves = pictures if first else [_average(*both) for both in zip(self.halves, pictures, strict=True)]
        for picture in pictures:
            self.averted = picture.averted if self.averted is None else self.averted | picture.averted
        self.samples += new

    @property
    def native(self) -> Seen:
        assert self.native_total is not None
        return self._seen(self.native_total)

    @property
    def mitsuba(self) -> Seen:
        return self._seen(_average(*self.halves))

    def _seen(self, picture: Any) -> Seen:
        """What is compared of it: black where normals are averted, in both pictures."""
        assert self.averted is not None
        return Seen(
            np.where(self.averted[..., None], np.float32(0), picture.color),
            np.where(self.averted, np.float32(0), picture.sample_variance),
        )


def _average(one: Any, other: Any) -> Any:
    """Two independent pictures of equally many samples as one."""
    return Rendered(
        (one.color + other.color) / 2,
        (one.albedo + other.albedo) / 2,
        (one.normal + other.normal) / 2,
        (one.sample_variance + other.sample_variance) / 4,
    )


def _judge(pair: _Pair, tolerance: Tolerance) -> ViewAudit:
    assert pair.native_total is not None
    native, mitsuba = pair.native, pair.mitsuba
    clean = {"native": pair.native_total, "mitsuba": _average(*pair.halves), "a": pair.halves[0], "b": pair.halves[1]}
    shown = {name: denoise(picture.color, picture.albedo, picture.normal) for name, picture in clean.items()}
    exposure = auto_exposure([shown["mitsuba"]])
    assert pair.averted is not None
    shown = {name: np.where(pair.averted[..., None], np.float32(0), picture) for name, picture in shown.items()}

    def ssim(one: str, other: str) -> float:
        return compare(to_display(shown[one], exposure), to_display(shown[other], exposure)).ssim

    return ViewAudit(
        name=pair.camera.name,
        native_mean=float(native.color.mean(dtype=np.float64)),
        mitsuba_mean=float(mitsuba.color.mean(dtype=np.float64)),
        ssim=ssim("native", "mitsuba"),
        self_ssim=ssim("a", "b"),
        differing={str(side): differing_share(native, mitsuba, side, tolerance.square) for side in SQUARES_PX},
        averted=float(pair.averted.mean()),
    )


def _set_aside(views: Sequence[ViewAudit]) -> tuple[str, ...]:
    return tuple(
        f"view {view.name or number}: {view.averted:.1%} of the pixels were not compared: interpolated normals face "
        "away from the viewer there, and renderers light either side"
        for number, view in enumerate(views)
        if view.averted >= NAMED_SHARE
    )


def _verdict(
    views: Sequence[ViewAudit], difference: float, error: float, tolerance: Tolerance
) -> tuple[str, tuple[str, ...]]:
    reasons = []
    if abs(difference) > tolerance.mean + Z_MEAN * error:
        reasons.append(f"means differ by {difference:+.1%} ± {error:.1%}, {tolerance.mean:.1%} is allowed")
    for number, view in enumerate(views):
        title = f"view {view.name or number}"
        side, share = max(view.differing.items(), key=lambda item: item[1])
        if share > tolerance.area:
            reasons.append(
                f"{title}: {share:.1%} of squares of {side} pixels differ by more than {tolerance.square:.0%}"
            )
        if 1 - view.ssim > 2 * (1 - view.self_ssim) + tolerance.ssim_slack:
            reasons.append(f"{title}: SSIM {view.ssim:.4f}, where noise alone gives {view.self_ssim:.4f}")
    if reasons:
        return "disagrees", tuple(reasons)
    averted = sum(view.averted for view in views) / len(views)
    if averted > MOST_AVERTED:
        return "undecided", (
            f"interpolated normals face away in {averted:.0%} of the pixels: too little is left to compare",
        )
    if Z_MEAN * error > 2 * tolerance.mean:
        return "undecided", (f"means known to ± {error:.1%} only: too noisy to tell",)
    return "agrees", ()


@dataclass
class MitsubaRenderer:
    """Mitsuba in the place of our tracer, for scenes with materials that ours doesn't know. A context manager.

    The child starts with the first picture and ends with this process at the latest.
    """

    flat: FlatScene
    limits: Limits = field(default_factory=Limits)
    probed: AuditorProbe | None = None
    notes: tuple[str, ...] = ()
    _child: MitsubaProcess | None = None

    def __post_init__(self) -> None:
        self.threads = self.limits.threads

    def render(
        self,
        camera: Camera,
        *,
        samples: int,
        seed: int,
        max_depth: int = DEFAULT_MAX_DEPTH,
        crop: tuple[int, int, int, int] | None = None,
        first_sample: int = 0,
    ) -> Rendered:
        """As `Tracer.render`; slower. Raises `AuditorFailed`."""
        # Mitsuba's sequences cannot be entered in the middle: later samples get a seed of their own.
        own = (seed + 2654435761 * first_sample) % 2**31
        options = {"samples": samples, "seed": own, "max_depth": max_depth, "crop": crop, "passes": 1}
        picture = self._started().call("render", camera, options)
        return Rendered(picture.color, picture.albedo, picture.normal, picture.sample_variance)

    def add_samples(
        self,
        camera: Camera,
        sums: Float32[Array, "h w 10"],
        tiles: Int32[Array, "n 6"],
        *,
        seed: int,
        max_depth: int = DEFAULT_MAX_DEPTH,
        corner: tuple[int, int] = (0, 0),
    ) -> None:
        """As `Tracer.add_samples`, without the sums of squares. The whole part is rendered each time, with the samples
        of the tile that wants most: a kernel per shape of crop would take longer to compile than that takes to run."""
        if not len(tiles):
            return
        height, width = sums.shape[:2]
        first, samples = int(tiles[:, 4].max()), int(tiles[:, 5].max())
        crop = None if (width, height) == (camera.width_px, camera.height_px) else (*corner, width, height)
        seen = self.render(camera, samples=samples, seed=seed, max_depth=max_depth, crop=crop, first_sample=first)
        pixels = np.concatenate([seen.color, seen.albedo, seen.normal], axis=2)
        for left, top, wide, high, _, count in tiles.tolist():
            rows, columns = (
                slice(top - corner[1], top - corner[1] + high),
                slice(left - corner[0], left - corner[0] + wide),
            )
            sums[rows, columns, :9] += pixels[rows, columns] * np.float32(count)

    def _started(self) -> MitsubaProcess:
        if self._child is None:
            probed = self.probed or probe()
            if not probed.variant:
                raise AuditorFailed(f"Mitsuba does not run on this machine: {probed.reason}")
            self._child = MitsubaProcess(probed.variant, self.limits, llvm_library=probed.llvm_library)
            self.notes = self._child.call("load", self.flat, True)
        return self._child

    def close(self) -> None:
        """End the child; a later `render` starts another."""
        if self._child is not None:
            self._child.close()
            self._child = None

    def __enter__(self) -> MitsubaRenderer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
