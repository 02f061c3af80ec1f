"""Have Mitsuba look at a few random views of the scene before anything is measured against our tracer."""

from __future__ import annotations

from dataclasses import replace

from nightproof.pipelines.pipeline import Source
from nightproof.records.audit import Audit

VIEWS = {"draft": 2, "standard": 3, "strict": 6}
SIDE_PX = 96
SEED_OFFSET = 0xA0D17
"""The audit's views are its own: neither the bake's nor the committee's."""
LARGEST_TRIANGLES = 2_000_000


def audit_scene(source: Source, *, policy: str, seed: int, threads: int) -> Audit:
    """Compare. Raises `AuditDisagreement`; a missing or failing Mitsuba is said in the record."""
    from nightproof.errors import NotOnThisMachine
    from nightproof.kernels.rays import RayCaster
    from nightproof.rendering.auditor import audit, probe, require_agreement
    from nightproof.rendering.auditor_process import AuditorFailed
    from nightproof.scenes.views import ViewSampler

    flat = source.flat
    if len(flat.triangles) > LARGEST_TRIANGLES:
        return _not_run(source, seed, f"more than {LARGEST_TRIANGLES:,} triangles")
    sampler = ViewSampler(flat, RayCaster(flat.positions, flat.triangles, threads), SIDE_PX, SIDE_PX)
    cameras = [sampler.view(seed + SEED_OFFSET, index) for index in range(VIEWS[policy])]
    try:
        report = require_agreement(audit(flat, cameras, seed=seed, probed=probe()))
    except (NotOnThisMachine, AuditorFailed) as error:
        return _not_run(source, seed, str(error))
    return Audit(
        scene=source.record.digest,
        verdict="agrees" if report.verdict == "agrees" else "undecided",
        reason="; ".join(report.reasons),
        auditor=f"Mitsuba {report.versions.get('mitsuba', '')} {report.variant}".replace("  ", " "),
        views=len(report.views),
        samples=report.samples,
        seed=seed,
        mean_difference=report.mean_difference,
        mean_error=report.mean_error,
        least_ssim=min((view.ssim for view in report.views), default=1.0),
        tolerance=dict(report.tolerance),
        notes=report.notes,
    )


def _not_run(source: Source, seed: int, reason: str) -> Audit:
    blank = Audit(
        scene=source.record.digest,
        verdict="not_run",
        reason="",
        auditor="",
        views=0,
        samples=0,
        seed=seed,
        mean_difference=0.0,
        mean_error=0.0,
        least_ssim=1.0,
        tolerance={},
        notes=(),
    )
    return replace(blank, reason=reason)


def audit_sentence(audit: Audit) -> str:
    """The audit in one sentence, for the certificate."""
    if audit.verdict == "not_run":
        return f"not audited: {audit.reason}"
    found = f"{audit.auditor} on {audit.views} random views: mean {audit.mean_difference:+.2%} ± {audit.mean_error:.2%}"
    return f"{found}, {audit.verdict}" + (f" ({audit.reason})" if audit.reason else "")
