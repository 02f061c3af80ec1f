"""Every real scene through the analyzer: class, scores, form, textures, view dependence, time; and the indirect share
beside the path tracer's.

    python benchmarks/inspecting.py [FOLDER] [--only NAME ...] [--markdown FILE] [--indirect NAME ...]

Inspects each .glb below FOLDER (default: the shared scenes beside the clone) on one thread and prints one table.
CPU-seconds are of reading and analysing, without the start of Python. The class that is expected comes from the class
column of SOURCES.md beside the scenes, mapped to ours; where that column names a feature (codec, edge, lights …) and no
kind of scene, from the picture, in `SHOWN`. The exit code says how many of the claims do not hold: at least 27 of
31 classes right, 60 CPU-s in total, 3 CPU-s for each scene of up to 300,000 triangles.

--indirect compares `indirect_share_sky` with what the path tracer finds on the same points under a uniform sky.
--markdown writes the table of docs/reference/scores.md.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from nightproof.jobs.opening import open_source
from nightproof.jobs.routing import estimates_for
from nightproof.optimizer.analyzer import Examination, SceneAnalyzer
from nightproof.optimizer.features.appearance import LUMINANCE, appearance_at
from nightproof.optimizer.features.surface import sample_surface, surface_of
from nightproof.optimizer.router import OptimizationRouter
from nightproof.records.route import Route
from nightproof.rendering.tracer import Tracer
from nightproof.scenes.camera import look_at
from nightproof.scenes.flat import Environment, FlatScene, Material

SHARED = Path(__file__).parents[1] / ".." / "shared" / "scenes"

OURS = {
    "product": "product",
    "foliage": "foliage",
    "CAD": "vehicle",
    "vehicle": "vehicle",
    "exterior": "exterior",
    "interior": "interior",
    "terrain": "terrain",
    "instancing": "instanced",
}
SHOWN = {"Fox": "character", "CesiumMilkTruck": "vehicle", "CesiumMilkTruck_draco": "vehicle"}
"""What scenes show whose class column names a feature; all others of these are single objects: `product`."""

RIGHT, TOTAL_S, DENSE_S, DENSE_TRIANGLES = 27, 60.0, 3.0, 300_000


@dataclass(frozen=True)
class Row:
    """One scene."""

    name: str
    expected: str
    found: Examination
    route: Route
    triangles: int
    cpu_seconds: float


COLUMNS = (
    ("scene", lambda it: it.name),
    ("class", lambda it: it.found.analysis.scene_class + ("" if _right(it) else f" (expected {it.expected})")),
    ("conf.", lambda it: f"{it.found.analysis.class_confidence:.2f}"),
    ("baking", lambda it: f"{it.found.analysis.scores.baking:.2f}"),
    ("dynamic", lambda it: f"{it.found.analysis.scores.dynamic:.2f}"),
    ("compl.", lambda it: f"{it.found.analysis.scores.complexity:.2f}"),
    ("light", lambda it: it.found.analysis.environment),
    ("matrix", lambda it: it.route.wanted),
    ("runs", lambda it: it.route.pipeline),
    ("curv.", lambda it: f"{_feature(it, 'geometric', 'curvature'):.1f}"),
    ("0.1 %", lambda it: f"{_feature(it, 'geometric', 'lod_share_fine'):.0%}"),
    ("0.5 %", lambda it: f"{_feature(it, 'geometric', 'lod_share_middle'):.0%}"),
    ("2 %", lambda it: f"{_feature(it, 'geometric', 'lod_share_coarse'):.0%}"),
    ("cost", lambda it: f"{_feature(it, 'material', 'shading_cost'):.2f}"),
    ("view", lambda it: f"{_feature(it, 'material', 'view_dependence'):.2f}"),
    ("traced", lambda it: f"{_feature(it, 'material', 'view_dependence_traced'):.2f}"),
    ("spare", lambda it: f"{_feature(it, 'material', 'spare_gpu_bytes') / 1e6:.0f} MB"),
    ("coh.", lambda it: f"{_feature(it, 'dynamic', 'temporal_coherence'):.2f}"),
    ("CPU-s", lambda it: f"{it.cpu_seconds:.2f}"),
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", default=SHARED)
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--markdown", type=Path)
    parser.add_argument("--indirect", nargs="*", default=[])
    arguments = parser.parse_args()
    paths = [p for p in sorted(arguments.folder.glob("*.glb")) if not arguments.only or p.stem in arguments.only]
    if not paths:
        print(f"no scenes below {arguments.folder}; nothing was measured")
        return 0
    if arguments.indirect:
        for path in paths:
            if path.stem in arguments.indirect:
                print(path.stem, *(f"{name} {value:.3f}" for name, value in indirect_shares(path).items()))
        return 0
    expected = classes_of(arguments.folder / "SOURCES.md")
    rows = [measure(path, expected.get(path.stem, "product")) for path in paths]
    show(rows)
    if arguments.markdown:
        arguments.markdown.write_text(markdown(rows))
    faults = list(faults_of(rows)) if not arguments.only else []
    print("\n".join(faults))
    return len(faults)


def classes_of(sources: Path) -> dict[str, str]:
    """Scene → the class we should find."""
    rows = (line.split("|") for line in sources.read_text().splitlines() if line.startswith("| "))
    given = {row[1].strip(): row[2].strip() for row in rows if len(row) > 3}
    return {name: SHOWN.get(name) or OURS.get(kind, "product") for name, kind in given.items()}


def measure(path: Path, expected: str) -> Row:
    started = time.process_time()
    source = open_source(path)
    found = SceneAnalyzer(threads=1).examine(source.record, source.document, source.flat)
    spent = time.process_time() - started
    route = OptimizationRouter().route(found.analysis, estimates_for(source.record, found.analysis))
    return Row(path.stem, expected, found, route, len(source.flat.triangles), spent)


def faults_of(rows: list[Row]):
    right = sum(_right(row) for row in rows)
    total = sum(row.cpu_seconds for row in rows)
    print(f"{right} of {len(rows)} classes right, {total:.1f} CPU-s in total")
    if right < RIGHT:
        yield f"FAULT: fewer than {RIGHT} classes are right"
    if total > TOTAL_S:
        yield f"FAULT: more than {TOTAL_S} CPU-s"
    for row in rows:
        if row.triangles <= DENSE_TRIANGLES and row.cpu_seconds > DENSE_S:
            yield f"FAULT: {row.name} took {row.cpu_seconds:.2f} CPU-s"


def show(rows: list[Row]) -> None:
    table = Table(box=None, padding=(0, 1))
    for name, _ in COLUMNS:
        table.add_column(name, no_wrap=True)
    for row in rows:
        table.add_row(*(cell(row) for _, cell in COLUMNS))
    Console(width=230).print(table)


def markdown(rows: list[Row]) -> str:
    lines = ["| " + " | ".join(name for name, _ in COLUMNS) + " |", "|" + "---|" * len(COLUMNS)]
    lines += ["| " + " | ".join(cell(row) for _, cell in COLUMNS) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def _right(row: Row) -> bool:
    return row.found.analysis.scene_class == row.expected


def _feature(row: Row, family: str, name: str) -> float:
    return row.found.analysis.features[family][name]


POINTS, PATHS = 512, 64


def indirect_shares(path: Path) -> dict[str, float]:
    """The probe's answer, and the path tracer's under the same uniform sky with plain diffuse, opaque surfaces that
    reflect 95 % at most, which is what the probe supposes: 1 − light without bounces / light, over points spread evenly
    on the surface. What leaves a point over its albedo is the light on it."""
    source = open_source(path)
    probe = SceneAnalyzer(threads=1).examine(source.record, source.document, source.flat)
    sky = Environment(np.ones((4, 8, 3), np.float32), "uniform")
    chalk = tuple(_chalk(material) for material in source.flat.materials)
    flat = replace(source.flat, materials=chalk, lights=(), environment=sky)
    direct, whole = (np.array(found) for found in zip(*_radiances(flat), strict=True))
    return {
        "probe": probe.analysis.features["lighting"]["indirect_share_sky"],
        "traced": 1.0 - float(direct.sum() / whole.sum()),
    }


def _chalk(material: Material) -> Material:
    return replace(
        material,
        base_color=tuple(min(c, 0.95) for c in material.base_color),
        metallic=0.0,
        specular=0.0,
        metallic_roughness_texture=None,
        normal_texture=None,
        emissive=(0.0, 0.0, 0.0),
        transmission=0.0,
        clearcoat=None,
        sheen=None,
        anisotropy=None,
        iridescence=None,
        diffuse_transmission=None,
    )


def _radiances(flat: FlatScene):
    """Of what leaves each point: after one scattering, and after any number."""
    surface, tracer = surface_of(flat), Tracer(flat, 1)
    sample = sample_surface(surface, POINTS, seed=2)
    material = np.asarray(flat.triangle_material)[surface.triangle[sample.row]]
    albedo = appearance_at(flat, surface, sample.row, sample.weights).base_color @ LUMINANCE
    for index in range(POINTS):
        behind = flat.materials[material[index]].double_sided and index % 2
        normal = -sample.normals[index] if behind else sample.normals[index]
        point = sample.points[index] * surface.diagonal_m + surface.centre_m
        near_m = 1e-3 * surface.diagonal_m
        camera = look_at(point + normal * near_m, point, yfov_rad=1e-3, width_px=1, height_px=1)
        camera = replace(camera, near_m=1e-2 * near_m)
        if albedo[index] < 0.02:
            continue
        looks = [tracer.render(camera, samples=PATHS, seed=index, max_depth=depth).color[0, 0] for depth in (2, 32)]
        direct, whole = (float(look @ LUMINANCE / albedo[index]) for look in looks)
        yield direct, whole


if __name__ == "__main__":
    sys.exit(main())
