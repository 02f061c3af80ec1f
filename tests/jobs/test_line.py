"""The line under faults: whatever write fails or is cut off, nothing half-written stays and the next run carries on."""

import errno
import os
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from cell import cell

from nightproof.errors import StorageFailed
from nightproof.jobs import auditing, blobs, line, making
from nightproof.jobs.asking import Wishes
from nightproof.jobs.line import run_job
from nightproof.jobs.store import JobStore
from nightproof.pipelines.packing.aims import TooLargeStill
from nightproof.records.audit import Certification, Page
from nightproof.records.evidence import Testimony
from nightproof.records.judgement import Judgement, Member
from nightproof.records.verdict import Verdict

STEPS = ("load", "analyse", "route", "plan", "audit", "make", "judge", "testimony", "certify", "report")
FILES = {"asset.glb", "certificate.json", "report.html", "job.json"}


class Killed(BaseException):
    """Stands for whatever ends a process in the middle of a write."""


@pytest.fixture
def scene(tmp_path):
    path = tmp_path / "cell.glb"
    path.write_bytes(cell())
    return path


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """The steps that measure, without measuring: what is tested here is what happens between the steps."""

    def judged(task, *_):
        verdict = Verdict(
            source_sha256=task.source_sha256,
            asset_sha256=task.asset_sha256,
            policy=task.policy.digest,
            outcome="holds",
            metrics=(),
        )
        member = Member(verifier="v", public_key="k", weight=1.0, agreed=True, evidence="", flags=())
        return Judgement(
            verdict=verdict,
            decided=True,
            agreement=1.0,
            members=(member,),
            aggregates=(),
            view_seed=1,
            policy_name="draft",
            shared_references=True,
            reference_self_ssim=1.0,
            cpu_seconds=1.0,
        )

    def certified(judgement, *_, blobs, **__):
        return Certification(
            judgement=judgement.digest, certificate_sha256=blobs.put(b"{}" + bytes(5000)), certified=True
        )

    def paged(outcome, audit, judgement, certification, *_, blobs, **__):
        data = b"<html>" + bytes(5000)
        return Page(certification=certification.digest, sha256=blobs.put(data), size_bytes=len(data))

    monkeypatch.setattr(line, "audit_scene", lambda source, seed, **_: auditing._not_run(source, seed, "a test"))
    monkeypatch.setattr(line, "judge_asset", judged)
    monkeypatch.setattr(line, "certify", certified)
    monkeypatch.setattr(line, "make_page", paged)
    monkeypatch.setattr(
        line, "gather_testimony", lambda judgement, *_: Testimony(judgement=judgement.digest, evidence=())
    )
    monkeypatch.setattr(making, "exposure_of", lambda *_: 1.0)


def job(scene: Path, folder: Path, **more):
    wishes = Wishes(policy="draft", pipeline="packing")
    return run_job(scene, folder / "out", wishes, store=folder / "store", threads=1, **more)


def committed(folder: Path) -> dict[tuple[str, str], str]:
    """Step → token of every committed step, as it stands in the database."""
    engine = sa.create_engine(f"sqlite:///{folder / 'store' / 'jobs.sqlite'}")
    with engine.connect() as connection:
        rows = connection.execute(sa.text("SELECT job, step, token FROM steps")).all()
    engine.dispose()
    return {(row[0], row[1]): row[2] for row in rows}


def drafts(folder: Path) -> list[Path]:
    return list(folder.rglob(".part-*"))


def whole(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / "out").iterdir()} if (folder / "out").exists() else {}


def fail_at(monkeypatch, count: int, fault: BaseException) -> None:
    """Let the `count`th write from now on fail when its bytes are flushed."""
    left, flush = [count], os.fsync

    def failing(handle: int) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise fault
        flush(handle)

    monkeypatch.setattr(blobs.os, "fsync", failing)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["full", "killed"])
def test_every_single_write_may_fail_and_the_job_ends_as_if_nothing_had_happened(tmp_path, scene, monkeypatch, kind):
    peace, fire = tmp_path / "peace", tmp_path / "fire"
    job(scene, peace)
    expected = whole(peace)
    assert set(expected) == FILES

    standing: dict[tuple[str, str], str] = {}
    failures = 0
    for attempt in range(200):
        fault: BaseException = OSError(errno.ENOSPC, "No space left on device") if kind == "full" else Killed()
        with monkeypatch.context() as patch:
            fail_at(patch, 1 + attempt % 2, fault)  # one that loses what was just begun, one that gets a write further
            try:
                job(scene, fire)
                break
            except StorageFailed as error:
                assert kind == "full" and "disk is full" in str(error) and error.hint
            except Killed:
                assert kind == "killed"
        failures += 1
        assert not drafts(fire)
        for name, data in whole(fire).items():
            assert name in FILES and (name == "job.json" or data == expected[name])
        found = committed(fire)
        assert standing.items() <= found.items(), "a committed step was committed again"
        standing = found
    assert failures > 2 * len(STEPS)
    assert {step for _, step in committed(fire)} == set(STEPS)
    assert whole(fire)["asset.glb"] == expected["asset.glb"]


