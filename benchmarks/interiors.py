"""How good a baked interior looks: every metric of each output over random views against denoised path tracing.

python benchmarks/interiors.py [room.glb more.glb …] [--outputs A,B,C] [--policy standard] [--environment room=sky …]

Without a name our own gallery is baked. Every output is shown as a viewer shows it that does nothing else: B without
reflections, C with its loader. References are the mean of two denoised halves; `self` is the SSIM of one half with the
other. VMAF is that of the second frame of `--segments` camera paths. `--set light_texels=100000` changes any field of
the bake's settings; `--keep FOLDER` keeps the files and the references, so that a second run carries on where the first
stopped.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from nightproof.kernels.metrics import compare
from nightproof.kernels.rays import RayCaster
from nightproof.pipelines.baking.pipeline import BakingPipeline
from nightproof.pipelines.pipeline import PipelineGaveUp, Source
from nightproof.rendering.denoise import clean_guides, denoise
from nightproof.rendering.display import to_display
from nightproof.rendering.tracer import Tracer
from nightproof.rendering.viewer import viewer_image
from nightproof.scenes.camera import Camera
from nightproof.scenes.environment import named_environment
from nightproof.scenes.flat import FlatScene
from nightproof.scenes.flatten import flatten
from nightproof.scenes.gltf import load_gltf
from nightproof.scenes.load import scene_record
from nightproof.scenes.procedural import interior
from nightproof.scenes.views import ViewSampler
from nightproof.trust.metrics import METRICS
from nightproof.trust.metrics.metric import ImagePair, ImageSequence
from nightproof.trust.policy import POLICIES

Array = np.ndarray

FILES = {"A": "asset.glb", "B": "asset-lightmap.glb", "C": "asset-sh.glb"}


SEGMENT_FRAMES = 4


@dataclass
class Scores:
    """Of one output, by view; VMAF by segment."""

    ssim: list[float] = field(default_factory=list)
    psnr_db: list[float] = field(default_factory=list)
    flip: list[float] = field(default_factory=list)
    vmaf: list[float] = field(default_factory=list)

    def row(self) -> str:
        vmaf = f"{np.mean(self.vmaf):5.1f}" if self.vmaf else "    –"
        return (
            f"{np.mean(self.ssim):.4f} {min(self.ssim):.4f} {np.mean(self.psnr_db):6.2f} {min(self.psnr_db):6.2f}"
            f" {np.mean(self.flip):.4f} {vmaf}"
        )

    def holds(self, policy: str) -> bool:
        """Whether the means are on the right side of the policy's thresholds: what more views would decide."""
        means = {"ssim": self.ssim, "psnr": self.psnr_db, "flip": self.flip, "vmaf": self.vmaf}
        claims = [claim for claim in POLICIES[policy].claims if means.get(claim.metric)]
        return all(
            (float(np.mean(means[claim.metric])) >= claim.threshold) == METRICS[claim.metric].higher_is_better
            for claim in claims
        )


def measure(path: Path, asked: argparse.Namespace) -> str:
    """One line per output."""
    named = dict(each.split("=", 1) if "=" in each else (path.stem, each) for each in asked.environment)
    environment = named_environment(named.get(path.stem, "none"))
    document = load_gltf(path)
    flat = flatten(document, environment)
    source = Source(scene_record(document, path.name, flat), document, flat)
    changed = dict(each.split("=", 1) for each in asked.set)
    route = SimpleNamespace(parameters={"policy": asked.policy, "outputs": asked.outputs, **changed})
    started = time.process_time()
    with tempfile.TemporaryDirectory() as scratch:
        folder = (asked.keep or Path(scratch)) / f"{path.stem}-{asked.policy}"
        folder.mkdir(parents=True, exist_ok=True)
        try:
            made = BakingPipeline().make(source, route, seed=1, scratch=folder, threads=asked.threads)  # type: ignore[arg-type]
        except PipelineGaveUp as reason:
            return f"{path.stem:24} {type(reason).__name__}: {reason}"
        seconds = time.process_time() - started
        # Pages hold exposed light; what is seen past them must be exposed as well.
        behind = None
        if environment is not None:
            behind = replace(environment, radiance=environment.radiance * np.float32(made.exposure))
        outputs = {name: made.files[file] for name, file in FILES.items() if file in made.files}
        sizes = {name: file.stat().st_size for name, file in outputs.items()}
        shown = {name: Tracer(flatten(load_gltf(file), behind), asked.threads) for name, file in outputs.items()}
        rows, same = compared(flat, shown, made.exposure, asked, folder)
    return "\n".join(
        f"{path.stem:24} {name:>3} {scores.row()} {same:.4f} {source.record.source_bytes:9} {sizes[name]:9}"
        f" {seconds:7.1f} {'holds' if scores.holds(asked.policy) else 'fails'}"
        for name, scores in rows.items()
    )


