"""Run the chosen pipeline and keep its files; where it gives up on the way, route again and pack."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from nightproof.jobs.blobs import storage_errors
from nightproof.jobs.clock import Stopwatch
from nightproof.jobs.steps import Steps
from nightproof.pipelines.pipeline import Made, PipelineGaveUp, Progress, Source, known_pipelines
from nightproof.records.asset import Asset, AssetFile
from nightproof.records.route import Route
from nightproof.scenes.selection import scenes_note

SAFE_PIPELINE = "packing"
OUTPUTS, LODS = "outputs", "lods"
EXPOSURE_VIEWS = 8
EXPOSURE_SIDE_PX = 64
EXPOSURE_SAMPLES = 16


def make_asset(
    steps: Steps,
    source: Source,
    route: Route,
    *,
    environment: str,
    seed: int,
    scratch: Path,
    threads: int,
    progress: Progress,
) -> tuple[Route, Asset]:
    """The asset and the route it really took: the given one, or a second one where its pipeline gave up."""
    if rerouted := steps.find("reroute", Route):
        route = rerouted
    try:
        asset = steps.once(
            "make", Asset, lambda: _made(steps, source, route, environment, seed, scratch, threads, progress)
        )
    except PipelineGaveUp as reason:
        if route.pipeline == SAFE_PIPELINE:
            raise
        again = _packed_instead(route, str(reason))
        route = steps.once("reroute", Route, lambda: again)
        asset = steps.once(
            "make", Asset, lambda: _made(steps, source, route, environment, seed, scratch, threads, progress)
        )
    return route, asset


def _packed_instead(route: Route, reason: str) -> Route:
    kept = {name: value for name, value in route.parameters.items() if name in (OUTPUTS, LODS)}
    return replace(
        route, pipeline=SAFE_PIPELINE, fallback_reason=f"{route.pipeline} gave up: {reason}", parameters=kept
    )


def _unserved(route: Route) -> tuple[str, ...]:
    asked, levels = str(route.parameters.get(OUTPUTS, "A")), int(route.parameters.get(LODS, 0))
    if route.pipeline != SAFE_PIPELINE and levels:
        return (
            f"{levels} levels of detail were asked for; only packing has them, and this asset is a {route.pipeline}",
        )
    if route.pipeline == "baking" or asked == "A":
        return ()
    return (f"outputs {asked} were asked for; only bakes have them, and this asset was made by {route.pipeline}",)


def _made(
    steps: Steps,
    source: Source,
    route: Route,
    environment: str,
    seed: int,
    scratch: Path,
    threads: int,
    progress: Progress,
) -> Asset:
    pipeline = known_pipelines()[route.pipeline]
    watch = Stopwatch()
    folder = scratch / route.pipeline
    with storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        made = pipeline.make(source, route, seed=seed, scratch=folder, threads=threads, progress=progress)
        files = tuple(_kept(steps, name, path) for name, path in made.files.items())
    exposure = made.exposure if made.shading == "unlit" else exposure_of(source, seed, threads)
    return Asset(
        route=route.digest,
        files=files,
        pipeline=pipeline.name,
        pipeline_version=pipeline.version,
        seed=seed,
        shading=made.shading,
        exposure=exposure,
        environment=environment,
        notes=(*made.notes, *_unserved(route), *filter(None, [scenes_note(source.document)])),
        work=_work(made, watch),
    )


def _kept(steps: Steps, name: str, path: Path) -> AssetFile:
    data = path.read_bytes()
    return AssetFile(name=name, sha256=steps.store.blobs.put(data), size_bytes=len(data))


def _work(made: Made, watch: Stopwatch) -> dict[str, float]:
    return {**{name: float(value) for name, value in made.work.items()}, **watch.work()}


def exposure_of(source: Source, seed: int, threads: int) -> float:
    """One exposure for a lit scene, from a few small pictures of random views."""
    from nightproof.kernels.rays import RayCaster
    from nightproof.rendering.display import auto_exposure
    from nightproof.rendering.tracer import Tracer
    from nightproof.scenes.views import ViewSampler

    flat = source.flat
    rays = RayCaster(flat.positions, flat.triangles, threads)
    sampler = ViewSampler(flat, rays, EXPOSURE_SIDE_PX, EXPOSURE_SIDE_PX)
    tracer = Tracer(flat, threads)
    views = (sampler.view(seed, index) for index in range(EXPOSURE_VIEWS))
    return auto_exposure([tracer.render(view, samples=EXPOSURE_SAMPLES, seed=seed).color for view in views])
