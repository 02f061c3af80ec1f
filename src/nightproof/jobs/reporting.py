"""Gather what the report shows: a few of the views that were judged, metrics, sizes, costs; and render the page."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from nightproof.jobs.asking import Wishes
from nightproof.jobs.blobs import BlobStore
from nightproof.jobs.clock import now_utc
from nightproof.jobs.judging import OUR_ENVIRONMENTS, Bench, versions
from nightproof.jobs.outcome import JobOutcome
from nightproof.jobs.planning import days_ahead
from nightproof.pipelines.pipeline import Progress, silent
from nightproof.records.audit import Audit, Certification, Page
from nightproof.records.judgement import Aggregate, Judgement

if TYPE_CHECKING:
    from nightproof.report.facts import AuditFacts, Member, MetricFacts, SizePart, ViewImages
    from nightproof.trust.task import Task
    from nightproof.trust.views import RenderedPairs

VIEWS_SHOWN = 5
METRIC_TITLES = {"ssim": "SSIM", "psnr": "PSNR", "flip": "FLIP", "vmaf": "VMAF", "lpips": "LPIPS"}


def make_page(
    outcome: JobOutcome,
    audit: Audit,
    judgement: Judgement,
    certification: Certification,
    task: Task,
    source: Path,
    wishes: Wishes,
    *,
    blobs: BlobStore,
    bench: Bench,
) -> Page:
    """Render report.html and keep it."""
    from nightproof.report.facts import ReportInput
    from nightproof.report.page import render_report

    asset = outcome.asset
    own = Path(wishes.environment) if wishes.environment not in ("auto", *OUR_ENVIRONMENTS) else None
    views = judged_views(task, source, blobs.path_of(asset.main.sha256), own, judgement.view_seed, bench)
    facts = ReportInput(
        scene=outcome.scene,
        analysis=outcome.analysis,
        route=outcome.route,
        asset=asset,
        outcome=judgement.verdict.outcome,
        certified=certification.certified,
        policy=judgement.policy_name,
        views=views,
        metrics=tuple(metric_facts(row, views) for row in judgement.aggregates),
        sizes=size_parts(source, blobs.path_of(asset.main.sha256)),
        plan=outcome.plan,
        ahead=days_ahead(outcome.route, wishes, now_utc(), outcome.cpu_seconds, bench.threads),
        audit=audit_facts(audit),
        committee=tuple(_member(member, judgement) for member in judgement.members),
        agreement=judgement.agreement,
        shared=_shared(judgement),
        certificate_sha256=certification.certificate_sha256,
        worst_tile_ssim=next((row.mean for row in judgement.aggregates if row.metric == "worst_tile"), None),
        reference_self_ssim=judgement.reference_self_ssim,
        notices=_notices(judgement),
        cpu_seconds=outcome.cpu_seconds,
        software=versions(),
        chain=_chain(outcome, audit, judgement, certification),
    )
    data = render_report(facts).encode()
    return Page(certification=certification.digest, sha256=blobs.put(data), size_bytes=len(data))


def judged_views(
    task: Task, source: Path, asset: Path, environment: Path | None, seed: int, bench: Bench
) -> tuple[ViewImages, ...]:
    """The first views of the committee's sequence; their references are in the cache already."""
    from nightproof.trust.views import RenderedPairs

    pairs = RenderedPairs(
        source, asset, task, seed, cache=bench.references, environment_file=environment, threads=bench.threads
    )
    return views_of(pairs, VIEWS_SHOWN)


def views_of(pairs: RenderedPairs, count: int, progress: Progress = silent) -> tuple[ViewImages, ...]:
    """Pictures and per-view metrics of views 0 to `count`."""
    from nightproof.report.facts import ViewImages
    from nightproof.trust.metrics import METRICS, ImagePair
    from nightproof.trust.metrics.flip import flip_error

    metrics = {name: metric for name, metric in METRICS.items() if metric.per == "view" and not metric.unavailable()}
    shown = []
    for index in range(count):
        progress(index / count, f"view {index + 1} of {count}")
        reference, asset = pairs.pair(index)
        both = ImagePair(reference, asset)
        shown.append(
            ViewImages(
                name=f"View {index + 1}",
                reference=reference,
                asset=asset,
                flip=flip_error(reference, asset),
                metrics={name: float(metric.measure(both)) for name, metric in metrics.items()},
            )
        )
    return tuple(shown)


def metric_facts(row: Aggregate, views: tuple[ViewImages, ...]) -> MetricFacts:
    from nightproof.report.facts import MetricFacts
    from nightproof.trust.metrics import METRICS

    known = METRICS.get(row.metric)
    return MetricFacts(
        name=row.metric,
        values=tuple(view.metrics[row.metric] for view in views if row.metric in view.metrics),
        threshold=row.threshold,
        higher_is_better=known.higher_is_better if known else True,
        outcome=row.outcome,
        mean=row.mean,
        bound=row.bound,
        note=row.note,
    )


def size_parts(source: Path, asset: Path) -> tuple[SizePart, ...]:
    """Bytes of images and of everything else, before and after."""
    from nightproof.report.facts import SizePart

    before, after = _bytes_by_use(source), _bytes_by_use(asset)
    return tuple(SizePart(name, before[name], after[name]) for name in before)


def _bytes_by_use(path: Path) -> Mapping[str, int]:
    from nightproof.scenes.gltf import load_gltf

    document = load_gltf(path)
    images = sum(len(document.image(index)[0]) for index in range(len(document.json.get("images", []))))
    return {"textures": images, "geometry and the rest": max(document.source_bytes - images, 0)}


def audit_facts(audit: Audit) -> AuditFacts | None:
    from nightproof.report.facts import AuditFacts

    if audit.verdict == "not_run":
        return None
    return AuditFacts(
        auditor=audit.auditor,
        views=audit.views,
        all_views=False,
        mean_difference=audit.mean_difference,
        ssim=audit.least_ssim,
        tolerance=f"{audit.tolerance.get('mean', 0):.1%} of the mean, beyond noise",
        passed=audit.verdict == "agrees",
    )


def _member(member: object, judgement: Judgement) -> Member:
    from nightproof.records.judgement import Member as Judged
    from nightproof.report.facts import Member

    assert isinstance(member, Judged)
    return Member(
        key_id=member.verifier,
        weight=member.weight,
        vote=judgement.verdict.outcome if member.agreed else "",
        flags=member.flags,
        views=max((row.views for row in judgement.aggregates), default=0),
    )


def _shared(judgement: Judgement) -> str:
    where = "All verifiers ran on one machine, each in a process of its own with a key of its own."
    return f"{where} They shared cached reference images." if judgement.shared_references else where


def _notices(judgement: Judgement) -> tuple[str, ...]:
    """What was asked for and not measured; fallbacks and the asset's own notes stand in the page anyway."""
    missing = (row for row in judgement.aggregates if row.threshold is not None and row.note)
    return tuple(f"{METRIC_TITLES.get(row.metric, row.metric)}: {row.note}" for row in missing)


def _chain(
    outcome: JobOutcome, audit: Audit, judgement: Judgement, certification: Certification
) -> tuple[tuple[str, str], ...]:
    records = (
        outcome.scene,
        outcome.analysis,
        outcome.route,
        outcome.plan,
        audit,
        outcome.asset,
        judgement.verdict,
        judgement,
        certification,
    )
    return tuple((record.kind, record.digest) for record in records)
