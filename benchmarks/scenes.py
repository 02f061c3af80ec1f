"""Every real scene through the main job: route, verdict, bytes, quality, time.

    python benchmarks/scenes.py [FOLDER] [--policy draft] [--only NAME ...] [--again] [--threads N]
                                [--store] [--markdown FILE]

Runs `nightproof optimize` on each .glb below FOLDER (default: the shared scenes beside the clone) and prints one table.
A scene is done when it ends in an asset and a verdict (exit 0 or 3) or in a typed refusal (exit 2); an asset larger
than its input, a traceback or any other exit is a fault, and the exit code of this script says how many there were.
Results are kept in build/bench/, so that a stopped run carries on; --again starts over.

Verdicts and bytes are compared with benchmarks/baselines/scenes.json: a verdict that held and no longer does, an asset
more than 2 % larger, or a scene that took another end is a fault too. --store writes there what was found (scenes that
were not run keep their line), --markdown a table for the docs.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parents[1]
SHARED = ROOT / ".." / "shared" / "scenes"
BASELINE = Path(__file__).parent / "baselines" / "scenes.json"
BYTES_TOLERANCE = 1.02
TIME_LIMIT_S = 3600
DONE, NOT_CERTIFIED, UNUSABLE = 0, 3, 2


@dataclass(frozen=True)
class Result:
    """How one scene ended."""

    scene: str
    exit_code: int
    outcome: dict[str, Any]
    stderr: str

    @property
    def fault(self) -> str:
        """Why this result is wrong whatever the verdict; empty where it is right."""
        if self.exit_code == UNUSABLE and "error" in self.outcome:
            return ""
        if self.exit_code not in (DONE, NOT_CERTIFIED):
            return f"exit {self.exit_code}: {self.stderr.strip().splitlines()[-1] if self.stderr.strip() else ''}"
        if self.outcome["bytes_out"] > self.outcome["bytes_in"]:
            return "larger than its input"
        return ""


def facts_of(result: Result) -> dict[str, Any]:
    """What is worth remembering of a result."""
    outcome = result.outcome
    if "route" not in outcome:
        return {"verdict": "refused" if not result.fault else "fault", "reason": reason_of(result)}
    metrics = {name: outcome["metrics"].get(name, {}).get("mean") for name in ("psnr", "ssim")}
    return {
        "route": route_of(outcome),
        "verdict": outcome["verdict"],
        "bytes_in": outcome["bytes_in"],
        "bytes_out": outcome["bytes_out"],
        "psnr_db": None if metrics["psnr"] is None else round(metrics["psnr"], 2),
        "ssim": None if metrics["ssim"] is None else round(metrics["ssim"], 4),
        "views": outcome["metrics"].get("ssim", {}).get("views", 0),
        "cpu_seconds": round(outcome["cpu_seconds"]),
        "seconds": round(outcome["seconds"]),
    }


def worse_than(stored: dict[str, Any] | None, found: dict[str, Any]) -> str:
    """Why a result is worse than the stored one; empty where it is not, or nothing is stored."""
    if stored is None:
        return ""
    if stored["verdict"] == "holds" != found["verdict"]:
        return f"held, now {found['verdict']}"
    if ("bytes_out" in stored) != ("bytes_out" in found):
        return f"was {stored['verdict']}, now {found['verdict']}"
    if "bytes_out" in stored and found["bytes_out"] > stored["bytes_out"] * BYTES_TOLERANCE:
        return f"{found['bytes_out'] / stored['bytes_out'] - 1:.0%} larger than before"
    return ""


def route_of(outcome: dict[str, Any]) -> str:
    route = outcome["route"]
    return route["pipeline"] if route["pipeline"] == route["wanted"] else f"{route['wanted']} → {route['pipeline']}"


def reason_of(result: Result) -> str:
    error = result.outcome.get("error", {})
    return (error.get("message") if isinstance(error, dict) else str(error)) or result.fault


def markdown_of(results: list[Result]) -> str:
    """The table as the docs show it."""
    lines = ["| scene | route | verdict | kB in | kB out | PSNR dB | SSIM | views | CPU s |", "|---" * 9 + "|"]
    for result in sorted(results, key=lambda result: result.scene.lower()):
        found = facts_of(result)
        if "route" not in found:
            lines.append(f"| {result.scene} | – | {found['verdict']}: {found['reason']} | | | | | | |")
            continue
        quality = " | ".join("" if found[name] is None else str(found[name]) for name in ("psnr_db", "ssim"))
        sizes = f"{found['bytes_in'] / 1e3:.0f} | {found['bytes_out'] / 1e3:.0f}"
        lines.append(
            f"| {result.scene} | {found['route']} | {found['verdict']} | {sizes} | {quality} | {found['views']} "
            f"| {found['cpu_seconds']} |"
        )
    return "\n".join(lines) + "\n"


def run_scene(scene: Path, folder: Path, policy: str, threads: int) -> Result:
    command = [sys.executable, "-m", "nightproof", "optimize", str(scene), "--json", "--policy", policy]
    command += ["--out", str(folder / scene.stem), "--store", str(folder / "store"), "--threads", str(threads)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIME_LIMIT_S)
    except subprocess.TimeoutExpired:
        return Result(scene.stem, -1, {}, f"no end after {TIME_LIMIT_S} s")
    try:
        outcome = json.loads(done.stdout)
    except ValueError:
        outcome = {}
    return Result(scene.stem, done.returncode, outcome, done.stderr)


def results_for(
    scenes: list[Path], folder: Path, policy: str, again: bool, threads: int, console: Console
) -> list[Result]:
    folder.mkdir(parents=True, exist_ok=True)
    results = []
    for scene in scenes:
        kept = folder / f"{scene.stem}.json"
        if kept.exists() and not again:
            results.append(Result(**json.loads(kept.read_text())))
            continue
        result = run_scene(scene, folder, policy, threads)
        kept.write_text(json.dumps(vars(result)))
        console.print(f"[dim]{'  '.join(part for part in row_of(result) if part)}[/dim]")
        results.append(result)
    return results


def table_of(results: list[Result], stored: dict[str, Any]) -> Table:
    table = Table(title="The main job on real scenes", caption="bytes: asset over source; time in CPU-seconds")
    table.add_column("scene")
    for column in ("route", "verdict"):
        table.add_column(column)
    for column in ("bytes in", "bytes out", "ratio", "PSNR dB", "SSIM", "views", "CPU-s", "s"):
        table.add_column(column, justify="right")
    table.add_column("remarks")
    for result in results:
        table.add_row(*row_of(result, worse_than(stored.get(result.scene), facts_of(result))))
    total_in = sum(result.outcome.get("bytes_in", 0) for result in results)
    total_out = sum(result.outcome.get("bytes_out", 0) for result in results)
    if total_in:
        table.add_section()
        table.add_row("total", "", "", f"{total_in:,}", f"{total_out:,}", f"{total_out / total_in:.3f}")
    return table


def row_of(result: Result, worse: str = "") -> list[str]:
    outcome = result.outcome
    if "route" not in outcome:
        return [result.scene, "–", "refused" if not result.fault else "FAULT", *[""] * 8, reason_of(result)]
    metrics = outcome["metrics"]
    ssim, psnr = metrics.get("ssim", {}), metrics.get("psnr", {})
    return [
        result.scene,
        route_of(outcome),
        outcome["verdict"],
        f"{outcome['bytes_in']:,}",
        f"{outcome['bytes_out']:,}",
        f"{outcome['bytes_out'] / outcome['bytes_in']:.3f}",
        "" if psnr.get("mean") is None else f"{psnr['mean']:.1f}",
        "" if ssim.get("mean") is None else f"{ssim['mean']:.4f}",
        str(ssim.get("views", "")),
        f"{outcome['cpu_seconds']:.0f}",
        f"{outcome['seconds']:.0f}",
        result.fault or worse,
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", default=SHARED)
    parser.add_argument("--policy", default="draft", choices=["draft", "standard", "strict"])
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--store", action="store_true")
    parser.add_argument("--markdown", type=Path)
    arguments = parser.parse_args()
    scenes = sorted(arguments.folder.glob("*.glb"), key=lambda scene: scene.stat().st_size)
    scenes = [scene for scene in scenes if not arguments.only or scene.stem in arguments.only]
    console = Console(width=200)
    if not scenes:
        console.print(f"no .glb below {arguments.folder}: nothing to measure")
        return 0
    folder = ROOT / "build" / "bench" / f"scenes-{arguments.policy}"
    results = results_for(scenes, folder, arguments.policy, arguments.again, arguments.threads, console)
    stored = json.loads(BASELINE.read_text()) if BASELINE.exists() and arguments.policy == "draft" else {}
    console.print(table_of(results, stored))
    found = {result.scene: facts_of(result) for result in results}
    if arguments.store:
        BASELINE.write_text(json.dumps(stored | found, indent=1, sort_keys=True) + "\n")
    if arguments.markdown:
        arguments.markdown.write_text(markdown_of(results))
    return sum(bool(result.fault or worse_than(stored.get(result.scene), found[result.scene])) for result in results)


if __name__ == "__main__":
    sys.exit(main())
