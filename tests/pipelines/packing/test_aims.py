"""Aims of packing: a PSNR is kept, a size is never exceeded, and more leave means no more bytes."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_sight import ball, glb_of, png

from nightproof.pipelines.packing import sight, viewpoint
from nightproof.pipelines.packing.aims import LOOSEST_DB, TRIES, Aim, TooLargeStill, aim_of, packed_for
from nightproof.pipelines.packing.pack import MARGIN_DB, USUAL_DB, PackedFile, Packer, pack
from nightproof.pipelines.packing.texture_loss import Loss, Measured
from nightproof.pipelines.packing.tolerances import LOOKED_AT, Tolerances
from nightproof.scenes.environment import named_environment
from nightproof.scenes.flatten import flatten
from nightproof.scenes.gltf import parse_glb


def quiet(fraction: float, message: str) -> None:
    pass


@pytest.fixture(scope="module", autouse=True)
def few_views():
    """What is tested is the search, not the sight."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sight, "VIEWS", 3)
        patch.setattr(sight, "PIXELS", 1024)
        patch.setattr(viewpoint, "PIXELS", 1024)
        yield


@pytest.fixture(scope="module")
def source() -> bytes:
    y, x = np.mgrid[0:128, 0:128] * 2
    grain = np.random.default_rng(2).normal(scale=9, size=(128, 128, 3))
    pixels = np.stack([90 + x / 4, 120 + y / 4, 140 + 30 * np.sin(x / 9)], -1) + grain
    return glb_of(*ball(24), png(np.clip(pixels, 0, 255).astype(np.uint8)))


def packer_of(source: bytes, **how) -> Packer:
    document = parse_glb(source)
    return Packer(document, flat=flatten(document, named_environment("studio")), **how)


@pytest.fixture(scope="module")
def usual(source: bytes) -> PackedFile:
    document = parse_glb(source)
    return pack(document, flat=flatten(document, named_environment("studio")))


def test_every_view_keeps_the_target_and_bytes_grow_with_it(source, usual):
    packer, sizes = packer_of(source), []
    for target_db in (26.0, 34.0, USUAL_DB, 46.0):
        made = packed_for(packer, Aim(target_db), quiet)
        assert made.steps and min(made.psnr_db) >= target_db + MARGIN_DB
        sizes.append(len(made.data))
    assert sizes == sorted(sizes) and sizes[0] < 0.75 * len(usual.data)


def test_without_an_aim_the_usual_bytes_are_made(source, usual):
    assert packed_for(packer_of(source), aim_of({"outputs": "A"}), quiet).data == usual.data


def test_what_was_made_before_changes_nothing(source):
    used = packer_of(source)
    for target_db in (46.0, 23.0):
        packed_for(used, Aim(target_db), quiet)
    assert packed_for(used, Aim(31.0), quiet).data == packed_for(packer_of(source), Aim(31.0), quiet).data


def test_a_size_is_never_exceeded_and_for_any_number_of_threads_the_same_file_is_made(source, usual):
    wanted = int(0.7 * len(usual.data))
    made = packed_for(packer_of(source), Aim(most_bytes=wanted), quiet)
    assert len(made.data) <= wanted and min(made.psnr_db) < min(usual.psnr_db)
    assert packed_for(packer_of(source, threads=2), Aim(most_bytes=wanted), quiet) == made


def test_what_is_small_enough_is_what_is_usual(source, usual):
    made = packed_for(packer_of(source), Aim(most_bytes=len(usual.data)), quiet)
    assert made.data == usual.data


def test_too_small_a_size_is_an_error_that_says_the_smallest_and_what_would_help(source):
    with pytest.raises(TooLargeStill) as caught:
        packed_for(packer_of(source), Aim(most_bytes=900), quiet)
    smallest = len(packed_for(packer_of(source), Aim(LOOSEST_DB), quiet).data)
    assert f"{smallest:,}" in str(caught.value) and f"--target-bytes {smallest}" in caught.value.hint
    assert "--pipeline baking" in caught.value.hint


@dataclass
class Pretended:
    """A packer whose files are as large as a list says, by decibel."""

    sizes: list[int]
    made: list[float] = field(default_factory=list)
    usual = Tolerances(loss=LOOKED_AT)
    document = SimpleNamespace(json={}, file_bytes=None, count=lambda name: 0)

    def packed(self, tolerances: Tolerances, least_psnr_db: float, progress) -> PackedFile:
        target_db = least_psnr_db - MARGIN_DB
        self.made.append(target_db)
        size = self.sizes[int(target_db - LOOSEST_DB)]
        return PackedFile(bytes(size), ("geometry",), (), (target_db,))


@given(st.lists(st.integers(50, 4000), min_size=41, max_size=41), st.integers(40, 4000), st.booleans())
def test_the_search_ends_within_its_tries_and_takes_the_best_it_made(sizes, most_bytes, in_order):
    packer = Pretended(sorted(sizes) if in_order else sizes)
    try:
        found = packed_for(packer, Aim(most_bytes=most_bytes), quiet)  # type: ignore[arg-type]
    except TooLargeStill:
        assert LOOSEST_DB in packer.made and packer.sizes[0] > most_bytes
    else:
        fitting = [db for db in packer.made if packer.sizes[int(db - LOOSEST_DB)] <= most_bytes]
        assert len(found.data) <= most_bytes and found.psnr_db == (max(fitting),)
    assert len(packer.made) <= TRIES + 1


def test_of_sizes_that_grow_evenly_the_search_uses_nearly_all():
    packer = Pretended([round(1000 * 1.08**db) for db in range(41)])
    found = packed_for(packer, Aim(most_bytes=3000), quiet)  # type: ignore[arg-type]
    assert 2600 <= len(found.data) <= 3000 and len(packer.made) <= 6


def test_where_sizes_leap_at_the_very_end_the_loosest_is_tried_all_the_same():
    packer = Pretended([50] + [4000] * 40)
    found = packed_for(packer, Aim(most_bytes=3900), quiet)  # type: ignore[arg-type]
    assert len(found.data) == 50 and len(packer.made) == TRIES + 1


def test_where_all_packed_geometry_shows_vertices_stay_as_they_came(source):
    document = parse_glb(source)
    flat = flatten(document, named_environment("studio"))
    untouched = pack(document, flat=flat, tolerances=Tolerances(loss=Loss().stricter(30)), least_psnr_db=90.0)
    assert untouched.steps and "geometry" not in untouched.steps and min(untouched.psnr_db) >= 90.0
    nothing = pack(document, flat=flat, tolerances=Tolerances(loss=Loss().stricter(30)), least_psnr_db=100.0)
    assert nothing.data == source and "showed" in nothing.notes[0]


@given(st.floats(-20, 20), st.floats(20, 60), st.floats(0.01, 20))
def test_stricter_by_so_many_decibels_leaves_so_many_less(more_db, kept_db, turned_deg):
    for found in (Measured(color_psnr_db=kept_db), Measured(normal_rms_deg=turned_deg, polished=True)):
        for loss in (Loss(), LOOKED_AT, LOOKED_AT.of_grain):
            assert found.margin_db(loss.stricter(more_db)) == pytest.approx(found.margin_db(loss) - more_db)
    assert LOOKED_AT.stricter(0.0) == LOOKED_AT
