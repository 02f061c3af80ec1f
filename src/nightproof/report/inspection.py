"""Fill the inspection page: one self-contained HTML file, the same bytes for the same input."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from nightproof.optimizer.words import kind_of_scene, length, thousands
from nightproof.records.route import Alternative
from nightproof.report import words
from nightproof.report.inspection_facts import InspectionInput, TextureCard
from nightproof.report.page import templates

Array = np.ndarray

MOST_MESHES, MOST_TEXTURES, MOST_HINTS = 12, 24, 12
PICTURE_QUALITY, THUMBNAIL_QUALITY = 88, 75

CLASS_WORDS = {
    "interior": "A room",
    "exterior": "A place outdoors",
    "terrain": "A terrain",
    "foliage": "Foliage",
    "character": "A character",
    "vehicle": "A vehicle or machine",
    "scan": "A capture",
    "instanced": "A set of copies",
    "product": "A single object",
}
"""`product` is what is left when nothing more special fits."""

SCORES = (
    ("baking", 0.7, "above", "How far fixed light on fixed surface, the same from everywhere, is the whole picture."),
    ("dynamic", 0.3, "below", "How much of the surface moves, changes, or is made to."),
    ("complexity", 0.8, "above", "How badly surfaces with textures hold what is there: foliage, captures, clutter."),
)

BAKE_PARTS = (
    ("bake_still", "stands still"),
    ("bake_known_light", "its light is known"),
    ("bake_steady", "looks the same from everywhere"),
    ("bake_mappable", "fits one lightmap"),
)

LIGHT_SHARES = (
    ("lighting", "own_reach_share", "of the surface is reached by lights of the file"),
    ("lighting", "sky_visibility", "of the sky is open, on average"),
    ("lighting", "enclosed_share", "of the free space is enclosed"),
    ("lighting", "contact_occlusion", "of what a point sees is blocked nearby"),
    ("lighting", "indirect_share_own", "of the light has bounced, under its own lights"),
    ("lighting", "indirect_share_sky", "of the light has bounced, under an open sky"),
)
MATERIAL_SHARES = (
    ("material", "textured_share", "of the surface is textured"),
    ("material", "normal_mapped_share", "has normal maps"),
    ("material", "metal_share", "is metal"),
    ("material", "transmission_share", "lets light through"),
    ("material", "blend_share", "is alpha-blended"),
    ("material", "view_dependence", "of the look could change with the viewer, by material"),
    ("material", "view_dependence_traced", "of the look does, traced in this light"),
)
MOTION_SHARES = (
    ("dynamic", "moving_share", "of the surface moves"),
    ("dynamic", "skinned_share", "is skinned"),
    ("dynamic", "morphed_share", "can morph"),
    ("dynamic", "rigged_share", "is rigged and never moved here"),
    ("dynamic", "changing_material_share", "changes its material"),
)
LEVELS = (("lod_share_fine", 0.001), ("lod_share_middle", 0.005), ("lod_share_coarse", 0.02))


@dataclass(frozen=True)
class Bar:
    """A share with what it is a share of."""

    share: float
    words: str


def _headline(facts: InspectionInput) -> str:
    if not facts.analysis.features["geometric"]["area_per_diagonal2"]:
        return "Nothing to look at"
    return CLASS_WORDS.get(facts.analysis.scene_class, facts.analysis.scene_class)


def render_inspection_page(facts: InspectionInput) -> str:
    """The whole inspection as one HTML page that fetches nothing."""
    chosen = facts.route.pipeline
    return (
        templates()
        .get_template("inspection.html.j2")
        .render(
            facts=facts,
            features=facts.analysis.features,
            headline=_headline(facts),
            kind_of_scene=kind_of_scene,
            picture=_picture(facts.picture),
            scores=[(name, getattr(facts.analysis.scores, name), *rest) for name, *rest in SCORES],
            bake_parts=_bars(facts, [("lighting", name, text) for name, text in BAKE_PARTS]),
            evidence=sorted(facts.evidence.items(), key=lambda item: -item[1]),
            light=_bars(facts, LIGHT_SHARES),
            materials=_bars(facts, MATERIAL_SHARES),
            motion=_bars(facts, MOTION_SHARES),
            moves=any(bar.share > 0 for bar in _bars(facts, MOTION_SHARES)),
            levels=list(_levels(facts)),
            meshes=facts.meshes[:MOST_MESHES],
            most_triangles=max((mesh.triangles for mesh in facts.meshes), default=1),
            textures=[(card.facts, _thumbnail(card)) for card in facts.textures[:MOST_TEXTURES]],
            hints=facts.hints[:MOST_HINTS],
            alternatives=sorted(facts.route.alternatives, key=lambda it: (it.pipeline != chosen, not it.available)),
            minutes=lambda other: _minutes(other, facts.threads),
            zip=zip,
            length=length,
            thousands=thousands,
        )
    )


def _bars(facts: InspectionInput, named: tuple[tuple[str, str, str], ...] | list[tuple[str, str, str]]) -> list[Bar]:
    features = facts.analysis.features
    return [Bar(min(1.0, features[family].get(name, 0.0)), text) for family, name, text in named]


def _levels(facts: InspectionInput) -> Iterator[tuple[str, float, float]]:
    """What it is for, triangles left, and their share."""
    geometric = facts.analysis.features["geometric"]
    yield "as it is", geometric["triangles"], 1.0
    for name, error in LEVELS:
        share = geometric[name]
        yield f"within {length(error * geometric['diagonal_m'])}", share * geometric["triangles"], share


def _minutes(other: Alternative, threads: int) -> str:
    """Predicted time on this machine, in words."""
    assert other.estimate is not None
    seconds = other.estimate.cpu_seconds / max(threads, 1)
    return words.seconds(seconds) if seconds >= 0.1 else "at once"


def _picture(pixels: Array | None) -> tuple[str, int, int] | None:
    return None if pixels is None else (_webp(pixels, PICTURE_QUALITY), pixels.shape[1], pixels.shape[0])


def _thumbnail(card: TextureCard) -> str:
    return _webp(card.thumbnail, THUMBNAIL_QUALITY)


def _webp(pixels: Array, quality: int) -> str:
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(out, "WEBP", quality=quality, method=4)
    return "data:image/webp;base64," + base64.b64encode(out.getvalue()).decode()
