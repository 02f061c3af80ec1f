"""The line: Scene → Analysis → Route → Plan → Asset → Audit → Judgement → Certification → files.

Every record is in the store before the next step starts. A job that was killed is taken up by running it again: steps
that are committed are found, the rest is done; scratch folders and caches save most of the step that was cut short.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from nightproof.jobs.asking import Wishes
from nightproof.jobs.auditing import audit_scene
from nightproof.jobs.blobs import require_writable, storage_errors, sweep
from nightproof.jobs.clock import Stopwatch, now_utc, stamp
from nightproof.jobs.judging import Bench, certify, gather_testimony, judge_asset, task_for
from nightproof.jobs.learning import Finished, learn, standings
from nightproof.jobs.making import LODS, make_asset
from nightproof.jobs.opening import analyse, lit, open_visible
from nightproof.jobs.outcome import JobOutcome
from nightproof.jobs.planning import making_share, plan_work
from nightproof.jobs.publishing import outcome_of, publish
from nightproof.jobs.reporting import make_page
from nightproof.jobs.routing import choose_route
from nightproof.jobs.steps import Steps
from nightproof.jobs.store import JobStore
from nightproof.jobs.targets import aimed
from nightproof.pipelines.pipeline import Progress, Source, silent
from nightproof.records.analysis import Analysis
from nightproof.records.audit import Audit, Certification, Page
from nightproof.records.evidence import Testimony
from nightproof.records.judgement import Judgement
from nightproof.records.plan import Plan
from nightproof.records.route import Route
from nightproof.records.scene import Scene

JOB_DIGITS = 16
AUDITED, JUDGED = 0.1, 0.95
"""How far the whole job is when these steps are done; between them making and verifying share by their estimates."""


@dataclass(frozen=True)
class Share:
    """Which part of the whole progress a step takes."""

    progress: Progress
    begin: float
    end: float

    def __call__(self, fraction: float, message: str) -> None:
        self.progress(self.begin + (self.end - self.begin) * min(max(fraction, 0.0), 1.0), message)


def run_job(
    path: Path,
    out: Path,
    wishes: Wishes,
    *,
    store: Path,
    threads: int,
    again: bool = False,
    progress: Progress = silent,
) -> JobOutcome:
    """Do the job, or what is left of it, and put its files into `out`.

    Raises:
        UnusableInput: the scene cannot be read.
        TooLargeStill: nothing that packing makes is as small as was asked; there is no asset then.
        AuditDisagreement: the independent renderer sees another picture.
        StorageFailed: the disk is full or a folder is not writable; finished steps are kept.
    """
    watch = Stopwatch()
    progress(0.0, "reading")
    source = open_visible(path, wishes.scene)
    require_writable(out)
    request = wishes.request(source.record.source_sha256)
    job = request.digest[:JOB_DIGITS]
    jobs = JobStore.open(store)
    try:
        if again:
            jobs.forget(job)
        jobs.create_job(job, request.canonical_bytes().decode(), stamp(now_utc()))
        steps, bench = Steps(jobs, job), Bench(store, job, threads)
        jobs.blobs.sweep()
        bench.sweep()
        sweep(out)
        blobs, scratch = jobs.blobs, store / "scratch" / job
        if again:
            shutil.rmtree(scratch, ignore_errors=True)

        once = steps.once
        scene = once("load", Scene, lambda: source.record)
        progress(0.01, "analysing")
        analysis = once("analyse", Analysis, lambda: analyse(source, environment=wishes.environment, threads=threads))
        source = lit(source, wishes.environment, analysis)
        route = once("route", Route, lambda: _route(scene, analysis, store, wishes))
        plan = once("plan", Plan, lambda: plan_work(route, wishes, now_utc(), threads))
        progress(0.03, "auditing the renderer")
        audit = once(
            "audit", Audit, lambda: audit_scene(source, policy=wishes.policy, seed=wishes.seed, threads=threads)
        )
        made = AUDITED + (JUDGED - AUDITED) * making_share(route, wishes.policy)
        route, asset = make_asset(
            steps,
            source,
            route,
            environment=analysis.environment,
            seed=wishes.seed,
            scratch=scratch,
            threads=threads,
            progress=Share(progress, AUDITED, made),
        )
        task = task_for(scene, analysis, audit, asset, wishes, job, shown=_shown(source, wishes))

        def judged() -> Judgement:
            if again:
                bench.forget(task)
            known = standings(jobs.observations(), analysis.scene_class)
            return judge_asset(task, path, blobs, wishes, bench, known, Share(progress, made, JUDGED))

        judgement = once("judge", Judgement, judged)
        testimony = once("testimony", Testimony, lambda: gather_testimony(judgement, task, bench))
        certification = once(
            "certify",
            Certification,
            lambda: certify(
                judgement, task, route=route, plan=plan, audit=audit, asset=asset, blobs=blobs, bench=bench
            ),
        )
        learn(jobs, store, job, stamp(now_utc()), Finished(scene, analysis, route, asset, judgement))
        progress(0.96, "writing the report")
        outcome = outcome_of(
            job, scene, analysis, route, plan, audit, asset, judgement, certification, wishes, watch, threads
        )
        page = once(
            "report",
            Page,
            lambda: make_page(
                outcome, audit, judgement, testimony, certification, task, path, wishes, blobs=blobs, bench=bench
            ),
        )
        published = publish(steps, outcome, page, out)
        with storage_errors(scratch):
            shutil.rmtree(scratch, ignore_errors=True)
        progress(1.0, "done")
        return published
    finally:
        jobs.close()


def _shown(source: Source, wishes: Wishes) -> int | None:
    """The number of the scene that was asked for."""
    from nightproof.scenes.selection import shown_scene

    return None if wishes.scene is None else shown_scene(source.document)


def _route(scene: Scene, analysis: Analysis, store: Path, wishes: Wishes) -> Route:
    from nightproof.pipelines.packing.pipeline import recoded_texels
    from nightproof.trust.policy import named_policy

    route = choose_route(scene, analysis, store, wishes.pipeline)
    route = aimed(route, wishes, recoded_texels(scene, analysis))
    # A bake aims at the pictures that verifiers will take.
    side_px = named_policy(wishes.policy).image_px
    asked: dict[str, float | str] = {"outputs": wishes.outputs, "policy": wishes.policy}
    asked |= {"view_width_px": side_px, "view_height_px": side_px}
    if wishes.lods:
        asked[LODS] = float(wishes.lods)
    return replace(route, parameters={**route.parameters, **asked})