def test_a_size_is_kept_or_there_is_no_asset_and_the_report_of_the_job_says_what_was_asked(tmp_path, scene):
    job(scene, tmp_path / "usual")
    size = len(whole(tmp_path / "usual")["asset.glb"])
    for wanted in (100, size):
        folder = tmp_path / str(wanted)
        wishes = Wishes(policy="draft", target_bytes=wanted)
        if wanted == size:
            done = run_job(scene, folder / "out", wishes, store=folder / "store", threads=1)
            assert done.route.pipeline == "packing" and done.asset.main.size_bytes <= wanted
            assert done.route.parameters["target_bytes"] == wanted
            assert b"target_bytes" in whole(folder)["job.json"]
        else:
            with pytest.raises(TooLargeStill):
                run_job(scene, folder / "out", wishes, store=folder / "store", threads=1)
            assert not whole(folder)


def test_a_database_on_a_full_disk_is_a_typed_error_and_the_next_run_carries_on(tmp_path, scene, monkeypatch):
    """Each commit in turn finds the disk full."""
    for count in range(1, 8):
        left = [count]

        def full(_: object, left: list[int] = left) -> None:
            left[0] -= 1
            if left[0] == 0:
                raise sa.exc.OperationalError("COMMIT", {}, Exception("database or disk is full"))

        sa.event.listen(sa.Engine, "commit", full)
        try:
            with pytest.raises(StorageFailed, match="disk is full"):
                job(scene, tmp_path)
        finally:
            sa.event.remove(sa.Engine, "commit", full)
        assert not drafts(tmp_path) and not whole(tmp_path)
    assert set(job(scene, tmp_path).files) == FILES


@pytest.mark.parametrize("place", ["out", "store"])
def test_a_file_in_the_way_of_a_folder_is_a_typed_error(tmp_path, scene, place):
    (tmp_path / place).write_text("mine")
    with pytest.raises(StorageFailed):
        job(scene, tmp_path)
    assert (tmp_path / place).read_text() == "mine"


def test_an_output_folder_that_cannot_be_written_is_found_before_the_work(tmp_path, scene, monkeypatch):
    (tmp_path / "out").write_text("mine")
    monkeypatch.setattr(line, "make_asset", lambda *_, **__: pytest.fail("the work was done for nothing"))
    with pytest.raises(StorageFailed):
        job(scene, tmp_path)


def test_another_policy_behind_the_same_name_is_another_job(tmp_path, scene, monkeypatch):
    from nightproof.trust import policy

    first = job(scene, tmp_path).job
    assert job(scene, tmp_path).job == first
    changed = replace(policy.DRAFT, views_cap=(2, 3))
    monkeypatch.setitem(policy.POLICIES, "draft", changed)
    assert job(scene, tmp_path).job != first


def test_a_job_made_again_is_committed_anew(tmp_path, scene):
    job(scene, tmp_path)
    before = committed(tmp_path)
    job(scene, tmp_path, again=True)
    after = committed(tmp_path)
    assert before.keys() == after.keys() and not set(before.values()) & set(after.values())
    store = JobStore.open(tmp_path / "store")
    assert len(store.observations()) == 1
    store.close()


def test_a_job_made_again_finds_neither_old_reports_nor_old_scratch(tmp_path, scene, monkeypatch):
    asked, honest = [], line.judge_asset
    monkeypatch.setattr(line, "judge_asset", lambda task, *rest: asked.append(task.digest) or honest(task, *rest))
    name = job(scene, tmp_path).job
    store = tmp_path / "store"
    report, other = (store / "verifiers" / "v" / "reports" / f"{key}.json" for key in (asked[0], "0" * 64))
    report.parent.mkdir(parents=True)
    tile = store / "scratch" / name / "bake" / "tile.npz"
    tile.parent.mkdir(parents=True)
    for path in (report, other, tile):
        path.write_bytes(b"old")
    seen = []
    monkeypatch.setattr(
        line, "make_asset", lambda *a, make=line.make_asset, **k: seen.append(tile.exists()) or make(*a, **k)
    )
    job(scene, tmp_path, again=True)
    assert seen == [False]
    assert not report.exists() and other.exists()
