"""The evidence behind a judgement, brought together: what every verifier measured in every view.

A certificate names each verifier's evidence by digest and shows aggregates only. Whoever has the evidence can check
it against those digests and look at single views, or at how the bets went while views came in.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nightproof.errors import BrokenRecord
from nightproof.records.evidence import Evidence, Testimony
from nightproof.records.judgement import Judgement
from nightproof.records.record import parse_json
from nightproof.trust.eprocess import stakes
from nightproof.trust.measure import bounded_claim
from nightproof.trust.metrics import METRICS
from nightproof.trust.policy import Claim
from nightproof.trust.task import Task
from nightproof.trust.verifier import Report

Array = np.ndarray


def gather(judgement: Judgement, task: Task, folder: Path) -> Testimony:
    """The evidence that the judgement names, as far as verifiers still have it. `folder` as in `run_committee`."""
    found: dict[str, Evidence] = {}
    for path in sorted(folder.glob(f"*/reports/{task.digest}.json")):
        try:
            evidence = Report.from_json(parse_json(path.read_bytes())).evidence
        except (OSError, BrokenRecord):
            continue  # what a verifier lost or spoilt is missing here; the judgement stands
        found[evidence.digest] = evidence
    named = [member.evidence for member in judgement.members if member.evidence in found]
    return Testimony(judgement=judgement.digest, evidence=tuple(found[digest] for digest in named))


def spokesman(testimony: Testimony, judgement: Judgement) -> Evidence | None:
    """The evidence of the first member that stands behind the verdict, or else of the first there is."""
    agreed = {member.evidence for member in judgement.members if member.agreed}
    return next((it for it in testimony.evidence if it.digest in agreed), next(iter(testimony.evidence), None))


def betting(claim: Claim, values: tuple[float, ...]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """What a stake of 1 on *holds*, and one on *fails*, had become after each view: natural logarithms."""
    metric = METRICS[claim.metric]
    holds, fails = stakes(np.array([metric.error(value) for value in values]), bounded_claim(claim, metric))
    return tuple(holds.tolist()), tuple(fails.tolist())


def severity(task: Task, evidence: Evidence) -> tuple[float, ...]:
    """Per view, how much of the error that a claim allows on average it has, in the claim where that is most."""
    judged = {sample.metric: sample.values for sample in evidence.samples if METRICS[sample.metric].per == "view"}
    shares = []
    for claim in task.policy.claims:
        metric = METRICS[claim.metric]
        if judged.get(claim.metric):
            allowed = metric.error(claim.threshold)
            shares.append([metric.error(value) / allowed for value in judged[claim.metric]])
    return tuple(max(view) for view in zip(*shares, strict=False))
