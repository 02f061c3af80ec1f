"""What this machine can do, what is missing for more, and why one would want it. Facts only; a face shows them.

Every look is taken on its own, in a thread with a time limit: a broken driver or a hanging tool costs one line, never
the answer. What may crash (Mitsuba on an old LLVM) is tried in a child process by `rendering.auditor_probe`.
"""

from __future__ import annotations

import ctypes
import hashlib
import importlib.metadata
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooSlow
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

LOOK_S = 20.0
"""How long all looks together may take. Usually two seconds, most of it Mitsuba's trial picture."""
TOOL_S = 5.0
LPIPS_SHA256 = "7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02"
LPIPS_FILE = "alexnet-owt-7be5be79.pth"
LPIPS_VARIABLE = "NIGHTPROOF_LPIPS_WEIGHTS"
ROOMY_STORE_BYTES = 5 << 30
ROOMY_MEMORY_BYTES = 4 << 30


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that this machine has or lacks."""

    name: str
    ok: bool
    found: str
    """In a few words, with the version."""
    advice: str = ""
    """What to install or change for more, and what for. Empty where nothing is missing."""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def examine(store: Path, *, lpips_weights: Path | None = None) -> list[Finding]:
    """Look at everything, in a fixed order.

    Args:
        store: the folder whose disk is looked at; need not exist yet.
        lpips_weights: where the user says the LPIPS weights are; else NIGHTPROOF_LPIPS_WEIGHTS, else the data folder.
    """
    looks: list[tuple[str, Callable[[], Finding]]] = [
        ("Python", _python),
        ("native kernels", _native),
        ("processor", _processor),
        ("Embree", _embree),
        ("Open Image Denoise", _denoiser),
        ("Mitsuba", _mitsuba),
        ("KTX2", _ktx2),
        ("KTX2 encoder", _ktx2_encoder),
        ("OpenUSD", _usd),
        ("GPU", _gpu),
        ("VMAF", _vmaf),
        ("LPIPS", lambda: _lpips(lpips_weights)),
        ("browser", _browser),
        ("Blender", _blender),
        ("store", lambda: _store(store)),
    ]
    pool = ThreadPoolExecutor(len(looks), thread_name_prefix="doctor")
    try:
        answers = [(name, pool.submit(look)) for name, look in looks]
        deadline_s = time.monotonic() + LOOK_S
        return [_answer(name, answer, deadline_s) for name, answer in answers]
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _answer(name: str, answer: Future[Finding], deadline_s: float) -> Finding:
    try:
        return answer.result(timeout=max(0.0, deadline_s - time.monotonic()))
    except TooSlow:
        return Finding(name, False, f"no answer within {LOOK_S:.0f} s", "Something hangs; try it by hand.")
    except Exception as error:  # a look must not spoil the others
        return Finding(name, False, f"{type(error).__name__}: {error}", "This look failed; please report it.")


def _python() -> Finding:
    name = f"{platform.python_version()} ({platform.python_implementation()}), {platform.system()} {platform.machine()}"
    return Finding(
        "Python", sys.version_info >= (3, 11), name, "" if sys.version_info >= (3, 11) else "Python 3.11 or newer."
    )


def _native() -> Finding:
    try:
        from nightproof import _native as native
    except ImportError as error:
        return Finding("native kernels", False, str(error), "Build them: `make setup` (needs a C++17 compiler).")
    isa = native.isa()
    wanted = "A processor with AVX2 (x86-64-v3) renders about twice as fast." if isa == "baseline" and _x86() else ""
    return Finding("native kernels", True, f"built, instruction set {isa}", wanted)


def _x86() -> bool:
    return platform.machine().lower() in ("x86_64", "amd64")


def _processor() -> Finding:
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    memory = _memory_bytes()
    advice = ""
    if memory and memory < ROOMY_MEMORY_BYTES:
        advice = "4 GB of memory or more: large textures and the auditor need them."
    found = f"{usable} core{'s' if usable != 1 else ''}" + (f", {memory / 2**30:.0f} GB memory" if memory else "")
    return Finding("processor", not advice, found, advice)


def _memory_bytes() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 0


def _embree() -> Finding:
    from nightproof.errors import NotOnThisMachine
    from nightproof.kernels.embree import embree_library

    try:
        library = ctypes.CDLL(str(embree_library()))
    except (NotOnThisMachine, OSError) as error:
        return Finding(
            "Embree", False, str(error), "`pip install --force-reinstall embreex`: nothing is traced without it."
        )
    library.rtcNewDevice.restype = ctypes.c_void_p
    library.rtcGetDeviceProperty.argtypes, library.rtcGetDeviceProperty.restype = (
        (ctypes.c_void_p, ctypes.c_int),
        ctypes.c_ssize_t,
    )
    library.rtcReleaseDevice.argtypes = (ctypes.c_void_p,)
    device = library.rtcNewDevice(b"threads=1")
    version = int(library.rtcGetDeviceProperty(device, 0))  # RTC_DEVICE_PROPERTY_VERSION: 40401 is 4.4.1
    library.rtcReleaseDevice(device)
    found = f"{version // 10000}.{version // 100 % 100}.{version % 100}"
    return Finding(
        "Embree", version // 10000 == 4, found, "" if version // 10000 == 4 else "Embree 4: `pip install embreex`."
    )


def _denoiser() -> Finding:
    version = _installed("pyoidn")
    if not version:
        return Finding(
            "Open Image Denoise", False, "absent", "`pip install pyoidn`: references need it to agree with themselves."
        )
    return Finding("Open Image Denoise", True, version)


def _mitsuba() -> Finding:
    if not _installed("mitsuba"):
        return Finding("Mitsuba", False, "absent", "`pip install mitsuba`: it checks our pictures independently.")
    from nightproof.rendering.auditor_probe import probe

    probed = probe()
    if not probed.variant:
        return Finding("Mitsuba", False, f"does not run: {probed.reason}", "`pip install --force-reinstall mitsuba`.")
    if probed.variant == "scalar_rgb":
        return Finding(
            "Mitsuba",
            False,
            f"{probed.mitsuba_version}, scalar_rgb",
            "LLVM 16 or newer (Debian: `apt install libllvm19`; macOS: `brew install llvm`): audits 8× faster.",
        )
    return Finding("Mitsuba", True, f"{probed.mitsuba_version}, {probed.variant}, LLVM {probed.llvm_version}")


def _ktx2() -> Finding:
    try:
        version = importlib.metadata.version("opengl-basisu")
    except importlib.metadata.PackageNotFoundError:
        advice = "`pip install nightproof[ktx2]`: textures in KTX2 are shown as a flat colour without it."
        return Finding("KTX2", False, "absent", advice)
    return Finding("KTX2", True, f"opengl-basisu {version}")


def _ktx2_encoder() -> Finding:
    from nightproof.errors import NotOnThisMachine
    from nightproof.pipelines.packing.basisu import find_basisu

    try:
        program = find_basisu()
    except NotOnThisMachine as error:
        return Finding("KTX2 encoder", False, str(error), f"For --texture-format ktx2: {error.hint}")
    return Finding("KTX2 encoder", True, f"basisu {program.version} at {program.path}")


def _usd() -> Finding:
    version = _installed("usd-core")
    if not version:
        return Finding("OpenUSD", False, "absent", "`pip install nightproof[usd]`: reads .usd, .usda, .usdc and .usdz.")
    return Finding("OpenUSD", True, f"usd-core {version}")


def _gpu() -> Finding:
    advice = "No part needs one today; training splats will be much faster with an NVIDIA GPU and its driver."
    if not (tool := shutil.which("nvidia-smi")):
        return Finding("GPU", False, "none found", advice)
    said = _run([tool, "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"])
    cards = [line.strip() for line in said.stdout.splitlines() if line.strip()] if said.returncode == 0 else []
    if not cards:
        return Finding("GPU", False, "nvidia-smi answers without a card", advice)
    return Finding("GPU", True, "; ".join(cards))


def _vmaf() -> Finding:
    advice = "`pip install imageio-ffmpeg` brings an ffmpeg with libvmaf; without it VMAF is not evaluated."
    from nightproof.trust.metrics.vmaf import ffmpeg_path

    if (tool := ffmpeg_path()) is None:
        return Finding("VMAF", False, "no ffmpeg", advice)
    if not shutil.which(tool):
        return Finding("VMAF", False, f"no ffmpeg at {tool}", advice)
    banner = _run([tool, "-hide_banner", "-version"]).stdout.split(" ")
    version = banner[2] if len(banner) > 2 else "?"
    if " libvmaf " not in _run([tool, "-hide_banner", "-filters"]).stdout:
        return Finding("VMAF", False, f"ffmpeg {version} without libvmaf", advice)
    return Finding("VMAF", True, f"ffmpeg {version} with libvmaf")


def _lpips(given: Path | None) -> Finding:
    path = given or _lpips_place()
    if not path.is_file():
        advice = (
            f"Download {LPIPS_FILE} (244 MB, sha256 {LPIPS_SHA256[:8]}…) from download.pytorch.org/models "
            f"and put it at {path}, or point {LPIPS_VARIABLE} at it; without it LPIPS is not evaluated."
        )
        return Finding("LPIPS", False, "no weights", advice)
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 22):
            digest.update(chunk)
    if digest.hexdigest() != LPIPS_SHA256:
        return Finding(
            "LPIPS", False, f"{path} is another file", f"Its sha256 must be {LPIPS_SHA256}; download it again."
        )
    return Finding("LPIPS", True, f"weights at {path}")


def _lpips_place() -> Path:
    if named := os.environ.get(LPIPS_VARIABLE):
        return Path(named)
    import platformdirs

    return Path(platformdirs.user_data_dir("nightproof", appauthor=False)) / LPIPS_FILE


def _browser() -> Finding:
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    tools = {
        "Chromium": next(filter(None, map(shutil.which, names)), None),
        "Node.js": shutil.which("node"),
        "npm": shutil.which("npm"),
    }
    versions = {name: _version_of(tool) for name, tool in tools.items() if tool}
    missing = [name for name in tools if name not in versions]
    advice = "For developers only: the tests that hold our viewer against three.js need them." if missing else ""
    found = ", ".join(f"{name} {version}" for name, version in versions.items()) or "none found"
    return Finding(
        "browser", not missing, found + (f"; no {', no '.join(missing)}" if missing and versions else ""), advice
    )


def _blender() -> Finding:
    places = (os.environ.get("NIGHTPROOF_BPY_PYTHON"), shutil.which("blender"))
    found = next((place for place in places if place and Path(place).is_file()), None)
    if found is None:
        advice = "For developers only: benchmarks compare bakes with Cycles; benchmarks/peers/bpy_venv.sh installs it."
        return Finding("Blender", False, "none found", advice)
    return Finding("Blender", True, found)


def _store(store: Path) -> Finding:
    there = next(folder for folder in (store.absolute(), *store.absolute().parents) if folder.exists())
    free = shutil.disk_usage(there).free
    found = f"{store}, {free / 2**30:.0f} GB free"
    if not os.access(there, os.W_OK):
        return Finding(
            "store", False, f"{store} cannot be written", "Choose another folder with --store or NIGHTPROOF_STORE."
        )
    if free < ROOMY_STORE_BYTES:
        return Finding("store", False, found, "5 GB free: reference pictures are cached there.")
    return Finding("store", True, found)


def _installed(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _version_of(tool: str) -> str:
    words = _run([tool, "--version"]).stdout.split()
    return next((word.lstrip("v") for word in words if word.lstrip("v")[:1].isdigit()), "?")


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, capture_output=True, text=True, timeout=TOOL_S, check=False, stdin=subprocess.DEVNULL
    )
