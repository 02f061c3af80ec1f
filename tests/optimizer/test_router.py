"""The matrix is exact at its boundaries, choices are explained, and what was learnt corrects estimates only."""

import random

import pytest

from nightproof.optimizer.outcomes import Corrections, Outcome, OutcomeLog, place_of
from nightproof.optimizer.router import OptimizationRouter, UnknownPipeline, matrix
from nightproof.records.analysis import Analysis, Scores
from nightproof.records.route import Estimate, Route, Unsuitable

TOLD = Estimate(bytes_out=1_000_000, cpu_seconds=100.0, ssim=0.98, psnr_db=36.0)
FEATURES = {
    "geometric": {
        **{"triangles": 1e4, "area_per_diagonal2": 2.0, "diagonal_m": 5.0, "parts": 9.0},
        **{"axis_aligned_share": 0.9, "duplicate_share": 0.0},
    },
    "material": {"texels": 1e6, "view_dependence": 0.1, "gpu_bytes": 5e6},
    "lighting": {
        **{"sky_visibility": 0.3, "own_reach_share": 0.9, "sky_reach_share": 0.1, "indirect_share_own": 0.5},
        **{"indirect_share_sky": 0.2, "depth_complexity": 3.0},
    },
    "dynamic": {"moving_share": 0.0},
}


def analysis(baking: float, dynamic: float, complexity: float, volumetrics: bool = False, triangles: float = 1e4):
    geometric = {**FEATURES["geometric"], "triangles": triangles}
    return Analysis(
        scene="a" * 64,
        features={**FEATURES, "geometric": geometric},
        scores=Scores(baking=baking, dynamic=dynamic, complexity=complexity),
        volumetrics=volumetrics,
        scene_class="interior",
        class_confidence=0.9,
        environment="none",
        unknown_materials=(),
        hints=(),
    )


@pytest.mark.parametrize(
    ("baking", "dynamic", "complexity", "volumetrics", "expected"),
    [
        (0.700001, 0.299999, 1.0, True, "baking"),
        (0.7, 0.0, 0.0, False, "hybrid"),
        (1.0, 0.3, 0.0, False, "hybrid"),
        (0.7, 0.0, 0.800001, False, "splatting"),
        (1.0, 0.3, 0.8, False, "hybrid"),
        (1.0, 0.3, 0.8, True, "splatting"),
        (0.0, 0.0, 0.0, True, "splatting"),
    ],
)
def test_the_matrix_is_exact_at_its_boundaries(baking, dynamic, complexity, volumetrics, expected):
    assert matrix(Scores(baking, dynamic, complexity), volumetrics) == expected


@pytest.mark.parametrize(
    ("scores", "wanted"), [((0.9, 0, 0), "baking"), ((0.2, 0, 0.9), "splatting"), ((0.5, 0.5, 0.5), "hybrid")]
)
def test_every_pipeline_is_chosen_for_some_scene_once_it_is_built(scores, wanted):
    built = dict.fromkeys(("baking", "splatting", "hybrid", "packing"), TOLD)
    route = OptimizationRouter().route(analysis(*scores), built)
    assert (route.pipeline, route.wanted, route.fallback_reason) == (wanted, wanted, "")
    assert Route.from_bytes(route.canonical_bytes()) == route


def test_what_is_not_built_falls_back_and_says_so():
    here = {"baking": TOLD, "packing": TOLD}
    moving = OptimizationRouter().route(analysis(0.2, 0.9, 0.1), here)
    assert (moving.pipeline, moving.wanted) == ("packing", "hybrid")
    assert "not built" in moving.fallback_reason
    still = OptimizationRouter().route(analysis(0.68, 0.0, 0.9), here)
    assert (still.pipeline, still.wanted) == ("baking", "splatting")
    refused = OptimizationRouter().route(analysis(0.9, 0.0, 0.0), {**here, "baking": Unsuitable("too many charts")})
    assert refused.pipeline == "packing"
    assert "too many charts" in refused.fallback_reason


def test_the_user_outranks_the_matrix_and_an_unsuitable():
    here = {"baking": Unsuitable("it moves"), "packing": TOLD}
    route = OptimizationRouter().route(analysis(0.1, 0.9, 0.1), here, "baking")
    assert (route.pipeline, route.decided_by) == ("baking", "user")
    against = next(item for item in route.alternatives if item.pipeline == "baking").reasons_against
    assert "It moves." in against
    with pytest.raises(UnknownPipeline):
        OptimizationRouter().route(analysis(0.1, 0.9, 0.1), here, "bakery")


def stream(count: int, seed: int = 7) -> list[Outcome]:
    """A world in which dense scenes take far longer than foretold and thin ones less, with 10 % of noise."""
    draw, outcomes = random.Random(seed), []
    for index in range(count):
        triangles = 10 ** draw.uniform(3, 6)
        factor = (triangles / 1e4) ** 0.4 * draw.gauss(1.0, 0.1)
        came = Estimate(bytes_out=1_000_000, cpu_seconds=max(1.0, 100.0 * factor), ssim=0.985, psnr_db=35.0)
        scene = analysis(0.9, 0.0, 0.2, triangles=triangles)
        outcomes.append(
            Outcome(
                analysis=scene.digest,
                route=f"{index:064x}",
                pipeline="baking",
                place=place_of(scene),
                foretold=TOLD,
                measured=came,
            )
        )
    return outcomes


def test_learning_from_a_stream_of_outcomes_halves_the_error_at_least():
    outcomes = stream(160)
    learnt = Corrections.learnt_from(outcomes[:120])
    before = after = 0.0
    for outcome in outcomes[120:]:
        scene = analysis(0.9, 0.0, 0.2, triangles=10 ** (outcome.place[3]) - 1)
        corrected = learnt.correct("baking", scene, TOLD)
        before += abs(outcome.measured.cpu_seconds / TOLD.cpu_seconds - 1)
        after += abs(outcome.measured.cpu_seconds / corrected.cpu_seconds - 1)
    assert after < before / 2


def test_what_was_learnt_never_changes_what_the_matrix_wants():
    taught = OptimizationRouter(Corrections.learnt_from(stream(60)))
    for scores in ((0.7001, 0.2999, 0.9), (0.7, 0.0, 0.8001), (0.7, 0.0, 0.8)):
        here = {"baking": TOLD, "packing": TOLD}
        plain = OptimizationRouter().route(analysis(*scores), here)
        assert taught.route(analysis(*scores), here).wanted == plain.wanted


def test_few_or_far_outcomes_teach_nothing():
    scene = analysis(0.9, 0.0, 0.2)
    assert Corrections.learnt_from(stream(4)).correct("baking", scene, TOLD) == TOLD
    assert Corrections.learnt_from(stream(50)).correct("packing", scene, TOLD) == TOLD
    far = Corrections.learnt_from(stream(50)).correct("baking", analysis(0.0, 1.0, 1.0, triangles=1e12), TOLD)
    assert far.cpu_seconds == pytest.approx(TOLD.cpu_seconds, rel=1e-3)


def test_the_log_survives_a_line_cut_short(tmp_path):
    log, (first, second) = OutcomeLog(tmp_path / "deep" / "outcomes.jsonl"), stream(2)
    assert log.read() == ()
    log.append(first)
    with log.path.open("ab") as file:
        file.write(b'{"kind":"outc')
    log.append(second)
    assert log.read() == (first, second)
