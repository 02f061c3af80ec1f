"""The inspection page shows what was found, to anyone, from one file, whatever the names in the scene say."""

import importlib.util
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from nightproof.optimizer.analyzer import SceneAnalyzer
from nightproof.optimizer.router import OptimizationRouter
from nightproof.records.route import Estimate, Unsuitable
from nightproof.records.scene import Scene
from nightproof.report.inspection import render_inspection_page
from nightproof.report.inspection_facts import InspectionInput, TextureCard
from nightproof.scenes.flat import FlatScene, Instance, Material, Texture, TextureUse


def _module(name: str, path: Path):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


page_tests = _module("page_tests", Path(__file__).with_name("test_page.py"))
EVIL = page_tests.EVIL


def scene_of(name: str) -> FlatScene:
    """A textured square that names itself everywhere."""
    pixels = np.random.default_rng(0).integers(0, 256, (8192, 2048, 4), np.uint8)
    pixels[..., 3] = 255
    return FlatScene(
        positions=np.float32([[0, 0, 0], [0, 0, 1], [1, 0, 1], [1, 0, 0]]),
        normals=np.tile(np.float32([0, 1, 0]), (4, 1)), tangents=np.zeros((4, 4), np.float32),
        uv0=np.float32([[0, 0], [0, 4], [4, 4], [4, 0]]), uv1=np.zeros((4, 2), np.float32),
        colors=np.ones((4, 4), np.float32), triangles=np.uint32([[0, 1, 2], [0, 2, 3]]),
        triangle_material=np.zeros(2, np.uint32), triangle_instance=np.zeros(2, np.uint32),
        instances=(Instance(0, 0, 0, 0, 2, 0, 4, 0, np.eye(4)),),
        materials=(Material(name=name, base_color_texture=TextureUse(0), unknown=frozenset({name})),),
        textures=(Texture(pixels, True, name=name),),
    )  # fmt: skip


def facts_of(name: str = "square.glb", **changes) -> InspectionInput:
    record = Scene(
        **dict.fromkeys(("source_sha256", "geometry", "materials", "lights", "cameras", "animation"), "0" * 64),
        name=name, source_bytes=12_345, format="glb", triangles=2, extensions=(),
        bounds_min_m=(0.0, 0.0, 0.0), bounds_max_m=(1.0, 0.0, 1.0),
    )  # fmt: skip
    flat = scene_of(name)
    found = SceneAnalyzer().examine(record, SimpleNamespace(json={"meshes": [{"name": name}]}), flat)
    estimates = {"packing": Estimate(4321, 120.0, 0.987, 41.5), "baking": Unsuitable(f"of {name}")}
    given = InspectionInput(
        scene=record, analysis=found.analysis, evidence=found.evidence, hints=found.hints, meshes=found.meshes,
        route=OptimizationRouter().route(found.analysis, estimates),
        textures=tuple(TextureCard(it, flat.textures[0].pixels[:8, :8]) for it in found.textures),
        picture=np.zeros((62, 88, 3), np.uint8), caption="path traced", threads=2, software={"nightproof": "1"},
    )  # fmt: skip
    return replace(given, **changes)


@pytest.fixture(scope="module")
def html() -> str:
    return render_inspection_page(facts_of())


def text_of(html: str) -> str:
    return " ".join(" ".join(page_tests.parsed(html).text).split())


def test_every_element_is_closed_and_has_a_name_where_it_needs_one(html):
    page_tests.parsed(html)
    outline = page_tests.Outline()
    outline.feed(html)
    assert outline.faults == []
    assert outline.levels[0] == 1 and all(b - a <= 1 for a, b in zip(outline.levels, outline.levels[1:], strict=False))
    assert len(outline.ids) == len(set(outline.ids))
    assert outline.references <= set(outline.ids)


def test_nothing_is_fetched_from_anywhere(html):
    for name, value in page_tests.parsed(html).attributes:
        if name in ("src", "href", "data", "action", "srcset", "poster"):
            assert value.startswith("data:image/webp;base64,"), name
    assert "default-src 'none'" in html
    assert "@import" not in html and "url(" not in html and "@font-face" not in html


