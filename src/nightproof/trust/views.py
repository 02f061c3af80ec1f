"""The real pairs: the source path traced, the asset as a viewer shows it, from the view sampler's cameras."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from nightproof.errors import StorageFailed
from nightproof.kernels.rays import RayCaster
from nightproof.rendering.adaptive import Renderer
from nightproof.rendering.display import to_display
from nightproof.rendering.reference import Agreement, ReferenceRenderer
from nightproof.rendering.tracer import Tracer
from nightproof.rendering.viewer import viewer_image
from nightproof.scenes.camera import Camera
from nightproof.scenes.environment import read_environment
from nightproof.scenes.flat import Environment, FlatScene
from nightproof.scenes.flatten import flatten
from nightproof.scenes.image_light import environment_of
from nightproof.scenes.reading import load_scene
from nightproof.scenes.views import ViewSampler
from nightproof.trust.metrics.metric import Image
from nightproof.trust.task import Task

FIRST_SAMPLES = {"draft": 8}
"""Of each half of a reference, everywhere, before those parts that disagree get more; 16 for other policies."""
MOST_SAMPLES = 1024
"""Of each half, for tiles that never agree."""


@dataclass(frozen=True)
class FolderCache:
    """Reference images as files by key; shared by the verifiers of one machine, and the certificate says so."""

    folder: Path

    def get(self, key: str) -> bytes | None:
        with suppress(OSError):
            return (self.folder / key).read_bytes()
        return None

    def put(self, key: str, value: bytes) -> None:
        """Whole or not at all. Raises `StorageFailed`: better now than in an hour, when evidence cannot be kept."""
        draft = self.folder / f"{key}.{os.getpid()}"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            draft.write_bytes(value)
            draft.replace(self.folder / key)
        except OSError as error:
            with suppress(OSError):
                draft.unlink(missing_ok=True)
            raise StorageFailed(f"{self.folder}: {error.strerror}") from None


def exposed(environment: Environment | None, exposure: float) -> Environment | None:
    """The surroundings as bright as they are in pictures of that exposure."""
    if environment is None:
        return None
    return replace(environment, radiance=environment.radiance * np.float32(exposure))


def renderer_of(task: Task, flat: FlatScene, threads: int) -> Renderer:
    """Who renders `flat` for `task`. Mitsuba starts when it is asked for its first picture."""
    if task.renderer == "native":
        return Tracer(flat, threads=threads)
    from nightproof.rendering.auditor import MitsubaRenderer
    from nightproof.rendering.auditor_process import Limits

    return MitsubaRenderer(flat, Limits(threads=threads))


class RenderedPairs:
    """`ViewPairs` of a source and an asset, both as files."""

    def __init__(
        self,
        source: Path,
        asset: Path,
        task: Task,
        seed: int,
        *,
        cache: Path,
        environment_file: Path | None = None,
        threads: int = 1,
    ) -> None:
        original = load_scene(source, task.scene)
        environment = (
            read_environment(environment_file) if environment_file else environment_of(task.environment, original)
        )
        self._unlit = task.shading == "unlit"
        # What an unlit asset holds is exposed already: only what stands behind it still has to be.
        self._shown_exposure = 1.0 if self._unlit else task.exposure
        behind = exposed(environment, task.exposure) if self._unlit else environment
        before, after = flatten(original, environment), flatten(load_scene(asset), behind)
        rays = RayCaster(before.positions, before.triangles, threads=threads)
        self._sampler = ViewSampler(before, rays, task.policy.image_px, task.policy.image_px)
        self._seed, self._exposure = seed, task.exposure
        store = FolderCache(cache)
        within = f"{task.environment}/mitsuba" if task.renderer == "mitsuba" else task.environment
        if task.scene is not None:
            within += f"/scene {task.scene}"
        self._source = ReferenceRenderer(
            renderer_of(task, before, threads), f"{task.source_sha256}/{within}", task.exposure, store
        )
        if self._unlit:
            self._tracer = Tracer(after, threads=threads)
        else:
            # A lit asset gets the reference's own seeds and samples: noise common to both cancels.
            self._asset = ReferenceRenderer(
                renderer_of(task, after, threads), f"{task.asset_sha256}/{within}", task.exposure, store
            )
        name = task.policy.name
        self._agreement = Agreement(
            ssim=task.policy.reference_self_ssim,
            samples=FIRST_SAMPLES.get(name, 16),
            most_samples=MOST_SAMPLES,
        )
        self._self_ssim = 1.0

    @property
    def kind(self) -> str:
        return self._sampler.kind

    @property
    def self_ssim(self) -> float:
        return self._self_ssim

    def pair(self, index: int) -> tuple[Image, Image]:
        self._self_ssim = 1.0
        return self._pair(self._sampler.view(self._seed, index), index)

    def segment(self, index: int, frames: int) -> tuple[tuple[Image, ...], tuple[Image, ...]]:
        """Frame 0 is view `index`, which is cached already."""
        self._self_ssim = 1.0
        cameras = self._sampler.segment(self._seed, index, frames)
        shown = [self._pair(camera, index) for camera in cameras]
        return tuple(reference for reference, _ in shown), tuple(asset for _, asset in shown)

    def _pair(self, camera: Camera, index: int) -> tuple[Image, Image]:
        seed = (self._seed + index) & 0x7FFFFFFF
        reference = self._source.take(camera, seed=seed, agreement=self._agreement)
        self._self_ssim = min(self._self_ssim, reference.ssim)
        if self._unlit:
            shown = viewer_image(self._tracer, camera)
        else:
            shown = self._asset.take(camera, seed=seed, agreement=self._agreement, like=reference).color
        return to_display(reference.color, self._exposure), to_display(np.asarray(shown), self._shown_exposure)
