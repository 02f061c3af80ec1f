"""What finished jobs teach: weights follow who agreed, estimates follow what came out, and nothing is learnt twice."""

from dataclasses import replace

import pytest

from nightproof.jobs.blobs import sha256_of
from nightproof.jobs.learning import OUTCOMES_FILE, Finished, corrections, learn, standings
from nightproof.jobs.store import JobStore, Observation
from nightproof.optimizer.outcomes import LEAST_OUTCOMES, OutcomeLog
from nightproof.records.analysis import Analysis, Scores
from nightproof.records.asset import Asset, AssetFile
from nightproof.records.judgement import Aggregate, Judgement, Member
from nightproof.records.route import Estimate, Route
from nightproof.records.verdict import Verdict
from nightproof.scenes.flatten import flatten
from nightproof.scenes.gltf import load_gltf
from nightproof.scenes.load import scene_record
from nightproof.scenes.procedural import interior

NOW = "2026-01-01T00:00:00Z"


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    path = tmp_path_factory.mktemp("scene") / "gallery.glb"
    path.write_bytes(interior("gallery"))
    document = load_gltf(path)
    return scene_record(document, path.name, flatten(document))


@pytest.fixture
def jobs(tmp_path):
    store = JobStore.open(tmp_path)
    for number in range(10):
        store.create_job(f"job{number}", "{}", NOW)
    yield store
    store.close()


def finished(scene, *, cpu_seconds=50.0, decided=True, agreed=("a", "b", "c"), among=("a", "b", "c", "d"), number=0):
    scores = Scores(baking=0.9, dynamic=0.0, complexity=0.2 + number / 1000)
    analysis = Analysis(
        scene=scene.digest,
        features={"geometric": {}, "material": {}, "lighting": {}, "dynamic": {}},
        scores=scores,
        volumetrics=False,
        scene_class="interior",
        class_confidence=1.0,
        environment="none",
        unknown_materials=(),
        hints=(),
    )
    route = Route(
        analysis=analysis.digest,
        pipeline="packing",
        wanted="packing",
        fallback_reason="",
        decided_by="user",
        scores=scores,
        alternatives=(),
        parameters={},
    )
    asset = Asset(
        route=route.digest,
        files=(AssetFile("asset.glb", sha256_of(b""), 100_000),),
        pipeline="packing",
        pipeline_version="1",
        seed=0,
        shading="lit",
        exposure=1.0,
        environment="none",
        notes=(),
        work={"cpu_seconds": cpu_seconds},
    )
    blank = {"bound": None, "threshold": None, "outcome": "holds", "views": 5, "note": ""}
    judgement = Judgement(
        verdict=Verdict(source_sha256="", asset_sha256="", policy="", outcome="holds", metrics=()),
        decided=decided,
        agreement=0.75,
        members=tuple(
            Member(verifier=name, public_key="k", weight=0.25, agreed=name in agreed, evidence="", flags=())
            for name in among
        ),
        aggregates=(Aggregate(metric="ssim", mean=0.99, **blank), Aggregate(metric="psnr", mean=40.0, **blank)),
        view_seed=1,
        policy_name="draft",
        shared_references=True,
        reference_self_ssim=1.0,
        cpu_seconds=1.0,
    )
    return Finished(scene, analysis, route, asset, judgement)


def test_who_agreed_gains_weight_and_who_did_not_loses_it(jobs, tmp_path, scene):
    for number in range(5):
        learn(jobs, tmp_path, f"job{number}", NOW, finished(scene, number=number))
    weights = {it.verifier: it.weight for it in standings(jobs.observations(), "interior")}
    assert weights["a"] == weights["b"] > 2 / 3 > weights["d"]
    assert not standings((), "interior")


def test_a_job_is_observed_once_however_often_it_is_finished(jobs, tmp_path, scene):
    for _ in range(3):
        learn(jobs, tmp_path, "job1", NOW, finished(scene))
    assert len(jobs.observations()) == 4
    assert len(OutcomeLog(tmp_path / OUTCOMES_FILE).read()) == 1


def test_where_nothing_was_decided_nobody_is_observed(jobs, tmp_path, scene):
    learn(jobs, tmp_path, "job1", NOW, finished(scene, decided=False))
    assert jobs.observations() == ()


def test_a_job_that_is_forgotten_teaches_no_more(jobs, tmp_path, scene):
    learn(jobs, tmp_path, "job1", NOW, finished(scene))
    jobs.forget("job1")
    assert jobs.observations() == ()


def test_knowing_a_class_well_counts_only_there():
    seen = [Observation("a", "interior", True)] * 10 + [Observation("a", "object", False)] * 10
    inside, outside, elsewhere = (standings(seen, name)[0] for name in ("interior", "object", "outdoor"))
    assert inside.specialisation > 1 > outside.specialisation
    assert elsewhere.specialisation == 1
    assert inside.reputation == outside.reputation == elsewhere.reputation


def test_estimates_follow_what_came_out(jobs, tmp_path, scene):
    """Packing that takes far longer than foretold, again and again."""
    for number in range(LEAST_OUTCOMES + 1):
        learn(jobs, tmp_path, f"job{number}", NOW, finished(scene, cpu_seconds=500.0, number=number))
    told = Estimate(100_000, 1.0, 0.99, 50.0)
    here = finished(scene).analysis
    assert corrections(tmp_path).correct("packing", here, told).cpu_seconds > 3
    assert corrections(tmp_path).correct("baking", here, told) == told
    assert corrections(tmp_path / "empty").correct("packing", here, told) == told


def test_a_lesson_needs_both_what_was_foretold_and_what_was_measured(scene):
    whole = finished(scene)
    unmeasured = replace(whole.judgement, aggregates=())
    assert whole.outcome() is not None
    assert replace(whole, judgement=unmeasured).outcome() is None
