"""KTX2 images by Basis Universal's own program, `basisu`: no wheel encodes them. One image a call, mip levels included.

Codecs and container: KHR_texture_basisu, and the Khronos Data Format Specification 1.3, section 5 (basic descriptor).
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Set
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from nightproof.errors import NotOnThisMachine
from nightproof.scenes.broken import BrokenScene
from nightproof.scenes.ktx2 import PRIMARIES, TRANSFER, descriptor_at, ktx2_size

Array = np.ndarray
PROGRAM, VARIABLE = "basisu", "NIGHTPROOF_BASISU"
INSTALL = (
    f"`npm install --global basisu` brings it, and so does a build of Basis Universal; it has to be on the PATH, or "
    f"{VARIABLE} has to name it."
)
ETC1S_QUALITIES, QUALITIES = 48, 80
"""Up to the first it is ETC1S with BasisLZ; beyond, UASTC with Zstandard, which takes three to ten times the bytes."""
ETC1S_Q = (16, 255)
"""basisu's own quality at our 1 and ETC1S_QUALITIES. Below 16 smaller codebooks save next to nothing."""
UASTC_LAMBDA = (2.0, 0.05)
"""What the encoder gives for fewer bytes, from our first quality of UASTC to the last but one; the last gives nothing.
Beyond 2 it keeps less than ETC1S does."""
UASTC = ("-uastc", "-ktx2_zstandard_level", "18", "-uastc_level")
SPARED, CLOSEST = "0", "2"
"""Levels of UASTC. 0 with `RDO` takes 5 to 15 % fewer bytes than 1 or 2 at the same loss, in a third of the time."""
RDO = ("-uastc_rdo_m", "-uastc_rdo_d", "1024")
"""On one thread, so that it gives the same bytes again; 4096 bytes of dictionary take twice as long for 2 to 10 %."""
MOST_S, MOST_S_PER_MEGATEXEL = 60.0, 60.0
"""Ten times what it takes here."""
SAYS_S = 20.0
BT709, UNSPECIFIED, SRGB, LINEAR = 1, 0, 2, 1


class EncoderFailed(NotOnThisMachine):
    """The program that writes KTX2 ended without an image."""

    hint = "Run it by hand to see why, or leave --texture-format at webp. `nightproof doctor` says which was found."


@dataclass(frozen=True)
class Basisu:
    """The program that was found."""

    path: Path
    version: str
    scratch: Path | None = None
    """Where its files lie while it works; None: where the system keeps such."""


def find_basisu() -> Basisu:
    """By NIGHTPROOF_BASISU, else on the PATH. Raises `NotOnThisMachine` where there is none, or it does not answer."""
    named = os.environ.get(VARIABLE)
    found = named or shutil.which(PROGRAM)
    if found is None:
        raise NotOnThisMachine(f"no program `{PROGRAM}` here, which writes KTX2", hint=INSTALL)
    if not Path(found).is_file():
        raise NotOnThisMachine(f"{VARIABLE} names {found}, which is no file", hint=INSTALL)
    return _asked(Path(found).absolute())  # a bare name would be looked for on the PATH


@cache
def _asked(path: Path) -> Basisu:
    try:
        said = subprocess.run(
            [path, "-version"], capture_output=True, text=True, timeout=SAYS_S, stdin=subprocess.DEVNULL, check=False
        )
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError) as error:
        raise NotOnThisMachine(f"{path} does not answer: {str(error)[:80]}", hint=INSTALL) from None
    version = re.search(r"Basis Universal.*?v(\d[\d.]*)", said.stdout)
    if version is None:
        raise NotOnThisMachine(f"{path} is not Basis Universal's program", hint=INSTALL)
    return Basisu(path, version[1])


def ktx2(program: Basisu, pixels: UInt8[Array, "h w c"], quality: int, kinds: Set[str]) -> bytes:
    """RGB or RGBA as KHR_texture_basisu asks for it. The same pixels and program give the same bytes.

    Args:
        quality: 1 to QUALITIES.
        kinds: how it is read, of `color`, `normal` and `data`; colours with nothing else.

    Raises:
        EncoderFailed: what it wrote, if anything, is no such image.
    """
    from PIL import Image

    height, width, channels = pixels.shape
    allowed_s = MOST_S + MOST_S_PER_MEGATEXEL * height * width / 1e6
    if program.scratch:
        program.scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="basisu-", dir=program.scratch) as folder:
        source, made = Path(folder) / "image.png", Path(folder) / "image.ktx2"
        Image.fromarray(pixels).save(source, "PNG", compress_level=1)
        options = (*options_of(quality), *_reading(kinds), *(() if channels == 4 else ("-no_alpha",)))
        command = [program.path, "-ktx2", "-mipmap", "-no_multithreading", *options]
        said = _run([*map(str, command), "-file", str(source), "-output_file", str(made)], Path(folder), allowed_s)
        data = made.read_bytes() if made.is_file() else b""
    try:
        if ktx2_size(data, "") == (width, height):
            return _with_color_space(data, is_color="color" in kinds)
    except BrokenScene:
        pass
    raise EncoderFailed(f"{program.path} wrote no KTX2 of an image of {width} × {height}: {said}")


def options_of(quality: int) -> tuple[str, ...]:
    """Of the program, for one of our qualities."""
    if quality <= ETC1S_QUALITIES:
        first, last = ETC1S_Q
        return ("-q", str(round(first * (last / first) ** ((quality - 1) / (ETC1S_QUALITIES - 1)))))
    if quality == QUALITIES:
        return (*UASTC, CLOSEST)
    loosest, closest = UASTC_LAMBDA
    part = (quality - ETC1S_QUALITIES - 1) / (QUALITIES - ETC1S_QUALITIES - 2)
    return (*UASTC, SPARED, *RDO, "-uastc_rdo_l", f"{loosest * (closest / loosest) ** part:.4f}")


def _reading(kinds: Set[str]) -> tuple[str, ...]:
    if "color" in kinds:
        return ()
    return ("-normal_map", "-mip_renorm") if "normal" in kinds else ("-linear",)


def _run(command: list[str], folder: Path, allowed_s: float) -> str:
    """The last that it said. Into a file: a pipe would stay open as long as any child of its own."""
    with (folder / "log").open("w+b") as log:
        try:
            code = subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, timeout=allowed_s, check=False
            ).returncode
        except subprocess.TimeoutExpired:
            return f"it was stopped after {allowed_s:.0f} s"
        except OSError as error:
            return str(error)[:120]
        log.seek(0)
        lines = log.read()[-2000:].decode("utf-8", "replace").split("\n")
    errors = [line.strip() for line in lines if re.search(r"\berr", line, re.IGNORECASE)]
    return (errors or [f"it ended with {code}"])[-1][:120]


def _with_color_space(data: bytes, *, is_color: bool) -> bytes:
    """The program says BT.709 of everything; KHR_texture_basisu wants no primaries where texels are no colours."""
    descriptor = descriptor_at(data)
    if descriptor is None:
        raise BrokenScene("the image has no data format descriptor", "")
    primaries, transfer = (BT709, SRGB) if is_color else (UNSPECIFIED, LINEAR)
    return data[: descriptor + PRIMARIES] + bytes((primaries, transfer)) + data[descriptor + TRANSFER + 1 :]
