"""Options that several commands share, each with one meaning and one help text."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

import typer

SceneFile = Annotated[
    Path, typer.Argument(help="A .glb, .gltf, .obj, .ply, .stl or .usd, .usda, .usdc, .usdz file.", show_default=False)
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout and nothing else there.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")]
PolicyName = Annotated[
    Literal["draft", "standard", "strict"],
    typer.Option("--policy", help="How much must be shown: thresholds, views and image size."),
]
PipelineName = Annotated[
    Literal["auto", "baking", "splatting", "hybrid", "packing"],
    typer.Option("--pipeline", help="Leave the choice to the router, or insist on one."),
]
EnvironmentName = Annotated[
    str,
    typer.Option(
        "--environment",
        metavar="auto|none|studio|sky|scene|FILE",
        help="What lights the scene besides its own lights: `scene` is the image-based light it brings; FILE is an "
        "equirectangular .hdr or .exr.",
    ),
]
SceneChoice = Annotated[
    str | None,
    typer.Option(
        "--scene", metavar="N|NAME", help="Which scene of a file with several; else the one that the file names."
    ),
]
Seed = Annotated[int, typer.Option("--seed", min=0, max=2**63 - 1, help="Same seed, same bytes.")]
StoreFolder = Annotated[
    Path | None,
    typer.Option("--store", help="Where finished steps and cached images live.", show_default="user data folder"),
]
Threads = Annotated[int, typer.Option("--threads", min=0, max=1024, help="0: one per core.")]
Deadline = Annotated[str, typer.Option("--deadline", metavar="HOURS", help="When the work must be done: 24h, 3d, 90m.")]
Region = Annotated[str, typer.Option("--region", help="Your region, for prices, time zone and carbon.")]
Prices = Annotated[
    Path | None, typer.Option("--prices", help="A TOML file with your own prices, resources and regions.")
]


def store_folder(given: Path | None) -> Path:
    """--store, else NIGHTPROOF_STORE, else the user's data folder."""
    if given is not None:
        return given
    if named := os.environ.get("NIGHTPROOF_STORE"):
        return Path(named)
    import platformdirs

    return Path(platformdirs.user_data_dir("nightproof", appauthor=False))


def thread_count(given: int) -> int:
    """What --threads 0 means here: the cores this process may use."""
    return given or len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else given or os.cpu_count() or 1
