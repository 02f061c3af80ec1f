"""Gather what the report shows: a few of the views that were judged, metrics, sizes, costs; and render the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nightproof.jobs.asking import Wishes, environment_file
from nightproof.jobs.blobs import BlobStore
from nightproof.jobs.clock import instant
from nightproof.jobs.judging import Bench, versions
from nightproof.jobs.outcome import JobOutcome
from nightproof.jobs.planning import days_ahead, home_zone
from nightproof.pipelines.pipeline import Progress, silent
from nightproof.records.audit import Audit, Certification, Page
from nightproof.records.evidence import Evidence, Testimony
from nightproof.records.judgement import Aggregate, Judgement
from nightproof.records.judgement import Member as Judged
from nightproof.records.verdict import Outcome

if TYPE_CHECKING:
    from nightproof.report.facts import AuditFacts, Betting, Member, MetricFacts, ReportInput, SizePart, ViewImages
    from nightproof.trust.policy import Claim
    from nightproof.trust.task import Task
    from nightproof.trust.views import RenderedPairs

WORST_SHOWN = 3
"""Views with the largest errors; besides them the middle and the best one are shown."""
ORDINALS = ("the worst", "second worst", "third worst")
COUNTS = {"view": "view", "segment": "path segment"}


def make_page(
    outcome: JobOutcome,
    audit: Audit,
    judgement: Judgement,
    testimony: Testimony,
    certification: Certification,
    task: Task,
    source: Path,
    wishes: Wishes,
    *,
    blobs: BlobStore,
    bench: Bench,
) -> Page:
    """Render report.html and keep it."""
    from nightproof.report.page import render_report

    facts = report_facts(
        outcome, audit, judgement, testimony, certification, task, source, wishes, blobs=blobs, bench=bench
    )
    data = render_report(facts).encode()
    return Page(certification=certification.digest, sha256=blobs.put(data), size_bytes=len(data))


def report_facts(
    outcome: JobOutcome,
    audit: Audit,
    judgement: Judgement,
    testimony: Testimony,
    certification: Certification,
    task: Task,
    source: Path,
    wishes: Wishes,
    *,
    blobs: BlobStore,
    bench: Bench,
) -> ReportInput:
    """All that the page shows. Its clock is the plan's: the page says the same whenever it is rendered."""
    from nightproof.report.facts import ReportInput
    from nightproof.trust.testimony import spokesman

    asset, plan = outcome.asset, outcome.hindsight
    own = environment_file(wishes.environment)
    evidence = spokesman(testimony, judgement)
    shown = views_to_show(task, evidence) if evidence else dict.fromkeys(range(WORST_SHOWN), "")
    seed = evidence.view_seed if evidence else judgement.view_seed
    pairs = judged_pairs(task, source, blobs.path_of(asset.main.sha256), own, seed, bench)
    return ReportInput(
        scene=outcome.scene,
        analysis=outcome.analysis,
        route=outcome.route,
        asset=asset,
        outcome=judgement.verdict.outcome,
        certified=certification.certified,
        policy=judgement.policy_name,
        views=views_of(pairs, shown),
        metrics=tuple(metric_facts(row, task, evidence) for row in judgement.aggregates),
        sizes=size_parts(source, blobs.path_of(asset.main.sha256)),
        plan=plan,
        ahead=days_ahead(outcome.route, wishes, instant(plan.made_utc), plan.work_cpu_seconds, bench.threads),
        zone=home_zone(wishes),
        cost_here_usd=outcome.cost_now_usd,
        carbon_here_kg=outcome.carbon_now_kg,
        audit=audit_facts(audit),
        committee=tuple(_member(member, judgement, testimony) for member in judgement.members),
        agreement=judgement.agreement,
        shared=_shared(judgement),
        certificate_sha256=certification.certificate_sha256,
        worst_tile_ssim=next((row.mean for row in judgement.aggregates if row.metric == "worst_tile"), None),
        reference_self_ssim=judgement.reference_self_ssim,
        notices=(*_notices(judgement), *outcome.caveats),
        work_cpu_seconds={
            "making the asset": asset.work.get("cpu_seconds", 0.0),
            **{
                f"measuring, verifier {index + 1}": evidence.work.get("cpu_seconds", 0.0)
                for index, evidence in enumerate(testimony.evidence)
            },
        },
        cpu_seconds=outcome.cpu_seconds,
        software=versions(),
        chain=_chain(outcome, audit, judgement, testimony, certification),
    )


def judged_pairs(
    task: Task, source: Path, asset: Path, environment: Path | None, seed: int, bench: Bench
) -> RenderedPairs:
    """The views of one verifier's sequence; their references are in the cache already."""
    from nightproof.trust.views import RenderedPairs

    return RenderedPairs(
        source, asset, task, seed, cache=bench.references, environment_file=environment, threads=bench.threads
    )


def views_to_show(task: Task, evidence: Evidence) -> Mapping[int, str]:
    """The worst views first, then the middle one and the best, and what each is."""
    from nightproof.trust.testimony import severity

    return worth_showing(severity(task, evidence))


