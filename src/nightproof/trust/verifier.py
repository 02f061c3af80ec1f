"""One verifier: reads the two files itself, measures, votes, and signs only what it voted for.

Its folder holds its key and its finished evidence by task, so that a killed measurement that had finished is not
repeated, and so that a statement can be signed later by a fresh process that remembers how it voted.
"""

from __future__ import annotations

import base64
import hashlib
import os
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nightproof import __version__
from nightproof.errors import BrokenRecord, NightproofError, StorageFailed, UnusableInput
from nightproof.records.evidence import Evidence
from nightproof.records.record import canonical_json, parse_json
from nightproof.records.verdict import Verdict
from nightproof.records.vote import Vote
from nightproof.trust.consensus.commitment import commitment
from nightproof.trust.keys import key_id, own_key, public_key_text, sign_vote
from nightproof.trust.measure import Progress, ViewPairs, measure
from nightproof.trust.task import Task


class WrongFiles(NightproofError):
    """A verifier was handed other bytes than its task names."""

    hint = "A file changed while the job ran. Run the same command again."


class WillNotSign(NightproofError):
    """A verifier was asked to sign what it did not vote for."""

    hint = "The statement differs from this verifier's vote. Measure again."


@dataclass(frozen=True)
class Report:
    """What a verifier reveals after everyone committed."""

    evidence: Evidence
    verdict: Verdict
    vote: Vote

    def to_json(self) -> dict[str, Any]:
        return {part: getattr(self, part).to_json() for part in ("evidence", "verdict", "vote")}

    @staticmethod
    def from_json(value: Any) -> Report:
        if not isinstance(value, dict) or set(value) != {"evidence", "verdict", "vote"}:
            raise BrokenRecord("a report has evidence, verdict and vote")
        return Report(
            Evidence.from_json(value["evidence"]), Verdict.from_json(value["verdict"]), Vote.from_json(value["vote"])
        )


class Verifier:
    """A key and a memory in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = own_key(folder)
        self.public_key = public_key_text(self._key)
        self.id = key_id(self.public_key)

    def commitment(self, task: Task) -> str:
        return commitment(self.id, self.report(task).evidence.digest)

    def report(self, task: Task) -> Report:
        """What was measured for `task`. Raises `StorageFailed` before that."""
        try:
            return Report.from_json(parse_json(self._path(task).read_bytes()))
        except OSError as error:
            raise StorageFailed(f"{self._path(task)}: {error.strerror}") from None

    def measure(self, task: Task, pairs: ViewPairs, *, shared_references: bool, progress: Progress) -> Report:
        """Measure and vote, once per task."""
        if self._path(task).exists():
            return self.report(task)
        began_s, began_cpu_s = time.monotonic(), time.process_time()
        found = measure(
            pairs,
            task.policy,
            source_sha256=task.source_sha256,
            asset_sha256=task.asset_sha256,
            complexity=task.complexity,
            progress=progress,
        )
        evidence = Evidence(
            source_sha256=task.source_sha256,
            asset_sha256=task.asset_sha256,
            policy=task.policy.digest,
            verifier=self.id,
            view_seed=task.view_seed(self.id),
            samples=found.samples,
            worst_tile_ssim=found.worst_tile_ssim,
            reference_self_ssim=found.self_ssim,
            shared_references=shared_references,
            software={"nightproof": __version__, "numpy": np.__version__, "python": sys.version.split()[0]},
            work={"wall_seconds": time.monotonic() - began_s, "cpu_seconds": time.process_time() - began_cpu_s},
        )
        report = Report(evidence, found.verdict, sign_vote(self._key, found.verdict.digest, evidence.digest))
        _write(self._path(task), canonical_json(report.to_json()))
        return report

    def sign(self, task: Task, payload: bytes, message: bytes) -> str:
        """Sign `message`, the DSSE encoding of the statement `payload`, if it says what this verifier voted for."""
        statement = parse_json(payload)
        vote = self.report(task).vote
        try:
            predicate = statement["predicate"]
            same = Verdict.from_json(predicate["verdict"]).digest == vote.verdict
            listed = [m for m in predicate["committee"] if m["verifier"] == self.id and m["agreed"]]
            same = same and len(listed) == 1 and listed[0]["evidence"] == vote.evidence
            same = same and statement["subject"][0]["digest"]["sha256"] == task.asset_sha256
        except (KeyError, TypeError, IndexError):
            same = False
        if not same:
            raise WillNotSign(f"verifier {self.id[:12]} did not vote for this statement")
        return base64.b64encode(self._key.sign(message)).decode()

    def _path(self, task: Task) -> Path:
        return self._folder / "reports" / f"{task.digest}.json"


def check_digest(path: Path, expected: str) -> None:
    """Raises `WrongFiles` unless the file has this SHA-256."""
    try:
        with path.open("rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise StorageFailed(f"{path}: {error.strerror}") from None
    if found != expected:
        raise WrongFiles(f"{path.name}: SHA-256 is {found[:12]}…, the task says {expected[:12]}…")


def check_source(path: Path, expected: str) -> None:
    """Raises `WrongFiles` unless the scene, with every file that it names, has the digest that its record says."""
    from nightproof.scenes.reading import load_scene

    try:
        check_digest(path, expected)
    except WrongFiles:  # it may be one of several files
        try:
            found = load_scene(path).source_sha256
        except UnusableInput:
            found = ""
        if found != expected:
            raise


def _write(path: Path, data: bytes) -> None:
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.write_bytes(data)
        draft.replace(path)
    except OSError as error:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        raise StorageFailed(f"{path}: {error.strerror}") from None
