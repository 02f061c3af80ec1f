"""VMAF (Netflix, model vmaf_v0.6.1) of a camera path segment, by the ffmpeg that `imageio-ffmpeg` ships.

VMAF sees motion between frames, so their order is part of the claim (shuffled frames raised 84.9 to 93.8), and the
first frame has no motion: it is dropped. The model reads luma only; we make it here (BT.709, limited range) so that no
scaler of ffmpeg's stands between the images and the number.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import numpy as np

from nightproof.errors import NightproofError
from nightproof.trust.metrics.metric import Image, ImagePair, ImageSequence

LUMA_BT709 = np.array([0.2126, 0.7152, 0.0722])
TIMEOUT_S = 120


class MetricFailed(NightproofError):
    """The tool behind a metric did not answer."""

    hint = "Run `nightproof doctor`; measure again, or choose a policy that does not require this metric."


class Vmaf:
    """Mean VMAF of the frames of a segment, the first dropped."""

    name = "vmaf"
    per: Literal["segment"] = "segment"
    error_space = "100 − VMAF"
    color_space = "BT.709 luma of the sRGB image, 8 bit, limited range"
    bounds = (0.0, 100.0)
    higher_is_better = True

    def unavailable(self) -> str:
        return _why_not()

    def measure(self, shown: ImagePair | ImageSequence) -> float:
        assert isinstance(shown, ImageSequence) and len(shown.references) > 1
        with tempfile.TemporaryDirectory(prefix="vmaf-") as folder:
            frames = _run(shown, Path(folder))
        if len(frames) != len(shown.references):
            raise MetricFailed(f"VMAF: {len(frames)} values for {len(shown.references)} frames")
        return float(np.mean(frames[1:]))

    def error(self, value: float) -> float:
        return 100 - value

    def value(self, error: float) -> float:
        return 100 - error

    def magnitude(self, value: float) -> float:
        return 100 - value


def ffmpeg_path() -> str | None:
    """The ffmpeg to use, or None. `IMAGEIO_FFMPEG_EXE` chooses another."""
    if not find_spec("imageio_ffmpeg"):
        return None
    import imageio_ffmpeg

    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError:
        return None


def _why_not() -> str:
    path = ffmpeg_path()
    if path is None:
        return "no ffmpeg was found (the package imageio-ffmpeg ships one)"
    return _unfit(path)


@cache
def _unfit(ffmpeg: str) -> str:
    """Why this ffmpeg cannot tell VMAF; empty where it can."""
    try:
        listing = subprocess.run([ffmpeg, "-hide_banner", "-filters"], capture_output=True, timeout=TIMEOUT_S)
    except (OSError, subprocess.TimeoutExpired):
        return f"the ffmpeg at {ffmpeg} does not run"
    return "" if b" libvmaf " in listing.stdout else "the ffmpeg found here was built without libvmaf"


def _run(shown: ImageSequence, folder: Path) -> list[float]:
    height, width = shown.references[0].shape[:2]
    inputs: list[str] = []
    for name, images in (("asset", shown.assets), ("reference", shown.references)):
        (folder / f"{name}.yuv").write_bytes(b"".join(_planes(image) for image in images))
        size = f"{width}x{height}"
        inputs += ["-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", size, "-r", "25", "-i", f"{name}.yuv"]
    graph = "[0:v][1:v]libvmaf=model=version=vmaf_v0.6.1:n_threads=1:log_fmt=json:log_path=log.json"
    command = [
        str(ffmpeg_path()),
        "-hide_banner",
        "-nostdin",
        "-threads",
        "1",
        *inputs,
        "-lavfi",
        graph,
        "-f",
        "null",
        "-",
    ]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, timeout=TIMEOUT_S)
        log = json.loads((folder / "log.json").read_bytes())
        return [float(frame["metrics"]["vmaf"]) for frame in log["frames"]]
    except subprocess.TimeoutExpired:
        raise MetricFailed(f"VMAF: ffmpeg did not finish within {TIMEOUT_S} s") from None
    except (OSError, ValueError, KeyError, TypeError):
        tail = done.stderr.decode(errors="replace").strip().splitlines()[-1:] if "done" in locals() else []
        raise MetricFailed(f"VMAF: ffmpeg gave no values {' '.join(tail)}".strip()) from None


def _planes(image: Image) -> bytes:
    """One yuv420p frame with the image's luma and no colour."""
    luma = np.rint(16 + image @ LUMA_BT709 * (219 / 255)).astype(np.uint8)
    height, width = luma.shape
    return luma.tobytes() + bytes([128]) * (2 * ((height + 1) // 2) * ((width + 1) // 2))
