"""The parent's side: starts the child that reads a USD file, bounds it, and opens the GLB that it writes.

OpenUSD is a large C++ library, and its files are a stranger's: they crash it, hang it, or fill the memory. In a child
with limits each of these is one typed error. What the child writes is read like any other GLB, with all checks.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO, Any

from nightproof.errors import NotOnThisMachine
from nightproof.kernels.guard import end_group
from nightproof.scenes.broken import BrokenScene, SceneTooLarge
from nightproof.scenes.formats.assembly import SourceFiles, document_from
from nightproof.scenes.gltf import GltfDocument
from nightproof.scenes.resources import FILE_BYTES_LIMIT, read_beside, read_file

CALL_S, CALL_S_PER_MB, CALL_S_MOST = 20.0, 1.0, 300.0
"""How long the child may take, by the size of the file: a few references can unfold without end."""
MEMORY_BYTES = 6 << 30
"""Of address space, which its libraries' mappings are a part of."""
HINT = "Open it in usdview or Blender to see what is wrong, or export it as .glb."
FOREIGN = ("PXR_", "USD_", "SDF_", "AR_")
"""Variables by which OpenUSD loads plugins or looks for files elsewhere."""


def load_usd(path: Path) -> GltfDocument:
    """A .usd, .usda, .usdc or .usdz as a glTF document.

    Raises:
        NotOnThisMachine: OpenUSD is not installed.
        BrokenScene: the file cannot be read, or its reading crashed or took too long.
    """
    if importlib.util.find_spec("pxr") is None:
        raise NotOnThisMachine(
            f"{path.name} is OpenUSD, which is not installed here", hint="`pip install nightproof[usd]` reads it."
        )
    files = SourceFiles()
    data = read_file(path)
    files.add("", data)
    allowed_s = min(CALL_S + CALL_S_PER_MB * len(data) / 1e6, CALL_S_MOST)
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as log:
        _run_child(path, out, log, allowed_s)
        out.seek(0, os.SEEK_END)
        if out.tell() > FILE_BYTES_LIMIT:
            raise SceneTooLarge(f"{path.name} converts to more than {FILE_BYTES_LIMIT} bytes")
        out.seek(0)
        said = _said(out, path)
        glb = out.read()
    for name in said["files"]:
        if (used := read_beside(name, path.parent, FILE_BYTES_LIMIT)) is not None:
            files.add(name, used)
    return document_from(glb, "usd", files, said["notes"])


def _run_child(path: Path, out: IO[bytes], log: IO[bytes], allowed_s: float) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    child = subprocess.Popen(
        [sys.executable, "-m", "nightproof.scenes.formats.usd.worker", str(path.absolute()), str(MEMORY_BYTES)],
        stdin=subprocess.PIPE,  # held open: the child ends when it closes
        stdout=out,
        stderr=log,
        env=environment | {"PXR_WORK_THREAD_LIMIT": "1"},
        start_new_session=True,
    )
    try:
        code = child.wait(timeout=allowed_s)
    except subprocess.TimeoutExpired:
        raise BrokenScene(f"{path.name} was not read within {allowed_s:.0f} s", hint=HINT) from None
    finally:
        end_group(child)
        assert child.stdin is not None
        child.stdin.close()
    if code:
        why = f"signal {-code}" if code < 0 else f"status {code}"
        raise BrokenScene(f"OpenUSD ended with {why} while it read {path.name}", hint=HINT)


def _said(out: IO[bytes], path: Path) -> dict[str, Any]:
    """The line before the GLB: files and notes, or what is wrong."""
    try:
        said = json.loads(out.readline())
        fine = isinstance(said, dict) and ("rule" in said or {"files", "notes"} <= said.keys())
    except ValueError:
        fine = False
    if not fine:
        raise BrokenScene(f"OpenUSD wrote nothing that can be read of {path.name}", hint=HINT)
    if "rule" in said:
        kind = SceneTooLarge if said.get("large") else BrokenScene
        raise kind(str(said["rule"]), str(said.get("pointer", "")), hint=said.get("hint") or HINT)
    return dict(said)
