"""Find out, without risk, which Mitsuba this machine can run.

`llvm_ad_rgb` is about eight times faster than `scalar_rgb`, and needs LLVM 16 or newer; with LLVM 15 it aborts the
whole process on principled materials, hence each try is made in a child. Dr.Jit takes the library it finds first; where
that one fails, the others on the machine are offered to it through DRJIT_LIBLLVM_PATH.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from nightproof.rendering.auditor_process import AuditorFailed, Limits, MitsubaProcess

OLDEST_LLVM = 16
LIBRARY_FOLDERS = (
    "/usr/lib/*",
    "/usr/lib",
    "/usr/lib64",
    "/usr/lib/llvm-*/lib",
    "/usr/local/lib",
    "/opt/homebrew/opt/llvm/lib",
)
LIBRARY_NAMES = ("libLLVM.so.[0-9]*", "libLLVM-[0-9]*.so*", "libLLVM.dylib")
TRY_S = 60.0


@dataclass(frozen=True)
class AuditorProbe:
    """Which Mitsuba to use here, and why."""

    variant: str
    """llvm_ad_rgb, scalar_rgb, or empty where Mitsuba does not run at all."""
    mitsuba_version: str = ""
    llvm_version: str = ""
    llvm_library: str = ""
    """To be set as DRJIT_LIBLLVM_PATH; empty for the one that Dr.Jit finds by itself."""
    reason: str = ""

    @property
    def versions(self) -> dict[str, str]:
        found = {"mitsuba": self.mitsuba_version, "llvm": self.llvm_version, "variant": self.variant}
        return {name: value for name, value in found.items() if value}


@lru_cache(maxsize=1)
def probe() -> AuditorProbe:
    """The fastest Mitsuba that works here. Takes seconds the first time, never brings this process down."""
    tried = []
    for library in ["", *newer_libraries()]:
        try:
            return _attempt("llvm_ad_rgb", library, "LLVM works")
        except AuditorFailed as failure:
            tried.append(f"{library or 'the LLVM found first'}: {failure}")
    try:
        return _attempt("scalar_rgb", "", f"no usable LLVM ({'; '.join(tried)})")
    except AuditorFailed as failure:
        return AuditorProbe("", reason=str(failure))


def _attempt(variant: str, library: str, reason: str) -> AuditorProbe:
    limits = Limits(threads=1, call_s=TRY_S)
    with MitsubaProcess(variant, limits, llvm_library=library) as process:
        about = process.about
        if variant.startswith("llvm") and int(about["llvm"].split(".")[0]) < OLDEST_LLVM:
            raise AuditorFailed(f"LLVM {about['llvm']} is too old, {OLDEST_LLVM} or newer is needed")
        mean = process.call("try_out")
    if not 0 < mean < 10:
        raise AuditorFailed(f"a trial picture came out with mean {mean}")
    return AuditorProbe(variant, about["mitsuba"], about["llvm"], library, reason)


def newer_libraries() -> Iterator[str]:
    """LLVM libraries of this machine that are new enough by their name, newest first."""
    found: dict[Path, int] = {}
    for folder in LIBRARY_FOLDERS:
        for name in LIBRARY_NAMES:
            for path in Path("/").glob(f"{folder}/{name}".lstrip("/")):
                version = re.search(r"LLVM(?:-|\.so\.)(\d+)", path.name)
                found[path.resolve()] = int(version[1]) if version else OLDEST_LLVM
    for path, _ in sorted(found.items(), key=lambda item: (-item[1], item[0])):
        if found[path] >= OLDEST_LLVM:
            yield str(path)
