"""Four real processes measure a real file against itself, sign, and the certificate verifies."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
from synthetic import task

from nightproof.records.asset import AssetFile
from nightproof.scenes.reading import load_scene
from nightproof.trust.certificate import verify_files
from nightproof.trust.certifying import make_certificate
from nightproof.trust.committee import Files, VerifierFailed, run_committee
from nightproof.trust.verifier import WrongFiles, check_source

SCENE = Path(__file__).parents[2] / ".." / "shared" / "scenes" / "AnimatedMorphCube_quant.glb"


def test_files_that_are_not_what_the_task_names_are_not_measured(tmp_path):
    path = tmp_path / "scene.glb"
    path.write_bytes(b"other bytes")
    with pytest.raises(VerifierFailed, match="SHA-256"):
        run_committee(task(), Files(path, path, tmp_path / "cache"), folder=tmp_path, timeout_s=60)


def test_a_scene_in_several_files_is_what_the_task_names_until_one_of_them_changes(tmp_path):
    """A material library changes the picture as much as the OBJ does."""
    scene, library = tmp_path / "a.obj", tmp_path / "a.mtl"
    scene.write_text("mtllib a.mtl\nv 0 0 0\nv 1 0 0\nv 0 1 0\nusemtl m\nf 1 2 3\n")
    library.write_text("newmtl m\nKd 1 0 0\n")
    digest = load_scene(scene).source_sha256
    assert digest != hashlib.sha256(scene.read_bytes()).hexdigest()
    check_source(scene, digest)
    library.write_text("newmtl m\nKd 0 1 0\n")
    with pytest.raises(WrongFiles):
        check_source(scene, digest)


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.skipif(not SCENE.exists(), reason="needs ../shared")
def test_a_committee_of_processes_certifies_a_faithful_copy(tmp_path):
    base = task()
    digest = hashlib.sha256(SCENE.read_bytes()).hexdigest()
    asked = replace(
        base,
        source_sha256=digest,
        asset_sha256=digest,
        policy=replace(base.policy, image_px=48, reference_self_ssim=0.9),
        environment="studio",
        shading="lit",
    )
    judgement = run_committee(asked, Files(SCENE, SCENE, tmp_path / "cache"), folder=tmp_path, threads=2)
    assert judgement.decided
    data = make_certificate(judgement, asked, [AssetFile(SCENE.name, digest, SCENE.stat().st_size)], folder=tmp_path)
    (tmp_path / "certificate.json").write_bytes(data)
    assert verify_files(SCENE, tmp_path / "certificate.json").outcome == "holds"
