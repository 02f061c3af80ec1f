"""Put a finished job's files where the user wants them, each whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from nightproof.jobs.asking import Wishes
from nightproof.jobs.blobs import write_atomically
from nightproof.jobs.clock import Stopwatch, now_utc
from nightproof.jobs.judging import caveats
from nightproof.jobs.outcome import JobOutcome, MetricResult
from nightproof.jobs.planning import cost_of_now, in_hindsight
from nightproof.jobs.steps import Steps
from nightproof.records.analysis import Analysis
from nightproof.records.asset import Asset
from nightproof.records.audit import Audit, Certification, Page
from nightproof.records.judgement import Judgement
from nightproof.records.plan import Plan
from nightproof.records.record import parse_json
from nightproof.records.route import Route
from nightproof.records.scene import Scene
from nightproof.trust.policy import named_policy

CERTIFICATE_FILE, REPORT_FILE, JOB_FILE = "certificate.json", "report.html", "job.json"


def outcome_of(
    job: str,
    scene: Scene,
    analysis: Analysis,
    route: Route,
    plan: Plan,
    audit: Audit,
    asset: Asset,
    judgement: Judgement,
    certification: Certification,
    wishes: Wishes,
    watch: Stopwatch,
    threads: int,
) -> JobOutcome:
    """What the records say, with what the work took: as measured in the steps, whenever they ran."""
    cpu_seconds = asset.work.get("cpu_seconds", 0.0) + judgement.cpu_seconds
    slot = cost_of_now(route, wishes, now_utc(), cpu_seconds, threads)
    return JobOutcome(
        job=job,
        scene=scene,
        analysis=analysis,
        route=route,
        plan=plan,
        hindsight=in_hindsight(plan, route, wishes, cpu_seconds, threads),
        asset=asset,
        verdict=judgement.verdict,
        certified=certification.certified,
        agreement=judgement.agreement,
        metrics={row.metric: _result(row) for row in judgement.aggregates},
        certificate_sha256=certification.certificate_sha256,
        seconds=watch.wall_seconds,
        cpu_seconds=max(cpu_seconds, watch.cpu_seconds),
        cost_now_usd=slot.cost_usd,
        carbon_now_kg=slot.carbon_kg,
        files={},
        caveats=caveats(audit, judgement, named_policy(wishes.policy)),
    )


def _result(row: Any) -> MetricResult:
    return MetricResult(
        mean=row.mean, bound=row.bound, threshold=row.threshold, outcome=row.outcome, views=row.views, note=row.note
    )


def publish(steps: Steps, outcome: JobOutcome, page: Page, out: Path) -> JobOutcome:
    """Write asset, certificate, report and the chain of records below `out`. Raises `StorageFailed`."""
    blobs = steps.store.blobs
    contents = {file.name: blobs.get(file.sha256) for file in outcome.asset.files}
    contents[CERTIFICATE_FILE] = blobs.get(outcome.certificate_sha256)
    contents[REPORT_FILE] = blobs.get(page.sha256)
    published = replace(outcome, files={name: out / name for name in [*contents, JOB_FILE]})
    contents[JOB_FILE] = json.dumps(_job_file(steps, published), indent=2, ensure_ascii=False).encode()
    for name, data in contents.items():
        write_atomically(out / name, data)
    return published


def _job_file(steps: Steps, outcome: JobOutcome) -> Mapping[str, Any]:
    chain = [
        {"step": step, "record": parse_json(steps.store.blobs.get(done.blob)), "committed_utc": done.committed_utc}
        for step, done in steps.store.steps_of(steps.job).items()
    ]
    return {**outcome.to_json(), "chain": chain}