def worth_showing(severities: Sequence[float]) -> Mapping[int, str]:
    """Index → what it is, of the views that tell most, the worst first."""
    ranked = sorted(range(len(severities)), key=lambda index: (-severities[index], index))
    shown = dict(zip(ranked, ORDINALS, strict=False))
    if len(ranked) > WORST_SHOWN + 1:
        shown[ranked[max(len(ranked) // 2, WORST_SHOWN)]] = "a typical one"
    if len(ranked) > WORST_SHOWN:
        shown[ranked[-1]] = "the best"
    return shown


def views_of(pairs: RenderedPairs, shown: Mapping[int, str], progress: Progress = silent) -> tuple[ViewImages, ...]:
    """Pictures and per-view metrics of some views, in the order given."""
    from nightproof.report.facts import ViewImages
    from nightproof.trust.metrics import METRICS, ImagePair
    from nightproof.trust.metrics.flip import flip_error

    metrics = {name: metric for name, metric in METRICS.items() if metric.per == "view" and not metric.unavailable()}
    images = []
    for done, (index, why) in enumerate(shown.items()):
        progress(done / len(shown), f"view {done + 1} of {len(shown)}")
        reference, asset = pairs.pair(index)
        both = ImagePair(reference, asset)
        images.append(
            ViewImages(
                name=f"View {index + 1}",
                reference=reference,
                asset=asset,
                flip=None if METRICS["flip"].unavailable() else flip_error(reference, asset),
                metrics={name: float(metric.measure(both)) for name, metric in metrics.items()},
                index=index,
                why=why,
            )
        )
    return tuple(images)


def metric_facts(row: Aggregate, task: Task, evidence: Evidence | None) -> MetricFacts:
    """One metric with every value that a verifier which stands behind the verdict measured."""
    from nightproof.report.facts import MetricFacts
    from nightproof.trust.metrics import METRICS

    claim = task.policy.claim(row.metric)
    samples = evidence.samples if evidence else ()
    values = next((sample.values for sample in samples if sample.metric == row.metric), ())
    known = METRICS.get(row.metric)
    return MetricFacts(
        name=row.metric,
        values=values,
        threshold=row.threshold,
        higher_is_better=known.higher_is_better if known else True,
        outcome=row.outcome,
        mean=row.mean,
        bound=row.bound,
        error_rate=claim.error_rate if claim else None,
        betting=_betting(claim, values) if claim and values else None,
        counts=COUNTS[known.per] if known else "view",
        note=row.note,
    )


def _betting(claim: Claim, values: tuple[float, ...]) -> Betting:
    from nightproof.report.facts import Betting
    from nightproof.trust.testimony import betting

    holds, fails = betting(claim, values)
    return Betting(holds, fails, 1 / claim.error_rate)


def size_parts(source: Path, asset: Path) -> tuple[SizePart, ...]:
    """Bytes by kind, before and after."""
    from nightproof.report.facts import SizePart
    from nightproof.scenes.byte_shares import bytes_by_kind
    from nightproof.scenes.reading import load_scene

    before, after = bytes_by_kind(load_scene(source)), bytes_by_kind(load_scene(asset))
    return tuple(SizePart(kind, before[kind], after[kind]) for kind in before)


AUDIT_OUTCOMES: Mapping[str, Outcome] = {"agrees": "holds", "undecided": "undecided", "not_run": "not_evaluated"}


def audit_facts(audit: Audit) -> AuditFacts:
    from nightproof.report.facts import AuditFacts

    return AuditFacts(
        outcome=AUDIT_OUTCOMES[audit.verdict],
        reason=audit.reason,
        auditor=audit.auditor,
        views=audit.views,
        mean_difference=audit.mean_difference,
        mean_error=audit.mean_error,
        ssim=audit.least_ssim if audit.views else None,
        tolerance=f"{audit.tolerance.get('mean', 0):.1%} of the mean, beyond noise",
    )


def _member(member: Judged, judgement: Judgement, testimony: Testimony) -> Member:
    from nightproof.report.facts import Member

    measured = next((it for it in testimony.evidence if it.digest == member.evidence), None)
    counts = [len(sample.values) for sample in measured.samples] if measured else []
    return Member(
        key_id=member.verifier,
        weight=member.weight,
        vote=judgement.verdict.outcome if member.agreed else "",
        flags=member.flags,
        views=max(counts, default=0),
    )


def _shared(judgement: Judgement) -> str:
    where = "All verifiers ran on one machine, each in a process of its own with a key of its own."
    return f"{where} They shared cached reference images." if judgement.shared_references else where


def _notices(judgement: Judgement) -> tuple[str, ...]:
    """What was asked for and not measured; fallbacks and the asset's own notes stand in the page anyway."""
    from nightproof.report.words import title

    missing = (row for row in judgement.aggregates if row.threshold is not None and row.note)
    return tuple(f"{title(row.metric)} was not evaluated: {row.note}." for row in missing)


def _chain(
    outcome: JobOutcome, audit: Audit, judgement: Judgement, testimony: Testimony, certification: Certification
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
        testimony,
        certification,
    )
    return tuple((record.kind, record.digest) for record in records)
