"""A step is committed once, whatever happens around it."""

import errno
import multiprocessing
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from nightproof.errors import StorageFailed
from nightproof.jobs import blobs as blobs_module
from nightproof.jobs.blobs import NUMBERED, BlobMissing, BlobStore, sweep, write_atomically
from nightproof.jobs.store import JobStore
from nightproof.records.verdict import Verdict

NOW = "2026-01-01T00:00:00Z"


def verdict(name: str) -> Verdict:
    return Verdict(source_sha256=name, asset_sha256="b", policy="c", outcome="holds", metrics=())


@pytest.fixture
def store(tmp_path):
    store = JobStore.open(tmp_path / "store")
    store.create_job("job", "{}", NOW)
    yield store
    store.close()


def test_what_is_committed_is_found_again_after_reopening(tmp_path, store):
    token = store.begin("job", "judge", NOW)
    store.commit("job", "judge", token, verdict("a"), NOW)
    again = JobStore.open(tmp_path / "store")
    committed = again.committed("job", "judge")
    assert committed is not None
    assert again.record(committed, Verdict) == verdict("a")


def test_the_first_commit_stands_and_a_late_one_gets_the_winners_record(store):
    first, late = store.begin("job", "judge", NOW), store.begin("job", "judge", NOW)
    store.commit("job", "judge", first, verdict("first"), NOW)
    standing = store.commit("job", "judge", late, verdict("late"), NOW)
    assert standing.token == first
    assert store.record(standing, Verdict) == verdict("first")


def _race(folder: Path, name: str, start: Any) -> None:
    store = JobStore.open(folder)
    token = store.begin("job", "judge", NOW)
    start.wait()
    store.commit("job", "judge", token, verdict(name), NOW)


def test_racing_processes_agree_on_one_record(tmp_path, store):
    context = multiprocessing.get_context("fork")
    start = context.Event()
    racers = [context.Process(target=_race, args=(tmp_path / "store", f"v{i}", start)) for i in range(4)]
    for racer in racers:
        racer.start()
    start.set()
    for racer in racers:
        racer.join()
        assert racer.exitcode == 0
    assert len(store.attempts_of("job")) == 4
    assert len(store.steps_of("job")) == 1


def test_forgetting_a_job_makes_its_steps_undone(store):
    store.commit("job", "judge", store.begin("job", "judge", NOW), verdict("a"), NOW)
    store.forget("job")
    assert store.committed("job", "judge") is None


def test_a_blob_that_rotted_is_noticed(tmp_path):
    blobs = BlobStore(tmp_path)
    digest = blobs.put(b"true")
    blobs.path_of(digest).write_bytes(b"true?")
    with pytest.raises(BlobMissing, match="no longer"):
        blobs.get(digest)


def test_a_missing_blob_is_a_typed_error(tmp_path):
    with pytest.raises(BlobMissing):
        BlobStore(tmp_path).get("0" * 64)


def test_a_full_disk_leaves_no_file_and_says_so(tmp_path, monkeypatch):
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(blobs_module.os, "fsync", full)
    with pytest.raises(StorageFailed, match="disk is full"):
        write_atomically(tmp_path / "asset.glb", b"data")
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_keeps_what_was_there(tmp_path, monkeypatch):
    target = tmp_path / "asset.glb"
    write_atomically(target, b"old")
    monkeypatch.setattr(blobs_module.os, "fsync", lambda _: (_ for _ in ()).throw(OSError(errno.EIO, "bad disk")))
    with pytest.raises(StorageFailed):
        write_atomically(target, b"new")
    assert target.read_bytes() == b"old"


def test_drafts_of_killed_writers_are_swept_and_nothing_else(tmp_path):
    ended = multiprocessing.get_context("fork").Process(target=int)
    ended.start()
    ended.join()
    keep = [f".part-{os.getpid()}-abc", "photo.12345", ".part-notes", "asset.glb"]
    for name in (*keep, f".part-{ended.pid}-abc"):
        (tmp_path / name).write_bytes(b"")
    sweep(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(keep)
    (tmp_path / f"key.{ended.pid}").mkdir()
    (tmp_path / f"key.{os.getpid()}").mkdir()
    (tmp_path / "photo.12345").unlink()
    sweep(tmp_path, NUMBERED)
    assert {path.name for path in tmp_path.iterdir()} == {*keep, f"key.{os.getpid()}"} - {"photo.12345"}


def test_a_file_where_the_store_should_be_is_a_typed_error(tmp_path):
    (tmp_path / "store").write_text("in the way")
    with pytest.raises(StorageFailed):
        JobStore.open(tmp_path / "store")


def test_a_database_that_is_no_database_is_a_typed_error(tmp_path):
    (tmp_path / "jobs.sqlite").write_bytes(b"not a database, not at all " * 100)
    with pytest.raises(StorageFailed):
        JobStore.open(tmp_path)


def _commit_until_killed(folder: Path) -> None:
    store = JobStore.open(folder)
    for i in range(10_000):
        store.commit("job", f"step{i}", store.begin("job", f"step{i}", NOW), verdict(f"v{i}"), NOW)


def test_a_killed_writer_leaves_every_committed_record_readable(tmp_path, store):
    writer = multiprocessing.get_context("fork").Process(target=_commit_until_killed, args=(tmp_path / "store",))
    writer.start()
    while len(store.steps_of("job")) < 5:
        pass
    assert writer.pid is not None
    os.kill(writer.pid, signal.SIGKILL)
    writer.join()
    for step, committed in store.steps_of("job").items():
        assert store.record(committed, Verdict) == verdict(f"v{step.removeprefix('step')}")
