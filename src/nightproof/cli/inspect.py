"""nightproof inspect: what matters about a scene, and which pipeline it would take."""

from __future__ import annotations

from nightproof.cli.ending import say_json
from nightproof.cli.options import (
    EnvironmentName,
    Json,
    PipelineName,
    SceneChoice,
    SceneFile,
    StoreFolder,
    Threads,
    store_folder,
    thread_count,
)


def inspect(
    scene: SceneFile,
    pipeline: PipelineName = "auto",
    environment: EnvironmentName = "auto",
    choice: SceneChoice = None,
    store: StoreFolder = None,
    threads: Threads = 0,
    as_json: Json = False,
) -> None:
    """Show features, scores, hints, and the route with a reason per alternative. Nothing is made.

    Example: nightproof inspect room.glb
    """
    from nightproof.jobs.opening import open_scene
    from nightproof.jobs.routing import choose_route

    opened = open_scene(scene, environment=environment, threads=thread_count(threads), scene=choice)
    route = choose_route(opened.source.record, opened.analysis, store_folder(store), pipeline)
    if as_json:
        say_json(
            {
                "scene": opened.source.record.to_json(),
                "analysis": opened.analysis.to_json(),
                "route": route.to_json(),
            }
        )
        return
    from rich.console import Console

    from nightproof.optimizer.inspection import render_inspection

    render_inspection(Console(), opened.source.record, opened.analysis, route)
