"""Textures: the lowest quality that holds, what is tried beyond the best of the lossy coder, what nobody sees."""

from __future__ import annotations

import io
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from nightproof.pipelines.packing.covered import SIDE, shown_cells
from nightproof.pipelines.packing.draft import Draft
from nightproof.pipelines.packing.picture import Picture, Rounding, any_of, picture_of
from nightproof.pipelines.packing.pixels import halved, reread
from nightproof.pipelines.packing.quality import CLOSE_DB, HIGHEST, NEAR, lowest_that_holds
from nightproof.pipelines.packing.texture_loss import Loss, measured, slack_at_full_size_db
from nightproof.pipelines.packing.texture_uses import TextureUse
from nightproof.pipelines.packing.texture_work import Asked, Work
from nightproof.pipelines.packing.textures import TextureCoder
from nightproof.scenes.gltf import parse_glb, write_glb

COLOR = TextureUse(frozenset({"color"}), frozenset("rgb"))


def png(pixels: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def saturated(side: int = 256) -> np.ndarray:
    """Grain of a texel in every channel: half-resolution chroma holds it at no quality."""
    return np.random.default_rng(3).integers(90, 166, (side, side, 3)).astype(np.uint8)


@given(st.lists(st.floats(-3, 3), min_size=51, max_size=51), st.sampled_from([50, 85]))
def test_the_quality_found_holds_and_few_below_it_do(values, least):
    margins = dict(zip(range(50, 101), np.sort(values), strict=True))
    asked = []

    def margin_db(quality):
        asked.append(quality)
        return margins[quality]

    found = lowest_that_holds(margin_db, least)
    assert len(set(asked)) <= 16 and min(asked) >= least
    if found > HIGHEST:
        assert margins[100] < 0
    else:
        assert margins[found] >= 0
        assert found - NEAR < least or margins[found - NEAR] < 0 or margins[found] <= CLOSE_DB


def test_beyond_the_lossy_coders_best_its_best_then_rounding_then_the_very_values():
    image = png(saturated())
    coder = TextureCoder(image, Work(COLOR), Loss(color_psnr_db=30, grain_color_psnr_db=10))
    first = coder.encoded()
    assert first.data and first.kept_db < 0 and first.is_grain, "less than asked for, and no quality has it"
    best = coder.encoded(Asked(5.0, above_db=-9.0))
    assert best.data and best.data[12:16] == b"VP8 " and first.kept_db < best.kept_db < 5.0
    rounded = coder.encoded(Asked(5.0, above_db=best.kept_db))
    assert rounded.data is None or (rounded.data[12:16] == b"VP8L" and rounded.kept_db >= 5.0)
    exact = coder.encoded(Asked(60.0, above_db=50.0))
    assert exact.kept_db == math.inf


def test_asked_again_after_others_the_same_is_made():
    """What was measured for other tolerances saves work and changes nothing."""
    image = png(np.clip(saturated() // 3 + np.arange(256, dtype=np.uint8)[:, None, None] // 2, 0, 255))
    fresh = TextureCoder(image, Work(COLOR), Loss(color_psnr_db=33)).encoded(Asked(1.3))
    used = TextureCoder(image, Work(COLOR), Loss(color_psnr_db=33))
    for stricter_db in (None, 4.0, 0.4, 9.0):
        used.encoded(None if stricter_db is None else Asked(stricter_db))
    assert used.encoded(Asked(1.3)) == fresh


def test_a_cached_answer_is_the_whole_answer(tmp_path):
    image = png(saturated(128))
    made = [TextureCoder(image, Work(COLOR), Loss(), tmp_path).encoded(Asked(2.0)) for _ in range(2)]
    assert made[0] == made[1] and len(list(tmp_path.glob("*.webp"))) == 1


def test_opaque_bands_of_a_picture_with_alpha_are_measured_all_the_same():
    """The lossy coder drops alpha that is full; large pictures may be transparent between their bands only."""
    y, x = np.mgrid[0:1024, 0:1024]
    smooth = np.stack([x / 8, y / 8, (x + y) / 16, np.full_like(x, 255)], -1).astype(np.uint8)
    smooth[0, 0, 3] = 0
    use = TextureUse(frozenset({"color"}), frozenset("rgba"))
    made = TextureCoder(png(smooth), Work(use), Loss()).encoded()
    assert made.data and made.kept_db > -1 and reread(made.data, 4)[0, 0, 3] == 0


def test_bands_of_one_value_count_more_than_grain_of_the_same_error():
    """A picture whose values are rounded shows steps; noise of the same size averages out from afar."""
    y, x = np.mgrid[0:256, 0:256]
    slope = np.stack([60 + (x + y) / 16] * 3, -1)
    before = np.rint(slope).astype(np.uint8)
    stepped = (np.rint(slope / 9) * 9).astype(np.uint8)
    rms = np.sqrt(((stepped.astype(float) - before) ** 2).mean())
    noisy = np.clip(np.rint(slope + np.random.default_rng(1).normal(scale=rms, size=slope.shape)), 0, 255).astype(
        np.uint8
    )
    steps, noise = (measured(Picture(before), after, COLOR, rounded=True).color_psnr_db for after in (stepped, noisy))
    assert steps < noise - 3


@pytest.mark.parametrize("middle", [0, 128])
def test_rounding_keeps_the_middle_and_sparing_it_keeps_slopes(middle):
    pixels = np.random.default_rng(7).integers(0, 256, (64, 64, 4)).astype(np.uint8)
    pixels[:, :, 0] = middle
    pixels[20:50, 20:50] = 128 + (np.arange(30) // 4)[:, None, None]
    plain, sparing = Rounding(5).of(pixels, middle), Rounding(5, sparing=True).of(pixels, middle)
    for rounded in (plain, sparing):
        assert (rounded[..., 3] == pixels[..., 3]).all() and (rounded[:20, :, 0] == middle).all()
        assert np.abs(rounded.astype(int) - pixels).max() <= 2 + (middle == 0)  # the last step is cut off at 255
    assert (sparing[21:49, 21:49] == pixels[21:49, 21:49]).all()
    assert not (plain[21:49, 21:49] == pixels[21:49, 21:49]).all()
    assert Rounding(1).of(pixels) is pixels


def test_what_is_not_shown_is_filled_and_what_is_shown_stays():
    pixels = saturated(512)
    pixels[:, :256] //= 2
    cells = np.zeros((SIDE, SIDE), bool)
    cells[100:200, 100:400] = True
    picture = picture_of(pixels, cells)
    assert (picture.pixels[cells] == pixels[cells]).all() and picture.shown is not None
    hidden = picture.pixels[~cells]
    assert len(np.unique(hidden, axis=0)) < 0.02 * len(hidden)
    assert picture.pixels[201, 110].max() < 80 < 100 < picture.pixels[201, 390].min(), "the colour of what is near"
    assert len(png(picture.pixels)) < 0.4 * len(png(pixels))


@pytest.mark.parametrize("shape", [(1024, 2048), (256, 256), (64, 64), (300, 500), (16, 16)])
def test_any_size_of_picture_takes_a_mask_or_stays_as_it_is(shape):
    pixels = np.random.default_rng(1).integers(0, 256, (*shape, 3)).astype(np.uint8)
    cells = np.zeros((SIDE, SIDE), bool)
    cells[:200, :300] = True
    picture = picture_of(pixels, cells)
    assert picture.pixels.shape == pixels.shape
    assert picture.shown is None or picture.shown.shape == shape
    assert (picture.pixels == pixels).all() or picture.shown is not None


def test_loss_where_nobody_looks_counts_for_nothing():
    before = saturated(256)
    after = before.copy()
    after[:, 128:] = 0
    shown = np.zeros((256, 256), bool)
    shown[:, :120] = True
    assert measured(Picture(before, shown), after, COLOR).color_psnr_db > 90
    assert measured(Picture(before), after, COLOR).color_psnr_db < 20


def triangle_glb(uv: np.ndarray, sampler: dict | None = None, transform: dict | None = None, pointed=False) -> bytes:
    """One triangle that shows part of an image."""
    corner = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]], "<f4").tobytes()
    image = png(np.zeros((8, 8, 3), np.uint8))
    chunks = [
        corner,
        np.asarray(uv, "<f4").tobytes(),
        image + b"\0" * (-len(image) % 4),
        np.arange(2, dtype="<f4").tobytes(),
    ]
    starts = np.cumsum([0] + [len(chunk) for chunk in chunks]).tolist()
    use: dict = {"index": 0}
    if transform:
        use["extensions"] = {"KHR_texture_transform": transform}
    json: dict = {
        "asset": {"version": "2.0"},
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0, "TEXCOORD_0": 1}, "material": 0}]}],
        "materials": [{"pbrMetallicRoughness": {"baseColorTexture": use}}],
        "textures": [{"source": 0} | ({"sampler": 0} if sampler else {})],
        "images": [{"bufferView": 2, "mimeType": "image/png"}],
        "accessors": [
            {"bufferView": 0, "componentType": 5126, "count": 3, "type": "VEC3", "min": [0, 0, 0], "max": [1, 1, 0]},
            {"bufferView": 1, "componentType": 5126, "count": 3, "type": "VEC2"},
            {"bufferView": 3, "componentType": 5126, "count": 2, "type": "SCALAR"},
        ],
        "bufferViews": [
            {"buffer": 0, "byteOffset": s, "byteLength": len(c)} for s, c in zip(starts, chunks, strict=False)
        ],
        "buffers": [{"byteLength": starts[-1]}],
    }
    if sampler:
        json["samplers"] = [sampler]
    if pointed:
        pointer = "/materials/0/pbrMetallicRoughness/baseColorTexture/extensions/KHR_texture_transform/offset"
        target = {"path": "pointer", "extensions": {"KHR_animation_pointer": {"pointer": pointer}}}
        json["animations"] = [{"channels": [{"sampler": 0, "target": target}], "samplers": [{"input": 2, "output": 1}]}]
    return write_glb(json, b"".join(chunks))


