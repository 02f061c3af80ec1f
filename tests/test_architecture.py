"""The arrows of ARCHITECTURE.md: who may import whom, and what may not be imported at all at start-up."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "nightproof"

FLOORS = (
    ("errors",),
    ("records",),
    ("kernels",),
    ("scenes", "rendering"),
    ("optimizer", "trust", "economy", "pipelines"),
    ("jobs", "report"),
    ("cli", "service"),
    ("__main__",),
)
"""From the ground up; a part imports from its own floor (with the exceptions below) and from those beneath."""

APART = [
    ("optimizer", "trust"),
    ("optimizer", "economy"),
    ("trust", "economy"),
    ("optimizer", "pipelines"),
    ("trust", "pipelines"),
    ("economy", "pipelines"),
    ("scenes", "rendering"),
]
"""Neighbours that don't import each other; rendering may read scenes, but not the other way."""

ALLOWED = {("rendering", "scenes")}

HEAVY = ("numpy", "mitsuba", "sqlalchemy", "cryptography", "PIL", "jinja2", "scipy", "torch", "jaxtyping", "rich.live")


def part_of(path: Path) -> str:
    relative = path.relative_to(SOURCE)
    return relative.stem if len(relative.parts) == 1 else relative.parts[0]


def imports(path: Path) -> set[str]:
    """The parts of nightproof that a file imports, lazily or not; type-checking imports count too."""
    parts = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names = [node.module or ""]
            if node.module == "nightproof":
                names = [f"nightproof.{alias.name}" for alias in node.names]
        else:
            continue
        parts |= {name.split(".")[1] for name in names if name.startswith("nightproof.")}
    return parts


def floor(part: str) -> int:
    return next((i for i, parts in enumerate(FLOORS) if part in parts), -1)


FILES = sorted(SOURCE.rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_arrows_point_down(path):
    part = part_of(path)
    if part == "__init__":
        assert imports(path) == set()
        return
    assert floor(part) >= 0, f"{part} has no place in the house: add it to FLOORS"
    for other in imports(path) - {part, "__version__", "_native"}:
        assert floor(other) <= floor(part), f"{part} imports {other}"
        if (part, other) not in ALLOWED:
            assert (part, other) not in APART and (other, part) not in APART, f"{part} imports {other}"


def test_the_check_itself_sees_an_arrow_that_points_up(tmp_path):
    file = tmp_path / "bad.py"
    file.write_text("def f():\n    from nightproof.cli import app\n    import nightproof.jobs.store\n")
    assert imports(file) == {"cli", "jobs"}
    assert floor("records") < floor("cli")


@pytest.mark.parametrize("module", ["nightproof", "nightproof.cli"])
def test_importing_the_face_imports_nothing_heavy(module):
    code = f"import sys, {module}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not set(HEAVY) & set(loaded)
