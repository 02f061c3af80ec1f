"""A verifier as a process: one JSON request on stdin, one JSON answer on stdout, progress lines on stderr.

    {"do": "measure", "folder": …, "task": …, "source": …, "asset": …, "cache": …}   →  {"id", "commitment"}
    {"do": "reveal",  "folder": …, "task": …}                                        →  {"evidence", "verdict", "vote"}
    {"do": "sign",    "folder": …, "task": …, "payload": …}                          →  {"signature"}

What goes wrong comes back as {"error": …, "hint": …}.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from nightproof.errors import NightproofError
from nightproof.records.record import canonical_json, parse_json
from nightproof.trust.task import Task
from nightproof.trust.verifier import Verifier, check_digest


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
    check_digest(source, task.source_sha256)
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
    verifier.measure(task, pairs, shared_references=not task.policy.independent_views, progress=_tell)
    return verifier.commitment(task)


def _tell(fraction: float, message: str) -> None:
    print(f"{fraction:.4f} {message}", file=sys.stderr, flush=True)


def main() -> int:
    try:
        reply = answer(parse_json(sys.stdin.buffer.read()))
    except NightproofError as error:
        reply = {"error": str(error), "hint": error.hint}
    sys.stdout.buffer.write(canonical_json(reply))
    return 1 if "error" in reply else 0


if __name__ == "__main__":
    sys.exit(main())