CORNER = np.array([[0, 0], [0.25, 0], [0, 0.25]])
OTHER_TILE = CORNER + np.array([-3, 7])
TILED = CORNER * 20
ACROSS = CORNER + np.array([0.9, 0])


def cells_of(source: bytes) -> np.ndarray | None:
    return shown_cells(Draft.of(parse_glb(source))).get(0)


def test_cells_are_those_of_the_triangle_wherever_its_tile_lies():
    cells = cells_of(triangle_glb(CORNER))
    assert cells is not None and cells[5, 5] and cells[5, 120] and not cells[200, 5] and not cells[100, 100]
    assert abs(cells.mean() - 1 / 32) < 0.01
    assert (cells == cells_of(triangle_glb(OTHER_TILE))).all()
    across = cells_of(triangle_glb(ACROSS))
    assert across is not None and across[5, 500] and across[5, 60] and not across[5, 300]
    mirrored = cells_of(triangle_glb(OTHER_TILE, sampler={"wrapS": 33648}))  # an odd tile: from right to left
    assert mirrored is not None and mirrored[5, 506] and mirrored[5, 391] and not mirrored[5, 5]


def test_transforms_move_what_is_shown():
    moved = cells_of(triangle_glb(CORNER, transform={"offset": [0.5, 0.5], "scale": [0.5, 1]}))
    assert moved is not None and moved[260, 260] and not moved[5, 5] and not moved[260, 340]
    turned = cells_of(triangle_glb(CORNER, transform={"rotation": math.pi / 2}))  # u′ = v, v′ = −u
    assert turned is not None and turned[500, 5] and not turned[30, 30]


