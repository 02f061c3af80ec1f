"""nightproof inspect: what matters about a scene, and which pipeline it would take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

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
    html: Annotated[
        Path | None,
        typer.Option("--html", metavar="FILE", help="Write the inspection as one HTML page, with a picture."),
    ] = None,
    store: StoreFolder = None,
    threads: Threads = 0,
    as_json: Json = False,
) -> None:
    """Show features, scores, hints, and the route with predictions and reasons. Nothing is made.

    Example: nightproof inspect room.glb --html room.html
    """
    from nightproof.jobs.inspecting import inspect_scene, write_page

    found = inspect_scene(
        scene,
        environment=environment,
        threads=thread_count(threads),
        store=store_folder(store),
        pipeline=pipeline,
        scene=choice,
    )
    if html is not None:
        write_page(found, html)
    if as_json:
        say_json(found.to_json() | ({"page": str(html)} if html is not None else {}))
        return
    from rich.console import Console
    from rich.text import Text

    from nightproof.optimizer.inspection import render_inspection

    console = Console()
    render_inspection(console, found.source.record, found.examination.analysis, found.route, threads=found.threads)
    if html is not None:
        console.print(Text.assemble(("  page  ", "dim"), str(html)), soft_wrap=True)
