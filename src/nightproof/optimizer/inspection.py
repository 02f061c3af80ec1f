"""The page that `nightproof inspect` shows on a terminal. Reads records, prints to the console given, no more."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console, ConsoleRenderable, Group
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from nightproof.optimizer.words import kind_of_scene, size
from nightproof.records.analysis import Analysis
from nightproof.records.route import Alternative, Route
from nightproof.records.scene import Scene

BAR_CELLS, NARROW_BAR_CELLS = 24, 10
NARROW = 80
MOST_HINTS = 8

THRESHOLDS = {"baking": 0.7, "dynamic": 0.3, "complexity": 0.8}
"""Where the matrix asks, marked on each bar."""

MEANINGS = {
    "baking": "fixed light on fixed surface is the whole picture",
    "dynamic": "moves, changes, or is made to",
    "complexity": "foliage, captures and clutter",
}

SHARES: dict[str, tuple[tuple[str, str], ...]] = {
    "geometric": (
        ("copied_share", "copies of a few forms"),
        ("curved_share", "edges that bend smoothly"),
        ("axis_aligned_share", "walls, floors, boxes"),
        ("lod_share_fine", "of triangles keep the form"),
    ),
    "material": (
        ("textured_share", "textured"),
        ("metal_share", "metal"),
        ("view_dependence_traced", "look changes with the viewer"),
        ("transmission_share", "glass"),
        ("cutout_share", "cut out by alpha"),
    ),
    "lighting": (
        ("own_reach_share", "reached by own lights"),
        ("sky_visibility", "open to the sky"),
        ("enclosed_share", "space enclosed"),
        ("indirect_share_own", "bounced, own lights"),
        ("indirect_share_sky", "bounced, under a sky"),
    ),
    "dynamic": (
        ("moving_share", "moves"),
        ("skinned_share", "skinned"),
        ("changing_material_share", "changing material"),
        ("rigged_share", "rigged, never moved"),
    ),
}


def render_inspection(console: Console, scene: Scene, analysis: Analysis, route: Route, threads: int = 1) -> None:
    """Print what matters about `scene` and the route it takes; times are predicted for `threads` of this machine."""
    cells = NARROW_BAR_CELLS if console.width < NARROW else BAR_CELLS
    console.print(
        Panel(
            Group(*_spaced(_facts(scene, analysis), _scores(analysis, cells), _features(analysis), _hints(analysis))),
            title=Text(f" {scene.name} ", style="bold"),
            title_align="left",
            border_style="cyan",
            padding=(1, 2),
        )
    )
    console.print(
        Panel(
            Group(
                *_spaced(_decision(route), _predictions(scene, route, threads)),
                *(_alternative(item, route) for item in route.alternatives),
            ),
            title=Text(" route ", style="bold"),
            title_align="left",
            border_style="green" if not route.fallback_reason else "yellow",
            padding=(1, 2),
        )
    )


def _spaced(*parts: ConsoleRenderable | None) -> Iterator[ConsoleRenderable]:
    for index, part in enumerate(part for part in parts if part is not None):
        if index:
            yield Text()
        yield part


def _facts(scene: Scene, analysis: Analysis) -> Table:
    geometric, material = analysis.features["geometric"], analysis.features["material"]
    sides = [high - low for low, high in zip(scene.bounds_min_m, scene.bounds_max_m, strict=True)]
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column()
    kind = kind_of_scene(analysis.scene_class, analysis.class_confidence, geometric["area_per_diagonal2"])
    grid.add_row("looks like", kind)
    grid.add_row("size", f"{' × '.join(f'{side:.3g}' for side in sides)} m, {size(scene.source_bytes)}")
    grid.add_row("surface", f"{_count(geometric['triangles'], 'triangle')} in {_count(geometric['parts'], 'part')}")
    textures = f"{_count(material['textures'], 'texture')}, {size(material['gpu_bytes'])} on the GPU"
    grid.add_row("materials", f"{material['materials']:.0f}, {textures}")
    lights = analysis.features["lighting"]["punctual_lights"]
    grid.add_row("light", f"{_count(lights, 'light')} in the file, environment: {analysis.environment}")
    return grid


def _count(number: float, thing: str) -> str:
    return f"{number:,.0f} {thing}{'' if round(number) == 1 else 's'}"


def _scores(analysis: Analysis, cells: int) -> Table:
    grid = Table.grid(padding=(0, 2))
    for name, threshold in THRESHOLDS.items():
        value = getattr(analysis.scores, name)
        grid.add_row(
            Text(name, style="bold"),
            _bar(value, threshold, cells),
            Text(f"{value:.2f}"),
            Text(MEANINGS[name], style="dim"),
        )
    if analysis.volumetrics:
        grid.add_row(Text("volumetrics", style="bold"), Text("yes"), Text(), Text("volumes, no surface", style="dim"))
    return grid


def _bar(value: float, threshold: float, cells: int) -> Text:
    """A bar with a tick where the matrix asks; bright beyond it."""
    filled, tick = round(value * cells), round(threshold * cells)
    style = "bold green" if value > threshold else "cyan"
    bar = Text()
    for cell in range(cells):
        if cell == tick:
            bar.append("┃", style="bold")
        bar.append("█" if cell < filled else "░", style=style if cell < filled else "dim")
    return bar


def _features(analysis: Analysis) -> Table:
    """Two families beside each other, shares only; all of it is in the JSON."""
    columns = []
    for family, shares in SHARES.items():
        table = Table.grid(padding=(0, 1))
        table.add_row(Text(family, style="bold"), Text())
        for feature, words in shares:
            value = analysis.features[family][feature]
            style = "dim" if value < 0.005 else ""
            table.add_row(Text(f"{value:4.0%}", style=style, justify="right"), Text(words, style=style))
        columns.append(table)
    grid = Table.grid(padding=(0, 4))
    grid.add_row(columns[0], columns[1])
    grid.add_row(Text(), Text())
    grid.add_row(columns[2], columns[3])
    return grid


def _hints(analysis: Analysis) -> ConsoleRenderable | None:
    if not analysis.hints:
        return None
    grid = Table.grid(padding=(0, 1))
    for hint in analysis.hints[:MOST_HINTS]:
        grid.add_row(Text("•", style="yellow"), Text(hint))
    if len(analysis.hints) > MOST_HINTS:
        grid.add_row(Text(), Text(f"and {len(analysis.hints) - MOST_HINTS} more with --json or --html", style="dim"))
    return Group(Text("Worth knowing", style="bold"), grid)


def _decision(route: Route) -> Text:
    who = {"user": "as you asked", "matrix": "by the decision matrix"}.get(route.decided_by, f"by {route.decided_by}")
    text = Text.assemble((route.pipeline, "bold green"), f", {who}.")
    if route.fallback_reason:
        text.append(f"\n{route.fallback_reason[:1].upper()}{route.fallback_reason[1:]}", style="yellow")
    return text


def _alternative(item: Alternative, route: Route) -> Padding:
    style = "bold green" if item.pipeline == route.pipeline else "bold" if item.available else "dim"
    head = Text(item.pipeline, style=style)
    grid = Table.grid(padding=(0, 1))
    for reason in item.reasons_for:
        grid.add_row(Text("+", style="green"), Text(reason))
    for reason in item.reasons_against:
        grid.add_row(Text("−", style="red"), Text(reason))
    return Padding(Group(head, Padding(grid, (0, 0, 0, 2))), (1, 0, 0, 0))


def _predictions(scene: Scene, route: Route, threads: int) -> ConsoleRenderable | None:
    """What each pipeline that could run is predicted to give."""
    told = [(item.pipeline, item.estimate) for item in route.alternatives if item.estimate is not None]
    if not told:
        return None
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for column in ("predicted", "file", "of source", "SSIM", "PSNR", "time to make"):
        table.add_column(column, justify="left" if column == "predicted" else "right", no_wrap=True)
    for name, estimate in told:
        table.add_row(
            Text(name, style="bold green" if name == route.pipeline else "bold"),
            size(estimate.bytes_out),
            f"{estimate.bytes_out / scene.source_bytes:.0%}" if scene.source_bytes else "–",
            f"{estimate.ssim:.3f}",
            f"{estimate.psnr_db:.0f} dB",
            _duration(estimate.cpu_seconds / max(threads, 1)),
        )
    note = "On this machine. The proof takes minutes more; nightproof plan counts both."
    return Group(table, Text(note, style="dim"))


def _duration(seconds: float) -> str:
    if seconds < 10:
        return f"{seconds:.1f} s" if seconds >= 0.1 else "at once"
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