@pytest.mark.parametrize(
    "source",
    [
        triangle_glb(TILED),
        triangle_glb(CORNER - np.array([0.1, 0]), sampler={"wrapS": 33071}),
        triangle_glb(CORNER, pointed=True),
        triangle_glb(CORNER * np.nan),
    ],
    ids=["tiled", "clamped", "moved by an animation", "not a number"],
)
def test_where_it_cannot_be_told_all_is_shown(source):
    assert cells_of(source) is None


def test_blocks_of_which_any_part_is_shown():
    cells = np.zeros((8, 8), bool)
    cells[3, 5] = True
    assert np.argwhere(any_of(cells, 4)).tolist() == [[0, 1]]


@pytest.mark.parametrize("kinds", [{"color"}, {"normal"}, {"data"}])
@pytest.mark.parametrize("height", [1024, 1340])
def test_what_is_measured_by_bands_is_what_the_whole_picture_lost(monkeypatch, kinds, height):
    """A band's errors are summed, not averaged: a loss in one band counts by its texels."""
    from nightproof.pipelines.packing import pixels as bands_of

    random = np.random.default_rng(3)
    before = random.integers(0, 256, (height, 1024, 3), np.uint8)
    after = before.copy()
    after[40:90] = np.clip(after[40:90].astype(int) + random.integers(-9, 10, (50, 1024, 3)), 0, 255)
    shown = np.zeros((height, 1024), bool)
    shown[: height // 2, 100:] = True
    use = TextureUse(frozenset(kinds), frozenset("rgb"))
    cells = [None, shown]
    made = [measured(Picture(before, some), after, use) for some in cells]
    slacks = [slack_at_full_size_db(Picture(before, some), after, use, Loss()) for some in cells]
    small = halved(before, kinds)
    monkeypatch.setattr(bands_of, "BAND_ROWS", 1 << 20)
    for i, some in enumerate(cells):
        whole = measured(Picture(before, some), after, use)
        for name in ("color_psnr_db", "data_psnr_db", "normal_rms_deg"):
            assert getattr(made[i], name) == pytest.approx(getattr(whole, name), rel=1e-6)
        assert slacks[i] == pytest.approx(slack_at_full_size_db(Picture(before, some), after, use, Loss()), rel=1e-6)
    assert np.array_equal(small, halved(before, kinds))


def test_a_coder_holds_no_whole_picture_between_its_encodings():
    grain = np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8)
    data = png(grain.repeat(4, axis=0).repeat(4, axis=1))
    coder = TextureCoder(data, Work(TextureUse(frozenset({"color"}), frozenset("rgb")), 4.0), Loss())
    first = coder.encoded()
    held = {size.picture.pixels.shape for size in coder._sizes if "picture" in vars(size)}
    assert held <= {(128, 128, 3), (64, 64, 3)}
    assert coder.encoded() == first
