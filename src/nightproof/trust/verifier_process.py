"""A verifier as a process: one JSON request in a line on stdin, one JSON answer on stdout, progress lines on stderr.

    {"do": "measure", "folder": …, "task": …, "source": …, "asset": …, "cache": …}   →  {"id", "commitment"}
    {"do": "reveal",  "folder": …, "task": …}                                        →  {"evidence", "verdict", "vote"}
    {"do": "sign",    "folder": …, "task": …, "payload": …}                          →  {"signature"}

What goes wrong comes back as {"error": …, "hint": …}. Stdin stays open while somebody wants the answer: a verifier
whose asker has gone ends at once.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nightproof.errors import NightproofError, StorageFailed
from nightproof.kernels.guard import end_with_parent
from nightproof.records.record import canonical_json, parse_json
from nightproof.trust.task import Task
from nightproof.trust.verifier import Verifier, check_digest, check_source


@contextmanager
def own_scratch(folder: Path) -> Iterator[None]:
    """Temporary files below the verifier's folder, named by this process: what a kill leaves there is swept later."""
    scratch = folder / f"scratch.{os.getpid()}"
    try:
        scratch.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageFailed(f"{scratch}: {error.strerror}") from None
    before, tempfile.tempdir = tempfile.tempdir, str(scratch)
    try:
        yield
    finally:
        tempfile.tempdir = before
        shutil.rmtree(scratch, ignore_errors=True)


def answer(request: dict[str, Any]) -> dict[str, Any]:
    verifier, task = Verifier(Path(request["folder"])), Task.from_json(request["task"])
    if request["do"] == "measure":
        return {"id": verifier.id, "public_key": verifier.public_key, "commitment": _measure(verifier, task, request)}
    if request["do"] == "reveal":
        return verifier.report(task).to_json()
    from nightproof.trust.certificate import pae

    payload = request["payload"].encode()
    return {"signature": verifier.sign(task, payload, pae(payload))}


def _measure(verifier: Verifier, task: Task, request: dict[str, Any]) -> str:
    from nightproof.trust.views import RenderedPairs

    source, asset = Path(request["source"]), Path(request["asset"])
    check_source(source, task.source_sha256)
    check_digest(asset, task.asset_sha256)
    try:
        return verifier.commitment(task)
    except NightproofError:
        pass  # not measured yet, or a report that does not read: measure now
    lit_by = request.get("environment_file")
    pairs = RenderedPairs(
        source,
        asset,
        task,
        task.view_seed(verifier.id),
        cache=Path(request["cache"]),
        environment_file=Path(lit_by) if lit_by else None,
        threads=int(request.get("threads", 1)),
    )
    with own_scratch(Path(request["folder"])):
        verifier.measure(task, pairs, shared_references=not task.policy.independent_views, progress=_tell)
    return verifier.commitment(task)


def _tell(fraction: float, message: str) -> None:
    print(f"{fraction:.4f} {message}", file=sys.stderr, flush=True)


def main() -> int:
    request = sys.stdin.buffer.readline()
    end_with_parent()
    try:
        reply = answer(parse_json(request))
    except NightproofError as error:
        reply = {"error": str(error), "hint": error.hint}
    except OSError as error:  # a metric's scratch on a full disk, say
        where = f"{error.filename}: " if error.filename else ""
        reply = {"error": f"{where}{error.strerror or error}", "hint": StorageFailed.hint}
    sys.stdout.buffer.write(canonical_json(reply))
    return 1 if "error" in reply else 0


if __name__ == "__main__":
    sys.exit(main())