def compared(
    flat: FlatScene, shown: Mapping[str, Tracer], exposure: float, asked: argparse.Namespace, folder: Path
) -> tuple[dict[str, Scores], float]:
    """The scores of each output, and the SSIM between two halves of a reference."""
    truth = Tracer(flat, asked.threads)
    rays = RayCaster(flat.positions, flat.triangles, asked.threads)
    views = ViewSampler(flat, rays, asked.width, asked.height)
    rows = {name: Scores() for name in shown}
    same = []
    for index in range(asked.views):
        cameras = views.segment(asked.seed, index, SEGMENT_FRAMES)[: 2 if index < asked.segments else 1]
        halves = [reference(truth, camera, folder / f"view-{index}-{f}", asked) for f, camera in enumerate(cameras)]
        same.append(compare(*(to_display(half, exposure) for half in halves[0])).ssim)
        references = tuple(to_display((first + second) / 2, exposure) for first, second in halves)
        for name, tracer in shown.items():
            images = tuple(to_display(viewer_image(tracer, camera), 1.0) for camera in cameras)
            pair = compare(references[0], images[0])
            rows[name].ssim.append(pair.ssim)
            rows[name].psnr_db.append(pair.psnr_db)
            rows[name].flip.append(METRICS["flip"].measure(ImagePair(references[0], images[0])))
            if len(cameras) > 1:
                rows[name].vmaf.append(METRICS["vmaf"].measure(ImageSequence(references, images)))
    return rows, float(np.mean(same))


def reference(truth: Tracer, camera: Camera, path: Path, asked: argparse.Namespace) -> Array:
    """Two denoised renderings from two seeds, kept in `path`."""
    kept = path.with_name(f"{path.name}-{asked.seed}-{asked.width}x{asked.height}-{asked.samples}.npy")
    if not kept.exists():
        renders = [truth.render(camera, samples=asked.samples, seed=seed) for seed in (0, 1)]
        albedo, normal = clean_guides(
            np.mean([r.albedo for r in renders], axis=0), np.mean([r.normal for r in renders], axis=0),
            threads=asked.threads,
        )  # fmt: skip
        halves = [
            denoise(r.color, albedo, normal, threads=asked.threads, guides_are_clean=True) for r in renders
        ]  # fmt: skip
        np.save(kept, np.stack(halves))
    return np.asarray(np.load(kept))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenes", nargs="*", type=Path)
    parser.add_argument("--policy", default="standard", choices=sorted(POLICIES))
    parser.add_argument("--environment", nargs="*", default=["living_room=sky"], metavar="[SCENE=]NAME")
    parser.add_argument("--views", type=int, default=6)
    parser.add_argument("--segments", type=int, default=2)
    parser.add_argument("--width", type=int, default=384)
    parser.add_argument("--height", type=int, default=384)
    parser.add_argument("--samples", type=int, default=64, help="of each half of a reference")
    parser.add_argument("--seed", type=int, default=77)
    parser.add_argument("--outputs", default="A", choices=("A", "A,B", "A,C", "A,B,C"))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--set", action="append", default=[], metavar="FIELD=VALUE")
    parser.add_argument("--keep", type=Path)
    asked = parser.parse_args()
    print(
        "scene                    out   SSIM  least   PSNR  least   FLIP  VMAF   self  bytes in bytes out   cpu-s"
        f" {asked.policy}"
    )
    with tempfile.TemporaryDirectory() as made:
        for path in asked.scenes or [_made(Path(made))]:
            print(measure(path, asked), flush=True)


def _made(folder: Path) -> Path:
    """The smallest of our own rooms."""
    place = folder / "gallery.glb"
    place.write_bytes(interior("gallery"))
    return place


if __name__ == "__main__":
    main()
