"""What finished jobs teach the next ones: how far estimates can be believed, and how far each verifier.

Both are learnt from what is stored, never from what a process remembers: outcomes in `outcomes.jsonl` below the store,
and one observation per job and verifier in the job store. Learning twice from one job changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nightproof.jobs.store import JobStore, Observation
from nightproof.pipelines.pipeline import known_pipelines
from nightproof.records.analysis import Analysis
from nightproof.records.asset import Asset
from nightproof.records.judgement import Judgement
from nightproof.records.route import Estimate, Route
from nightproof.records.scene import Scene

if TYPE_CHECKING:
    from nightproof.optimizer.outcomes import Corrections, Outcome
    from nightproof.trust.reputation import Standing

OUTCOMES_FILE = "outcomes.jsonl"


def corrections(store: Path) -> Corrections:
    """What the outcomes below `store` teach; nothing where there are none. Raises `StorageFailed`."""
    from nightproof.optimizer.outcomes import Corrections, OutcomeLog

    return Corrections.learnt_from(OutcomeLog(store / OUTCOMES_FILE).read())


@dataclass(frozen=True)
class Finished:
    """The records of a job that teach something."""

    scene: Scene
    analysis: Analysis
    route: Route
    asset: Asset
    judgement: Judgement

    def outcome(self) -> Outcome | None:
        """Foretold against measured; None where either says nothing, or what was made was made to order."""
        from nightproof.optimizer.outcomes import Outcome, place_of
        from nightproof.pipelines.packing.aims import PARAMETERS

        if PARAMETERS & set(self.route.parameters):
            return None
        told = known_pipelines()[self.route.pipeline].estimate(self.scene, self.analysis)
        means = {row.metric: row.mean for row in self.judgement.aggregates}
        ssim, psnr_db = means.get("ssim"), means.get("psnr")
        if not isinstance(told, Estimate) or ssim is None or psnr_db is None:
            return None
        cpu_seconds = self.asset.work.get("cpu_seconds", told.cpu_seconds)
        return Outcome(
            analysis=self.analysis.digest,
            route=self.route.digest,
            pipeline=self.route.pipeline,
            place=place_of(self.analysis),
            foretold=told,
            measured=Estimate(self.asset.main.size_bytes, cpu_seconds, ssim, psnr_db),
        )


def learn(jobs: JobStore, store: Path, job: str, now_utc: str, finished: Finished) -> None:
    """Keep what a finished job teaches. Raises `StorageFailed`."""
    from nightproof.optimizer.outcomes import OutcomeLog

    if finished.judgement.decided:  # else nobody knows who was right
        agreed = {member.verifier: member.agreed for member in finished.judgement.members if member.public_key}
        jobs.observe(job, finished.analysis.scene_class, agreed, now_utc)
    log = OutcomeLog(store / OUTCOMES_FILE)
    outcome = finished.outcome()
    if outcome is not None and outcome not in log.read():
        log.append(outcome)


def standings(observations: Iterable[Observation], scene_class: str) -> tuple[Standing, ...]:
    """What a registry knows of every verifier that was ever observed, for a scene of that class. Oldest first."""
    from nightproof.trust.reputation import Standing, specialised

    overall: dict[str, Standing] = {}
    within: dict[str, Standing] = {}
    for seen in observations:
        known = overall.get(seen.verifier, Standing(verifier=seen.verifier))
        overall[seen.verifier] = known.after(agreed=seen.agreed)
        if seen.scene_class == scene_class:
            known = within.get(seen.verifier, Standing(verifier=seen.verifier))
            within[seen.verifier] = known.after(agreed=seen.agreed)
    return tuple(specialised(standing, within.get(name)) for name, standing in sorted(overall.items()))
