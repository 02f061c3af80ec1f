"""Two files side by side: pictures and metrics from random views, without a verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from nightproof.jobs.asking import environment_file
from nightproof.jobs.auditing import references_by
from nightproof.jobs.blobs import require_writable, write_atomically
from nightproof.jobs.judging import Bench, versions
from nightproof.jobs.making import exposure_of
from nightproof.jobs.opening import analyse, lit, open_visible
from nightproof.jobs.reporting import size_parts, views_of
from nightproof.pipelines.pipeline import Progress, silent

if TYPE_CHECKING:
    from nightproof.report.facts import ViewImages


@dataclass(frozen=True)
class Compared:
    """One metric over the views shown; nothing is proven by so few."""

    mean: float
    worst: float
    """Of any single view."""
    asked: float | None
    """What the policy would ask of the mean, for orientation."""
    views: int


@dataclass(frozen=True)
class Comparison:
    """What `nightproof compare` found."""

    metrics: Mapping[str, Compared]
    page: Path
    exposure: float

    def to_json(self) -> dict[str, Any]:
        return {
            "metrics": {name: asdict(result) for name, result in self.metrics.items()},
            "exposure": self.exposure,
            "page": str(self.page),
        }


def compare_files(
    original: Path,
    asset: Path,
    out: Path,
    *,
    views: int,
    policy: str,
    environment: str,
    seed: int,
    store: Path,
    threads: int,
    progress: Progress = silent,
    scene: str | None = None,
) -> Comparison:
    """Render both, measure, and write the page. An unlit asset is shown as viewers show it.

    `scene` chooses among those of the original; the asset shows the one that it names.

    Raises `UnusableInput` where either file cannot be read, `StorageFailed` where the page cannot be written.
    """
    from nightproof.rendering.auditor import probe
    from nightproof.rendering.viewer import carries_light, is_unlit
    from nightproof.report.facts import ComparisonInput, MetricFacts
    from nightproof.report.page import render_comparison
    from nightproof.scenes.selection import shown_scene
    from nightproof.trust.metrics import METRICS
    from nightproof.trust.policy import named_policy
    from nightproof.trust.task import Task
    from nightproof.trust.views import RenderedPairs

    progress(0.0, "reading")
    source, made = open_visible(original, scene), open_visible(asset)
    require_writable(out.parent)
    analysis = analyse(source, environment=environment, threads=threads)
    source = lit(source, environment, analysis)
    unknown = analysis.unknown_materials
    baked = _baked_exposure(made.document.json)
    unlit = is_unlit(made.flat) or (baked is not None and carries_light(made.flat))
    task = Task(
        source_sha256=source.record.source_sha256,
        asset_sha256=made.record.source_sha256,
        policy=named_policy(policy),
        complexity=analysis.scores.complexity,
        exposure=baked or exposure_of(source, seed, threads),
        environment=analysis.environment,
        shading="unlit" if unlit else "lit",
        renderer=references_by(unknown) if unknown and probe().variant else "native",
        nonce=f"compare-{seed}",
        scene=None if scene is None else shown_scene(source.document),
    )
    own = environment_file(environment)
    bench = Bench(store, "compare", threads)
    pairs = RenderedPairs(
        original, asset, task, task.view_seed("all"), cache=bench.references, environment_file=own, threads=threads
    )
    shown = worst_first(views_of(pairs, dict.fromkeys(range(views), ""), progress))
    claims = {claim.metric: claim.threshold for claim in task.policy.claims}
    names = list(shown[0].metrics)
    page = render_comparison(
        ComparisonInput(
            original=original.name,
            asset=asset.name,
            original_bytes=source.record.source_bytes,
            asset_bytes=made.record.source_bytes,
            views=shown,
            policy=policy,
            sizes=size_parts(original, asset),
            metrics=tuple(
                MetricFacts(
                    name=name,
                    values=tuple(view.metrics[name] for view in sorted(shown, key=lambda view: view.index)),
                    threshold=claims.get(name),
                    higher_is_better=METRICS[name].higher_is_better,
                    outcome=None,
                    mean=fmean(view.metrics[name] for view in shown),
                )
                for name in names
            ),
            software=versions(),
        )
    )
    write_atomically(out, page.encode())
    results = {
        name: Compared(
            mean=fmean(view.metrics[name] for view in shown),
            worst=(min if METRICS[name].higher_is_better else max)(view.metrics[name] for view in shown),
            asked=claims.get(name),
            views=len(shown),
        )
        for name in names
    }
    return Comparison(metrics=results, page=out, exposure=task.exposure)


def worst_first(views: Sequence[ViewImages]) -> tuple[ViewImages, ...]:
    """By SSIM, which every view has."""
    return tuple(sorted(views, key=lambda view: view.metrics["ssim"]))


def _baked_exposure(json: Mapping[str, Any]) -> float | None:
    """The exposure that a baked asset says it holds, if it is one of ours."""
    said = json.get("asset", {}).get("extras", {})
    value = said.get("nightproof", {}).get("exposure") if isinstance(said, dict) else None
    return float(value) if isinstance(value, int | float) and 0 < value < 1e12 else None
