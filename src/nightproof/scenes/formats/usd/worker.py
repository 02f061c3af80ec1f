"""The child that reads one USD file: `python -m nightproof.scenes.formats.usd.worker FILE MEMORY_BYTES`.

Standard output: one line of JSON, {"files": [...], "notes": [...]} or {"rule": ..., "pointer": ...}, then the GLB.
"""

from __future__ import annotations

import json
import os
import re
import sys
from contextlib import suppress
from pathlib import Path

from nightproof.kernels.guard import end_with_parent
from nightproof.scenes.broken import BrokenScene, SceneTooLarge

CPU_S = 600
"""A last bound; the parent has a closer one."""


def main(path: Path, memory_bytes: int) -> int:
    end_with_parent()
    _limit(memory_bytes)
    stream = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print is no answer
    os.chdir(path.parent)  # relative names start at the scene, nowhere else
    try:
        from nightproof.scenes.formats.usd.stage import convert

        glb, files, notes = convert(path)
        answer: dict[str, object] = {"files": files, "notes": notes}
    except BrokenScene as error:
        glb, answer = b"", _refusal(error.rule, error.pointer, error.hint, isinstance(error, SceneTooLarge))
    except MemoryError:
        glb, answer = b"", _refusal(f"{path.name} needs more memory than it may take", "", "", True)
    except Exception as error:  # OpenUSD raises what it likes on hostile bytes
        glb, answer = b"", _refusal(f"{path.name} cannot be read as USD: {_why(error, path)}", "", "", False)
    stream.write(json.dumps(answer).encode() + b"\n" + glb)
    stream.flush()
    os._exit(0)  # a library that crashes while it is torn down has answered all the same


def _why(error: Exception, path: Path) -> str:
    """The sentence within what OpenUSD says, without its own source files and ours."""
    try:
        said = str(error).strip()
    except UnicodeDecodeError:  # it quotes the bytes that it could not read
        said = "it holds text that is not UTF-8"
    if found := re.search(r"' at line \d+ in file \S+ : '(.+)'", said, re.DOTALL):
        said = found[1]
    sentence = " ".join(said.replace(f"{path.parent}/", "").split())
    return sentence[:200] or type(error).__name__


def _refusal(rule: str, pointer: str, hint: str, large: bool) -> dict[str, object]:
    return {"rule": rule, "pointer": pointer, "hint": hint, "large": large}


def _limit(memory_bytes: int) -> None:
    with suppress(ImportError, OSError, ValueError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2])))
