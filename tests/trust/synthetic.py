"""Pairs of images of a chosen quality, and a committee whose members live in this process."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nightproof.trust.policy import DRAFT, Policy
from nightproof.trust.task import Task
from nightproof.trust.verifier import Verifier


@dataclass
class SyntheticPairs:
    """Soft random shapes, and the same with noise of `level` 8-bit steps."""

    level: float
    self_ssim: float = 1.0
    size_px: int = 96

    def pair(self, index):
        return self._shown(index, 0)

    def segment(self, index, frames):
        shown = [self._shown(index, frame) for frame in range(frames)]
        return tuple(r for r, _ in shown), tuple(a for _, a in shown)

    def _shown(self, index, shift):
        rng = np.random.default_rng([index, 1])
        coarse = rng.random((9, 9, 3))
        grid = np.linspace(0, 7.99, self.size_px)
        cell, rest = grid.astype(int), (grid % 1)
        rows = coarse[cell] * (1 - rest)[:, None, None] + coarse[cell + 1] * rest[:, None, None]
        soft = rows[:, cell] * (1 - rest)[:, None] + rows[:, cell + 1] * rest[:, None]
        reference = np.roll(np.uint8(40 + 170 * soft), shift, axis=1)
        noise = np.random.default_rng([index, shift, 2]).normal(scale=self.level, size=reference.shape)
        return reference, np.uint8(np.clip(np.rint(reference + noise), 0, 255))


def task(policy: Policy = DRAFT) -> Task:
    return Task(
        source_sha256="1" * 64,
        asset_sha256="2" * 64,
        policy=policy,
        complexity=0.5,
        exposure=1.0,
        environment="none",
        shading="unlit",
        renderer="native",
        nonce="job",
    )


def local_asker(level: float = 1.0):
    """Answers for honest verifiers, each with a folder and key of its own."""

    def ask(home: Path, request, progress):
        from nightproof.trust.certificate import pae

        verifier, asked = Verifier(home), Task.from_json(request["task"])
        if request["do"] == "measure":
            verifier.measure(asked, SyntheticPairs(level), shared_references=True, progress=progress)
            return {"id": verifier.id, "public_key": verifier.public_key, "commitment": verifier.commitment(asked)}
        if request["do"] == "reveal":
            return verifier.report(asked).to_json()
        payload = request["payload"].encode()
        return {"signature": verifier.sign(asked, payload, pae(payload))}

    return ask
