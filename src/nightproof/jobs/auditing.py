"""Have Mitsuba look at a few random views of the scene before anything is measured against our tracer.

Both render what both know. Clearcoat, sheen and anisotropy on opaque surfaces are our tracer's own, and left out of
the comparison. Where a scene has materials that only Mitsuba knows (those layers on glass), Mitsuba renders all views
that are judged as well, of source and asset alike: else a packer could ruin a coat unseen. What neither knows is named,
and the certificate says that the verdict is silent about it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from nightproof.pipelines.pipeline import Source
from nightproof.records.audit import Audit

VIEWS = {"draft": 2, "standard": 3, "strict": 6}
SIDE_PX = 96
SEED_OFFSET = 0xA0D17
"""The audit's views are its own: neither the bake's nor the committee's."""
LARGEST_TRIANGLES = 2_000_000
SCALAR_SIDE_PX = 48
"""Without LLVM a normal map costs Mitsuba a call into Python per sample: smaller pictures must do."""


def audit_scene(source: Source, *, policy: str, seed: int, threads: int) -> Audit:
    """Compare. Raises `AuditDisagreement`; a missing or failing Mitsuba is said in the record."""
    from nightproof.errors import NotOnThisMachine
    from nightproof.kernels.rays import RayCaster
    from nightproof.optimizer.analyzer import layers_in_use, unknown_materials
    from nightproof.rendering.auditor import AuditSettings, audit, probe, require_agreement
    from nightproof.rendering.auditor_process import AuditorFailed, Limits
    from nightproof.scenes.views import ViewSampler

    flat = source.flat
    unknown = unknown_materials(flat)
    if len(flat.triangles) > LARGEST_TRIANGLES:
        return _not_run(source, seed, f"more than {LARGEST_TRIANGLES:,} triangles")
    sampler = ViewSampler(flat, RayCaster(flat.positions, flat.triangles, threads), SIDE_PX, SIDE_PX)
    cameras = [sampler.view(seed + SEED_OFFSET, index) for index in range(VIEWS[policy])]
    try:
        probed = probe()
        slow = probed.variant == "scalar_rgb" and any(material.normal_texture for material in flat.materials)
        settings = AuditSettings(pixels=(SCALAR_SIDE_PX if slow else SIDE_PX) ** 2)
        limits = Limits(threads=threads)
        report = require_agreement(audit(flat, cameras, seed=seed, settings=settings, limits=limits, probed=probed))
    except (NotOnThisMachine, AuditorFailed) as error:
        return _not_run(source, seed, str(error))
    references = references_by(unknown)
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
        references=references,
        unseen=unseen_sentences(unknown, references, layers_in_use(flat)),
    )


def references_by(unknown: Sequence[str]) -> Literal["native", "mitsuba"]:
    """Who renders the judged views of a scene with these unknown materials, where Mitsuba runs."""
    from nightproof.scenes.materials import MITSUBA_KNOWS

    return "mitsuba" if MITSUBA_KNOWS.intersection(unknown) else "native"


def unseen_sentences(unknown: Sequence[str], references: str, layers: Sequence[str] = ()) -> tuple[str, ...]:
    """What a reader of the certificate should know about them, and about layers that one renderer alone has seen.

    `unknown` is what our tracer does not show, `layers` what it shows by lobes of its own.
    """
    from nightproof.scenes.materials import MITSUBA_KNOWS

    if references == "mitsuba":  # which shows none of our lobes, and some of the rest
        unknown, layers = tuple(sorted({*unknown, *layers})), ()
    known = [name for name in unknown if references == "mitsuba" and name in MITSUBA_KNOWS]
    rest = [name for name in unknown if name not in known]
    sentences = []
    if layers:
        sentences.append(
            f"{', '.join(layers)}: shown in the judged views of source and asset by our own lobes, which no second "
            "renderer has checked"
        )
    if known:
        sentences.append(
            f"{', '.join(known)}: not all known to our tracer, so Mitsuba rendered every judged view of source and "
            "asset, by lobes close to glTF's and without a second renderer to check them"
        )
    if rest:
        sentences.append(
            f"{', '.join(rest)}: approximated or left out in the judged views of source and asset alike; the verdict "
            "does not speak of it"
        )
    return tuple(sentences)


def _not_run(source: Source, seed: int, reason: str) -> Audit:
    from nightproof.optimizer.analyzer import layers_in_use, unknown_materials

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
        references="native",
        unseen=unseen_sentences(unknown_materials(source.flat), "native", layers_in_use(source.flat)),
    )
    return replace(blank, reason=reason)


def audit_sentence(audit: Audit) -> str:
    """The audit in one sentence, for the certificate."""
    if audit.verdict == "not_run":
        return f"not audited: {audit.reason}"
    found = f"{audit.auditor} on {audit.views} random views: mean {audit.mean_difference:+.2%} ± {audit.mean_error:.2%}"
    return f"{found}, {audit.verdict}" + (f" ({audit.reason})" if audit.reason else "")
