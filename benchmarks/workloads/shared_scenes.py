"""The real scenes beside the clone, which most benchmarks measure when nobody names others."""

from __future__ import annotations

from pathlib import Path

SHARED = Path(__file__).parents[2] / ".." / "shared" / "scenes"


def scenes_of(folder: Path, only: list[str] | None = None) -> list[Path]:
    """Every .glb of a folder; where there is none, ends the program: nothing was measured, and nothing is wrong."""
    found = sorted(folder.glob("*.glb"))
    if not found:
        print(f"no .glb below {folder}: nothing to measure; name a folder of scenes")
        raise SystemExit(0)
    return [path for path in found if not only or path.stem in only]
