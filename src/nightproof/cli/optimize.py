"""nightproof optimize: the main job, end to end."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from nightproof.cli.ending import say_json
from nightproof.cli.options import (
    Deadline,
    EnvironmentName,
    Json,
    PipelineName,
    PolicyName,
    Prices,
    Quiet,
    Region,
    SceneChoice,
    SceneFile,
    Seed,
    StoreFolder,
    Threads,
    store_folder,
    thread_count,
)

NOT_CERTIFIED = 3


def optimize(
    scene: SceneFile,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the results; made if need be.")],
    policy: PolicyName = "standard",
    pipeline: PipelineName = "auto",
    environment: EnvironmentName = "auto",
    choice: SceneChoice = None,
    outputs: Annotated[
        Literal["A", "A,B", "A,C", "A,B,C"],
        typer.Option(
            "--outputs",
            help="What a bake writes: A, for every viewer; B, materials and a lightmap; C, light that turns with you.",
        ),
    ] = "A",
    target_psnr: Annotated[
        float | None,
        typer.Option(
            "--target-psnr",
            metavar="DB",
            help="Packing keeps every view it looks at that near, 20 to 60 dB; 40 without. Below the policy's "
            "threshold (30, 35, 38 dB) the asset may end without a certificate.",
        ),
    ] = None,
    target_bytes: Annotated[
        str | None,
        typer.Option(
            "--target-bytes",
            metavar="SIZE",
            help="The asset is no larger: 2MB, 500kB, 1_000_000. The best PSNR, up to --target-psnr, that fits.",
        ),
    ] = None,
    texture_format: Annotated[
        Literal["webp", "avif", "ktx2"],
        typer.Option(
            "--texture-format",
            help="How packing writes textures; avif is smaller, slower, and for recent viewers; ktx2 stays compressed "
            "on graphics cards, needs the program basisu, and takes longest.",
        ),
    ] = "webp",
    lods: Annotated[
        int,
        typer.Option(
            "--lods",
            min=0,
            max=4,
            metavar="N",
            help="Up to N coarser levels of detail of each large mesh (MSFT_lod), 0 to 4. Packing only; larger files.",
        ),
    ] = 0,
    seed: Seed = 0,
    deadline: Deadline = "24h",
    region: Region = "eu-central",
    prices: Prices = None,
    store: StoreFolder = None,
    threads: Threads = 0,
    again: Annotated[bool, typer.Option("--again", help="Forget finished steps and make everything anew.")] = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Make a real-time asset of SCENE, measure it, and certify what was measured.

    Writes asset.glb, certificate.json, report.html and job.json below --out, and for --outputs B and C files of their
    own beside asset.glb, which is the one that is measured. Stopped at any time, the same command
    carries on where it was. Exit code 0: done and certified; 3: done, but not certified. What only packing can aim at
    (--target-psnr, --target-bytes, --texture-format) chooses packing; a size that it cannot reach leaves no asset.

    Example: nightproof optimize room.glb --out room/ --policy draft
    """
    from nightproof.cli.progress import progress_for
    from nightproof.jobs.asking import Wishes, parse_deadline
    from nightproof.jobs.line import run_job
    from nightproof.jobs.targets import parse_bytes

    wishes = Wishes(
        policy=policy,
        pipeline=pipeline,
        environment=environment,
        scene=choice,
        outputs=outputs,
        target_psnr_db=target_psnr,
        target_bytes=None if target_bytes is None else parse_bytes(target_bytes),
        texture_format=texture_format,
        lods=lods,
        seed=seed,
        deadline_h=parse_deadline(deadline),
        region=region,
        prices=prices,
    )
    with progress_for(scene.name, quiet=quiet or as_json) as progress:
        outcome = run_job(
            scene, out, wishes, store=store_folder(store), threads=thread_count(threads), again=again, progress=progress
        )
    if as_json:
        say_json(outcome.to_json())
    else:
        from rich.console import Console

        from nightproof.cli.pages import show_outcome

        show_outcome(Console(), outcome)
    if not outcome.certified:
        raise typer.Exit(NOT_CERTIFIED)
