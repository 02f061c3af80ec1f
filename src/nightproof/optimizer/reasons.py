"""For and against each pipeline, in plain words and with the numbers they rest on."""

from __future__ import annotations

from collections.abc import Iterator

from nightproof.optimizer.words import percent
from nightproof.records.analysis import Analysis

Reasons = tuple[tuple[str, ...], tuple[str, ...]]


def reasons_for_and_against(pipeline: str, analysis: Analysis) -> Reasons:
    """Sentences for and against `pipeline`; none for a pipeline this version knows nothing about."""
    found = {
        "baking": (_for_baking, _against_baking),
        "splatting": (_for_splatting, _against_splatting),
        "hybrid": (_for_hybrid, _against_hybrid),
        "packing": (_for_packing, _against_packing),
    }.get(pipeline)
    return (tuple(found[0](analysis)), tuple(found[1](analysis))) if found else ((), ())


def _for_baking(analysis: Analysis) -> Iterator[str]:
    lighting = analysis.features["lighting"]
    if analysis.scores.dynamic == 0:
        yield "Nothing moves, so light can be computed once."
    if analysis.environment == "none":
        yield f"The file's own lights reach {percent(lighting['own_reach_share'])} of the surface: the light is known."
    elif analysis.environment == "sky" and lighting["sky_reach_share"] >= 0.3:
        yield f"Daylight reaches {percent(lighting['sky_reach_share'])} of the surface."
    if (indirect := _indirect(analysis)) >= 0.1:
        yield f"{percent(indirect)} of the light has bounced at least once; only a bake shows that in every viewer."
    if (steady := 1 - analysis.features["material"]["view_dependence"]) >= 0.8:
        yield f"{percent(steady)} of the look is the same from everywhere, which is what a texture can hold."


def _against_baking(analysis: Analysis) -> Iterator[str]:
    features = analysis.features
    if (moving := features["dynamic"]["moving_share"]) > 0:
        yield f"{percent(moving)} of the surface moves; a bake would freeze its light and shadows."
    elif analysis.scores.dynamic > 0:
        yield f"Parts are rigged or change over time (dynamic {analysis.scores.dynamic:.2f}); a bake would freeze them."
    if analysis.environment == "studio":
        yield "A single object: it will stand in light that is not known yet, and a bake would fix an assumed studio."
    if (dependence := features["material"]["view_dependence"]) > 0.2:
        yield f"{percent(dependence)} of the look changes with the viewer (metal, gloss, glass); a texel does not."
    if features["geometric"]["parts"] > 5000:
        yield f"{features['geometric']['parts']:,.0f} separate parts break the lightmap into tiny charts."


def _for_splatting(analysis: Analysis) -> Iterator[str]:
    if analysis.scores.complexity > 0.8:
        yield f"Complexity {analysis.scores.complexity:.2f}: foliage, captures or clutter that surfaces hold badly."
    if analysis.volumetrics:
        yield "There are volumes without a surface; splats hold them."
    if (depth := analysis.features["lighting"]["depth_complexity"]) > 4:
        yield f"A line through the scene meets {depth:.1f} surfaces; splats do not care how many."


def _against_splatting(analysis: Analysis) -> Iterator[str]:
    features = analysis.features
    if analysis.scores.complexity <= 0.8 and not analysis.volumetrics:
        yield f"Complexity {analysis.scores.complexity:.2f}: textured surfaces represent the scene well and stay sharp."
    if (flat := features["geometric"]["axis_aligned_share"]) > 0.5:
        yield f"{percent(flat)} of the surface is plain wall, floor or box, where splats blur edges."
    if features["dynamic"]["moving_share"] > 0:
        yield "Animation is lost except for rigid parts."


def _for_hybrid(analysis: Analysis) -> Iterator[str]:
    moving = analysis.features["dynamic"]["moving_share"]
    if 0 < moving < 1:
        yield f"{percent(1 - moving)} of the surface stands still and could be baked, the rest kept as it moves."
    if 0.1 < analysis.features["material"]["view_dependence"] < 0.9:
        yield "Steady and view-dependent materials meet: bake the first, keep the second."


def _against_hybrid(analysis: Analysis) -> Iterator[str]:
    scores = analysis.scores
    if scores.baking > 0.7 and scores.dynamic < 0.3:
        yield f"Baking alone covers it (baking {scores.baking:.2f}, dynamic {scores.dynamic:.2f})."
    if analysis.features["dynamic"]["moving_share"] >= 0.99:
        yield "All of the surface moves; there is nothing to bake beside it."


def _for_packing(analysis: Analysis) -> Iterator[str]:
    features = analysis.features
    yield "Keeps materials, animation and light as they are; the result can be lit by anything."
    if (gpu_bytes := features["material"]["gpu_bytes"]) > 16e6:
        yield f"Textures take {gpu_bytes / 1e6:.0f} MB on the GPU, and most of the download."
    if (repeats := features["geometric"]["duplicate_share"]) > 0.01:
        yield f"{percent(repeats)} of the triangles repeat others and can go."


def _against_packing(analysis: Analysis) -> Iterator[str]:
    if analysis.environment != "studio" and (indirect := _indirect(analysis)) >= 0.1:
        yield f"Real-time viewers leave out bounced light, {percent(indirect)} of the light here."
    if analysis.environment == "none":
        yield "Viewers will shade the room by their own rules; soft shadows and emitters get lost."


def _indirect(analysis: Analysis) -> float:
    lighting = analysis.features["lighting"]
    return lighting["indirect_share_own" if analysis.environment == "none" else "indirect_share_sky"]
