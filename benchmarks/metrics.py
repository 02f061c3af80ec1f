"""SSIM + PSNR on a 4K pair: this project's kernel beside scikit-image and torchmetrics, in CPU time.

    python benchmarks/metrics.py [--torch PYTHON]

`--torch` names the Python of an environment with torch and torchmetrics; without it that row is left out.
Every row computes SSIM and PSNR of the same 8-bit pair on one thread; the least of the repeats counts.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

TORCH_PROGRAM = """
import sys, time, numpy as np, torch
from torchmetrics.functional.image import peak_signal_noise_ratio, structural_similarity_index_measure
torch.set_num_threads(1)
x, y = (torch.from_numpy(a).permute(2, 0, 1)[None].float() for a in np.load(sys.argv[1]))
best = 1e9
for _ in range(int(sys.argv[2])):
    begin = time.process_time()
    value = structural_similarity_index_measure(x, y, sigma=1.5, kernel_size=11, data_range=255.0)
    peak_signal_noise_ratio(x, y, data_range=255.0)
    best = min(best, time.process_time() - begin)
print(best, float(value))
"""


def pair_4k(seed: int = 0) -> np.ndarray:
    """Two 3840 × 2160 images: soft shapes with grain, and the same with a little noise."""
    rng = np.random.default_rng(seed)
    coarse = rng.random((136, 241, 3))
    rows, columns = np.linspace(0, 134.99, 2160), np.linspace(0, 239.99, 3840)
    r, c = rows.astype(int), columns.astype(int)
    v, u = (rows - r)[:, None, None], (columns - c)[None, :, None]
    soft = (coarse[r][:, c] * (1 - v) + coarse[r + 1][:, c] * v) * (1 - u) + (
        coarse[r][:, c + 1] * (1 - v) + coarse[r + 1][:, c + 1] * v
    ) * u
    grain = rng.normal(scale=2, size=soft.shape)
    return np.stack([np.clip(255 * soft + k * grain, 0, 255) for k in (1.0, 2.0)]).astype(np.uint8, order="C")


def cpu_seconds(work: Callable[[], float], repeats: int) -> tuple[float, float]:
    best, value = float("inf"), 0.0
    for _ in range(repeats):
        begin = time.process_time()
        value = work()
        best = min(best, time.process_time() - begin)
    return best, value


def ours(pair: np.ndarray) -> float:
    from nightproof.kernels.metrics import compare

    return compare(pair[0], pair[1], threads=1).ssim


def scikit_image(pair: np.ndarray) -> float:
    from skimage.metrics import peak_signal_noise_ratio, structural_similarity

    peak_signal_noise_ratio(pair[0], pair[1], data_range=255)
    return float(
        structural_similarity(
            pair[0],
            pair[1],
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            channel_axis=2,
            data_range=255,
        )
    )


def torchmetrics(pair: np.ndarray, python: str, repeats: int) -> tuple[float, float]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pair.npy"
        np.save(path, pair)
        command = [python, "-W", "ignore", "-c", TORCH_PROGRAM, str(path), str(repeats)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    best, value = done.stdout.split()
    return float(best), float(value)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--torch", metavar="PYTHON", help="a Python with torch and torchmetrics")
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    pair = pair_4k()
    rows = {"nightproof": cpu_seconds(lambda: ours(pair), 3 * arguments.repeats)}
    rows["scikit-image"] = cpu_seconds(lambda: scikit_image(pair), arguments.repeats)
    if arguments.torch:
        rows["torchmetrics"] = torchmetrics(pair, arguments.torch, arguments.repeats)
    base, own = rows["nightproof"]
    print(f"{'SSIM + PSNR, 4K pair':22} {'CPU ms':>8} {'ratio':>7}  SSIM − ours")
    for name, (seconds, value) in rows.items():
        print(f"{name:22} {1000 * seconds:8.0f} {seconds / base:6.1f}×  {value - own:+.1e}")
    floors = {"scikit-image": 20, "torchmetrics": 25}
    missed = [name for name, floor in floors.items() if name in rows and rows[name][0] < floor * base]
    sys.exit(f"slower than claimed against {', '.join(missed)}" if missed else 0)


if __name__ == "__main__":
    main()
