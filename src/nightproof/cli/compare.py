"""nightproof compare: two files side by side, with metrics and without a certificate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nightproof.cli.ending import say_json
from nightproof.cli.options import (
    EnvironmentName,
    Json,
    PolicyName,
    Quiet,
    SceneChoice,
    SceneFile,
    Seed,
    StoreFolder,
    Threads,
    store_folder,
    thread_count,
)


def compare(
    original: SceneFile,
    asset: Annotated[Path, typer.Argument(help="What was made of it.", show_default=False)],
    out: Annotated[Path, typer.Option("--out", "-o", help="Where the page goes.")] = Path("comparison.html"),
    views: Annotated[int, typer.Option("--views", min=1, max=64, help="How many random views.")] = 6,
    policy: PolicyName = "draft",
    environment: EnvironmentName = "auto",
    choice: SceneChoice = None,
    seed: Seed = 0,
    store: StoreFolder = None,
    threads: Threads = 0,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Show ORIGINAL and ASSET side by side from random views, with metrics. No certificate.

    Example: nightproof compare room.glb room/asset.glb --out comparison.html
    """
    from nightproof.cli.progress import progress_for
    from nightproof.jobs.comparing import compare_files

    with progress_for(original.name, quiet=quiet or as_json) as progress:
        compared = compare_files(
            original,
            asset,
            out,
            views=views,
            policy=policy,
            environment=environment,
            scene=choice,
            seed=seed,
            store=store_folder(store),
            threads=thread_count(threads),
            progress=progress,
        )
    if as_json:
        say_json(compared.to_json())
        return
    from rich.console import Console

    from nightproof.cli.pages import show_comparison

    show_comparison(Console(), compared)