def test_names_that_attack_the_page_are_only_shown():
    html = render_inspection_page(facts_of(EVIL))
    page = page_tests.parsed(html)
    assert page.tags.count("script") == 1
    assert not any(name.startswith("on") for name, _ in page.attributes)
    assert "{{ 7*7 }}" in text_of(html) and "49.glb" not in text_of(html)
    assert page.tags.count("img") == page_tests.parsed(render_inspection_page(facts_of())).tags.count("img")


def test_predictions_name_bytes_quality_and_time_on_this_machine(html):
    shown = text_of(html)
    assert "4.3 kB" in shown and "35%" in shown and "0.987" in shown and "41.5 dB" in shown
    assert "60.0 s" in shown  # 120 CPU-seconds on two threads
    assert "does not suit: Of square.glb." in shown
    assert html.count(">not built in this version</td>") == 2


def test_scores_hints_textures_and_meshes_are_shown(html):
    shown, facts = text_of(html), facts_of()
    for score in ("baking", "dynamic", "complexity"):
        assert f"{getattr(facts.analysis.scores, score):.2f}" in shown
    assert facts.hints and all(hint.text in shown for hint in facts.hints)
    assert "2048 × 8192" in shown and "loses nothing as near as one looks" in shown
    assert facts.meshes[0].name in shown
    for family in facts.analysis.features.values():
        assert all(name in shown for name in family)


def test_a_scene_without_surface_is_called_nothing(html):
    facts = facts_of()
    geometric = {**facts.analysis.features["geometric"], "area_per_diagonal2": 0.0}
    analysis = replace(facts.analysis, features={**facts.analysis.features, "geometric": geometric})
    bare = text_of(render_inspection_page(replace(facts, analysis=analysis)))
    assert "Nothing to look at nothing: there is no surface" in bare and " sure" not in bare
    assert "A single object product, 100 % sure" in text_of(html)


def test_the_page_depends_on_its_input_alone_and_does_without_a_picture():
    assert render_inspection_page(facts_of()) == render_inspection_page(facts_of())
    bare = render_inspection_page(facts_of(picture=None, textures=(), meshes=(), hints=()))
    assert page_tests.parsed(bare).tags.count("img") == 0


def test_its_colours_are_those_that_both_schemes_define():
    """Whose contrast test_page.py measures; ink of its own would be the same by day and by night."""
    templates = page_tests.page_css().parent
    own = "".join((templates / name).read_text() for name in ("inspection.css", "inspection.html.j2"))
    assert "color:var(--" in own and not re.findall(r"(?<![-\w])(?:color|fill):(?!var|inherit|none)[^;}]*", own)
    defined = set(re.findall(r"(--\w+):", page_tests.page_css().read_text() + own))
    assert set(re.findall(r"var\((--\w+)", own)) <= defined


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ("none", "seen by its own light"),
        ("sky", "seen under an overcast sky"),
        ("studio", "seen in a studio"),
        ("scene", "seen in the light it brings"),
        ("harbour.hdr", "seen in your environment"),
    ],
)
def test_the_light_it_is_seen_in_is_named(environment, words):
    facts = facts_of()
    assert words in text_of(
        render_inspection_page(replace(facts, analysis=replace(facts.analysis, environment=environment)))
    )


def test_it_counts_where_a_mesh_stands_however_many_meshes_there_are():
    flat = scene_of("a")
    copies = tuple(replace(flat.instances[0], node=node, copy=node) for node in range(3))
    others = tuple(replace(flat.instances[0], mesh=mesh, node=9 + mesh) for mesh in range(1, 700))
    owner = np.arange(len(copies) + len(others), dtype=np.uint32)
    many = replace(
        flat, instances=copies + others, triangles=np.tile(flat.triangles[:1], (len(owner), 1)),
        triangle_instance=owner, triangle_material=np.zeros(len(owner), np.uint32),
    )  # fmt: skip
    found = SceneAnalyzer().examine(facts_of().scene, SimpleNamespace(json={}), many).meshes
    assert {mesh.mesh: mesh.placed for mesh in found} == {0: 3} | dict.fromkeys(range(1, 700), 1)
