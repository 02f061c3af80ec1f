"""Let a committee measure the asset, and have what it stands behind signed."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nightproof import __version__
from nightproof.jobs.asking import Wishes, environment_file
from nightproof.jobs.auditing import audit_sentence
from nightproof.jobs.blobs import NUMBERED, BlobStore, sweep
from nightproof.pipelines.pipeline import Progress
from nightproof.records.analysis import Analysis
from nightproof.records.asset import Asset
from nightproof.records.audit import Audit, Certification
from nightproof.records.evidence import Testimony
from nightproof.records.judgement import Judgement
from nightproof.records.plan import Plan
from nightproof.records.route import Route
from nightproof.records.scene import Scene

if TYPE_CHECKING:
    from nightproof.trust.policy import Policy
    from nightproof.trust.reputation import Standing
    from nightproof.trust.task import Task


@dataclass(frozen=True)
class Bench:
    """Where a committee on this machine works."""

    store: Path
    job: str
    threads: int

    @property
    def verifiers(self) -> Path:
        """Keys outlive jobs: a verifier is somebody."""
        return self.store / "verifiers"

    @property
    def references(self) -> Path:
        return self.store / "references"

    def forget(self, task: Task) -> None:
        """Drop what verifiers measured for it, so that they measure anew. References stay: they are anybody's."""
        for report in self.verifiers.glob(f"*/reports/{task.digest}.json"):
            report.unlink(missing_ok=True)

    def sweep(self) -> None:
        """Remove what verifiers left that were killed: drafts, and scratch by process number."""
        for folder in (self.references, *self.verifiers.glob("*"), *self.verifiers.glob("*/reports")):
            sweep(folder, NUMBERED)


def task_for(
    scene: Scene, analysis: Analysis, audit: Audit, asset: Asset, wishes: Wishes, job: str, *, shown: int | None = None
) -> Task:
    from nightproof.trust.policy import named_policy
    from nightproof.trust.task import Task

    return Task(
        source_sha256=scene.source_sha256,
        asset_sha256=asset.main.sha256,
        policy=named_policy(wishes.policy),
        complexity=analysis.scores.complexity,
        exposure=asset.exposure,
        environment=analysis.environment,
        shading=asset.shading,
        renderer=audit.references,
        nonce=job,
        scene=shown,
    )


def judge_asset(
    task: Task,
    source: Path,
    blobs: BlobStore,
    wishes: Wishes,
    bench: Bench,
    standings: Sequence[Standing],
    progress: Progress,
) -> Judgement:
    """The committee's judgement. Called again after a kill, finished measurements are found."""
    from nightproof.trust.committee import Files, run_committee

    files = Files(
        source=source,
        asset=blobs.path_of(task.asset_sha256),
        cache=bench.references,
        environment_file=environment_file(wishes.environment),
    )
    return run_committee(
        task, files, folder=bench.verifiers, threads=bench.threads, standings=standings, progress=progress
    )


def gather_testimony(judgement: Judgement, task: Task, bench: Bench) -> Testimony:
    """What every verifier measured in every view; the certificate names it by digest."""
    from nightproof.trust.testimony import gather

    return gather(judgement, task, bench.verifiers)


def certify(
    judgement: Judgement,
    task: Task,
    *,
    route: Route,
    plan: Plan,
    audit: Audit,
    asset: Asset,
    blobs: BlobStore,
    bench: Bench,
) -> Certification:
    """The certificate, of success or of failure. Raises `NotCertifiable` where nobody stands behind a verdict."""
    from nightproof.trust.certifying import make_certificate

    data = make_certificate(
        judgement,
        task,
        asset.files,
        folder=bench.verifiers,
        audit=audit_sentence(audit),
        route=route_sentence(route),
        plan=plan.digest,
        cost={"planned_usd": plan.cost_usd, "baseline_usd": plan.baseline.cost_usd, "carbon_kg": plan.carbon_kg},
        notes=(*asset.notes, *caveats(audit, judgement, task.policy)),
        versions=versions(),
    )
    return Certification(
        judgement=judgement.digest,
        certificate_sha256=blobs.put(data),
        certified=judgement.verdict.outcome == "holds",
    )


def caveats(audit: Audit, judgement: Judgement, policy: Policy) -> tuple[str, ...]:
    """What the verdict says nothing or little about: unseen materials, views that could not be told (rule S3)."""
    if judgement.reference_self_ssim >= policy.reference_self_ssim:
        return audit.unseen
    return (
        *audit.unseen,
        f"in some view two renderings of the source agree to SSIM {judgement.reference_self_ssim:.4f} only, where "
        f"{policy.reference_self_ssim} is asked, whatever time they get: how good the asset is there cannot be told, "
        "and such views count as the worst there is",
    )


def route_sentence(route: Route) -> str:
    if not route.fallback_reason:
        return f"{route.pipeline}, by {route.decided_by}"
    return f"{route.pipeline} instead of {route.wanted}: {route.fallback_reason}"


def versions() -> Mapping[str, str]:
    """The software whose bugs could matter to what was measured."""
    from importlib.metadata import PackageNotFoundError, version

    found = {"nightproof": __version__, "python": platform.python_version()}
    for package in ("embreex", "pyoidn", "mitsuba", "flip-evaluator", "numpy", "imageio-ffmpeg"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
