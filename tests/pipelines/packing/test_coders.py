"""AVIF on request: it holds what WebP holds, keeps out of alpha, and every texture names what it shows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import features
from test_sight import ball, glb_of, png

from nightproof.errors import NotOnThisMachine
from nightproof.pipelines.packing.coders import AVIF, WEBP, coder_named
from nightproof.pipelines.packing.pack import pack
from nightproof.pipelines.packing.picture import Picture
from nightproof.pipelines.packing.pixels import avif, decoded, reread
from nightproof.pipelines.packing.texture_loss import Loss, measured
from nightproof.pipelines.packing.texture_uses import TextureUse
from nightproof.pipelines.packing.texture_work import Asked, Had, Work
from nightproof.pipelines.packing.textures import TextureCoder
from nightproof.scenes.flatten import flatten
from nightproof.scenes.gltf import parse_glb, sniff_mime, write_glb

pytestmark = pytest.mark.skipif(not features.check("avif"), reason="this Pillow writes no AVIF")


def painted(side: int = 192, channels: int = 3) -> np.ndarray:
    y, x = np.mgrid[0:side, 0:side]
    soft = np.stack([80 + x / 2, 100 + 40 * np.sin(y / 11), 120 + (x + y) / 4, 255 - x / 3], -1)
    grain = np.random.default_rng(1).normal(scale=3, size=soft.shape)
    return np.clip(soft + grain, 0, 255).astype(np.uint8)[..., :channels]


def slopes(side: int = 192) -> np.ndarray:
    y, x = np.mgrid[0:side, 0:side] / 20
    normals = np.stack([np.sin(x) * np.cos(y), np.sin(1.3 * y + x), np.full_like(x, 2.5)], -1)
    normals += np.random.default_rng(1).normal(scale=0.03, size=normals.shape)
    normals /= np.linalg.norm(normals, axis=-1, keepdims=True)
    return np.rint(127.5 + 127.5 * normals).astype(np.uint8)


USES = {
    "color": TextureUse(frozenset({"color"}), frozenset("rgb")),
    "data": TextureUse(frozenset({"data"}), frozenset("gb")),
    "normal": TextureUse(frozenset({"normal"}), frozenset("rgb")),
}


@pytest.mark.parametrize("kind", USES)
def test_avif_keeps_what_the_use_asks_for_in_fewer_bytes_than_webp(kind):
    pixels, loss = slopes() if kind == "normal" else painted(), Loss(color_psnr_db=36, data_psnr_db=36)
    made = {
        coder.name: TextureCoder(png(pixels), Work(USES[kind]), loss, None, coder).encoded().data
        for coder in (WEBP, AVIF)
    }
    assert made["avif"] and made["webp"] and sniff_mime(made["avif"]) == "image/avif"
    assert len(made["avif"]) < len(made["webp"])
    assert measured(Picture(pixels), reread(made["avif"], 3), USES[kind]).margin_db(loss) >= -0.2


def test_alpha_that_is_read_stays_exact_in_webp():
    pixels = painted(channels=4)
    use = TextureUse(frozenset({"color"}), frozenset("rgba"))
    made = TextureCoder(png(pixels), Work(use), Loss(color_psnr_db=34), None, AVIF).encoded().data
    assert made and sniff_mime(made) == "image/webp" and (reread(made, 4)[..., 3] == pixels[..., 3]).all()


def test_where_a_coder_has_no_quality_that_holds_the_answer_is_webps():
    """Not the lossless coder's, which takes nine times as much of this picture."""
    y, x = np.mgrid[0:128, 0:128]
    soft = np.stack([80 + x / 2, 100 + 40 * np.sin(y / 11), 120 + (x + y) / 4], -1)
    pixels = (soft + np.random.default_rng(1).normal(scale=0.5, size=soft.shape)).astype(np.uint8)
    poor = replace(AVIF, encode=lambda pixels, quality, kinds, thorough: avif(pixels, quality=5))
    work, loss = Work(USES["color"]), Loss(color_psnr_db=44, grain_color_psnr_db=44)
    made = [TextureCoder(png(pixels), work, loss, None, coder).encoded() for coder in (WEBP, poor)]
    assert made[0].data == made[1].data and made[0].data and made[0].data[12:16] == b"VP8 "
    assert made[0].had and not made[1].had, "WebP's qualities tell AVIF's next search nothing"
    asked = [Asked(0.5, 0.0, had) for had in ((), (Had(128 * 128, 5, 30.0),))]  # as if AVIF had kept so much at 5
    again = [TextureCoder(png(pixels), work, loss, None, poor).encoded(each) for each in asked]
    assert again[0] == again[1]


def test_an_answer_of_one_coder_is_never_taken_for_the_others(tmp_path):
    for coder in (WEBP, AVIF, WEBP):
        work = Work(USES["color"])
        made = TextureCoder(png(painted()), work, Loss(color_psnr_db=36), tmp_path, coder).encoded().data
        assert made and sniff_mime(made) == coder.mime


def test_qualities_go_lower_where_more_may_be_lost_and_never_otherwise():
    for coder in (WEBP, AVIF):
        usual = coder.lowest(Loss(color_psnr_db=38))
        assert coder.lowest(Loss(color_psnr_db=50)) == usual == coder.scale.lowest
        assert 0 < coder.lowest(Loss(color_psnr_db=20)) < coder.lowest(Loss(color_psnr_db=34)) < usual


def with_webp(source: bytes) -> bytes:
    """The same, its texture naming its image by the extension only."""
    document = parse_glb(source)
    json = document.json
    json["textures"] = [{"extensions": {"EXT_texture_webp": {"source": 0, "extras": {"kept": True}}}}]
    json["extensionsUsed"] = json["extensionsRequired"] = ["EXT_texture_webp"]
    return write_glb(json, bytes(document._buffer(0)))


@pytest.mark.parametrize("named", ["plain", "webp"])
def test_each_texture_names_what_it_shows_and_our_reader_shows_it(named):
    pixels = painted()
    source = glb_of(*ball(24), png(pixels))
    source = with_webp(source) if named == "webp" else source
    packed = parse_glb(pack(parse_glb(source), coder=AVIF).data)
    (texture,), (image,) = packed.json["textures"], packed.json["images"]
    assert list(texture["extensions"]) == ["EXT_texture_avif"] and "source" not in texture
    assert image["mimeType"] == "image/avif"
    for key in ("extensionsUsed", "extensionsRequired"):
        assert "EXT_texture_avif" in packed.json[key] and "EXT_texture_webp" not in packed.json[key]
    shown = flatten(packed).textures[0].pixels[..., :3].astype(float)
    assert 10 * np.log10(255**2 / ((shown - pixels) ** 2).mean()) > 39


def test_the_same_pixels_give_the_same_bytes_and_keep_their_colours():
    pixels = decoded(png(painted()), alpha=False)
    assert pixels is not None and avif(pixels, quality=70) == avif(pixels.copy(), quality=70)
    assert (
        abs(reread(avif(pixels, quality=90), 3).astype(float).mean((0, 1)) - pixels.mean((0, 1))).max() < 1.1
    )  # libavif's conversion takes half a step from either chroma


def test_without_an_encoder_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setattr(features, "check", lambda name: False)
    assert coder_named("webp") is WEBP
    with pytest.raises(NotOnThisMachine, match="AVIF") as caught:
        coder_named("avif")
    assert "Pillow" in caught.value.hint
