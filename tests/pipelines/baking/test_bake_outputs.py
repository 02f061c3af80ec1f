"""Outputs B and C: what arrives, how light turns with the viewer, and the files that hold it."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from test_baking_light import NOBODY, PLANE, atlas_of, boxes, lambert, light, room
from test_baking_pipeline import SMALL, bake, cube_room

from nightproof.pipelines.baking.checkpoints import Checkpoints
from nightproof.pipelines.baking.directional import (
    LEAST_BASE,
    Directional,
    directional_page,
    encode_slopes,
    slope_scale,
)
from nightproof.pipelines.baking.encode import decode
from nightproof.pipelines.baking.light import LitPage, Sampling, light_pages, page_covers
from nightproof.pipelines.baking.pipeline import BakingPipeline
from nightproof.pipelines.baking.smooth import SPECULAR
from nightproof.pipelines.pipeline import Source
from nightproof.rendering.tracer import Tracer
from nightproof.rendering.viewer import viewer_image
from nightproof.scenes.camera import look_at
from nightproof.scenes.exr import read_exr
from nightproof.scenes.flat import Environment, Material
from nightproof.scenes.flatten import flatten
from nightproof.scenes.gltf import parse_glb
from nightproof.scenes.load import scene_record

# Irradiance


def test_irradiance_does_not_ask_what_it_falls_on(tmp_path):
    """Base colour, metal, gloss and glow of the surface itself change nothing: E/π of a furnace is 1."""
    sky = Environment(np.ones((4, 8, 3), np.float32))
    for number, material in enumerate(
        (lambert(0.1), Material(metallic=1.0, roughness=0.2), lambert(0.5, emissive=(3.0, 3.0, 3.0)))
    ):
        flat = boxes(PLANE, [material], environment=sky)
        (page,) = light(flat, atlas_of(flat), tmp_path / str(number), samples=64, irradiance=True)
        np.testing.assert_allclose(page.radiance[page.valid].mean(axis=0), 1.0, rtol=0.01)
        np.testing.assert_array_equal(page.albedo[page.valid], 1.0)


def test_irradiance_of_a_lambertian_room_is_its_radiance_over_the_albedo(tmp_path):
    flat = room()
    atlas = atlas_of(flat, 2000)
    (leaving,) = light(flat, atlas, tmp_path / "out", samples=64)
    (arriving,) = light(flat, atlas, tmp_path / "in", samples=64, irradiance=True)
    walls = leaving.valid & (leaving.albedo[..., 0] > 0.69) & (leaving.albedo[..., 0] < 0.71)
    assert walls.any()
    assert arriving.radiance[walls].mean() == pytest.approx(leaving.radiance[walls].mean() / 0.7, rel=0.01)


# Light by direction


def sampled_page(slope, noise, texels=24, pairs=32, narrow=1.0, seed=1):
    """A page whose every texel was seen by `pairs` pairs from a hemisphere about z, light known by formula."""
    random = np.random.default_rng(seed)
    shape = (texels, texels, 2 * pairs)
    radius, angle = np.sqrt(random.random(shape)) * narrow, 2 * np.pi * random.random(shape)
    w = np.stack([radius * np.cos(angle), radius * np.sin(angle), np.sqrt(1 - radius**2)], -1)
    albedo = np.full((texels, texels, 3), 0.46, np.float32)
    bare = COLOUR * (1 + w @ slope) * (1 + noise * random.standard_normal((*shape, 1)))
    radiance = bare * (albedo[:, :, None] + SPECULAR)
    turn, change = (v[:, :, 0::2] - v[:, :, 1::2] for v in (w, radiance))
    brightness = change @ [0.2126, 0.7152, 0.0722]
    moments = np.zeros((texels, texels, 23))
    moments[..., 0] = pairs
    moments[..., 1:4] = w.sum(axis=2) / 2
    upper = [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)]
    moments[..., 4:10] = np.stack([(turn[..., i] * turn[..., j]).sum(axis=2) / 2 for i, j in upper], -1)
    moments[..., 10:13] = radiance.sum(axis=2) / 2
    moments[..., 13:22] = np.einsum("abni,abnc->abic", turn, change).reshape(texels, texels, 9) / 2
    moments[..., 22] = (brightness**2).sum(axis=2) / 2
    valid = np.ones((texels, texels), bool)
    mean = radiance.mean(axis=2).astype(np.float32)
    page = LitPage(mean, albedo, None, None, valid, None, moments.astype(np.float32))
    return page, bare, w, (bare.mean(axis=2)).astype(np.float32)


def shown(found, w):
    return found.base[:, :, None] * (1 + np.einsum("abni,abic->abnc", w, found.slope))


def expected(slope):
    """The denoised mean of such a page: its light in the mean direction, 2/3 along the normal."""
    return np.broadcast_to(COLOUR * (1 + np.array([0, 0, 2 / 3]) @ slope), (24, 24, 3)).astype(np.float32)


COLOUR = np.array([2.0, 1.0, 0.5])
SLOPE = np.array([[0.3, 0.1, -0.2], [0.0, -0.3, 0.2], [-0.2, -0.1, 0.3]])


def test_light_of_first_order_is_found_again():
    page, bare, w, calm = sampled_page(SLOPE, noise=0.0)
    found = directional_page(page, expected(SLOPE), np.zeros((24, 24), int))
    flat_error = np.mean((bare - calm[:, :, None]) ** 2)
    assert np.mean((shown(found, w) - bare) ** 2) < 0.03 * flat_error  # the ridge costs 2 %


def test_noise_does_not_pass_for_direction():
    """Evenly bright but noisy light gets next to no slope: far less than each texel's own fit would give it."""
    page, bare, w, calm = sampled_page(np.zeros((3, 3)), noise=1.0)
    found = directional_page(page, calm, np.zeros((24, 24), int))
    assert np.abs(found.slope).mean() < 0.12
    assert np.mean((shown(found, w) / shown(found, w).mean(axis=2, keepdims=True) - 1) ** 2) < 0.01
    own = np.einsum("abni,abn->abi", w - w.mean(axis=2, keepdims=True), bare[..., 0] / bare[..., 0].mean()) / 64
    alone = np.linalg.solve(np.cov(w.reshape(-1, 3).T), own[..., None])
    assert np.abs(alone).mean() > 3 * np.abs(found.slope).mean()


def test_slopes_are_found_beneath_noise():
    page, _, w, _ = sampled_page(SLOPE, noise=0.5)
    true = COLOUR * (1 + w @ SLOPE)
    found = directional_page(page, expected(SLOPE), np.zeros((24, 24), int))
    assert np.mean((shown(found, w) - true) ** 2) < 0.25 * np.mean((true - true.mean(axis=2, keepdims=True)) ** 2)


def test_charts_do_not_share_their_slopes():
    """One chart lies in a corner that the other one's box holds as well: each is fitted as if it were alone."""
    outer, *_ = sampled_page(SLOPE, noise=0.0)
    inner, *_ = sampled_page(-SLOPE, noise=0.0)
    chart = np.zeros((24, 24), int)
    chart[12:, 12:] = 1
    within = (chart == 1)[..., None]
    calm = np.ones((24, 24, 3), np.float32)
    found = directional_page(replace(outer, moments=np.where(within, inner.moments, outer.moments)), calm, chart)
    for page, place in ((outer, (18, 11)), (inner, (18, 12))):
        alone = directional_page(page, calm, np.zeros((24, 24), int))
        np.testing.assert_allclose(found.slope[place], alone.slope[place], atol=0.03)
    assert np.abs(found.slope[18, 11] - found.slope[18, 12]).max() > 0.5


def test_a_base_colour_keeps_its_share_however_steep_the_light(monkeypatch):
    """The fit would be negative towards direction zero: the base stays, and the mean is still what is shown."""
    monkeypatch.setattr("nightproof.pipelines.baking.directional.LEAST_SPREAD", 1e-6)
    steep = np.zeros((3, 3))
    steep[2] = 30
    page, _, _, _ = sampled_page(steep, noise=0.0)
    calm = expected(steep)
    found = directional_page(page, calm, np.zeros((24, 24), int))
    np.testing.assert_allclose(found.base, LEAST_BASE * calm, rtol=0.02)


def test_viewers_from_one_place_tell_no_slope():
    page, _, _, calm = sampled_page(3 * SLOPE, noise=0.0, narrow=0.02)
    found = directional_page(page, calm, np.zeros((24, 24), int))
    np.testing.assert_allclose(found.base * (1 + found.slope[:, :, 2]), calm, rtol=0.05)
    assert np.abs(found.slope).max() < 0.05


def test_slopes_survive_their_pictures_and_zero_is_exact():
    slope = np.zeros((32, 32, 3, 3), np.float32)
    slope[16:] = np.linspace(-0.5, 0.5, 32)[None, :, None, None]
    scale = slope_scale([Directional(np.ones((32, 32, 3), np.float32), slope)])
    for axis, data in enumerate(encode_slopes(slope, scale)):
        back = scale * (decode(data).astype(np.float64) - 128) / 127
        assert np.abs(back - slope[:, :, axis]).max() < 0.05
        np.testing.assert_array_equal(back[:8], 0)


def paired(flat, folder, pairs):
    sampling = Sampling(
        seed=3, least_samples=pairs, most_samples=pairs, error=0, floor=0.01, unseen=0.5, near_m=1, max_depth=16
    )
    atlas = atlas_of(flat, 400)
    (page,) = light_pages(
        Tracer(flat, 1), atlas, page_covers(atlas), NOBODY, None, sampling, stage="s", tile_px=32,
        moments=True, checkpoints=Checkpoints(folder), threads=1, progress=lambda f: None,
    )  # fmt: skip
    return page.moments[page.valid].astype(np.float64)


def test_what_diffuse_surfaces_send_does_not_change_with_direction_at_all(tmp_path):
    """Pairs share their random numbers: light, noisy as it is, cancels to the last bit or nearly so."""
    told = paired(room(), tmp_path, 8)
    assert told[:, 10:13].mean() > 0.1
    np.testing.assert_allclose(told[:, 13:], 0, atol=1e-5)


def test_pairs_tell_the_covariance_of_their_directions(tmp_path):
    """Cosine-weighted about y: ¼ along the surface, 1/18 across, nothing mixed; the mean is ⅔ of the normal."""
    sky = Environment(np.ones((4, 8, 3), np.float32))
    told = paired(boxes(PLANE, [lambert(0.5)], environment=sky), tmp_path, 64).sum(axis=0)
    np.testing.assert_allclose(told[1:4] / told[0], [0, 2 / 3, 0], atol=0.01)
    np.testing.assert_allclose(told[4:10] / told[0], [1 / 4, 0, 0, 1 / 18, 0, 1 / 4], atol=0.01)


def test_pairs_see_gloss_where_it_is(tmp_path):
    """A glossy floor under a sky that is bright on +x only: light grows towards viewers on −x."""
    glow = np.zeros((8, 16, 3), np.float32)
    glow[1:4, 11:13] = 5.0  # φ from −π at the left: three quarters of the way lies +x
    sky = Environment(glow)
    told = paired(boxes(PLANE, [Material(metallic=1.0, roughness=0.4)], environment=sky), tmp_path, 64).sum(axis=0)
    assert (told[13:16] < -0.05 * told[10:13]).all()
    assert (np.abs(told[19:22]) < np.abs(told[13:16]) / 5).all()


# Files


@pytest.fixture(scope="module")
def source():
    document = parse_glb(cube_room())
    flat = flatten(document)
    return Source(replace(scene_record(document, "room.glb", flat), source_bytes=400_000), document, flat)


@pytest.fixture(scope="module")
def made(source, tmp_path_factory):
    return bake(source, tmp_path_factory.mktemp("abc"), outputs="A,B,C")


def bytes_of(made):
    return {name: path.read_bytes() for name, path in made.files.items()}


def test_every_output_has_its_files_and_a_is_the_first_and_the_same(source, made, tmp_path):
    assert next(iter(made.files)) == "asset.glb"
    assert set(made.files) == {
        "asset.glb", "asset-lightmap.glb", "asset-lightmap.exr", "asset-sh.glb", "nightproof-three.js", "viewer.html",
    }  # fmt: skip
    assert bytes_of(made)["asset.glb"] == bake(source, tmp_path).files["asset.glb"].read_bytes()
    assert sum("not judged" in note for note in made.notes) == 2


def test_threads_and_stops_change_no_byte_of_any_output(source, made, tmp_path):
    class Stopped(Exception):
        pass

    def stop_after(limit):
        def progress(fraction, message):
            if fraction > limit:
                raise Stopped

        return progress

    route = SimpleNamespace(parameters={**SMALL, "outputs": "A,B,C"})
    for limit in (0.4, 0.7, 0.9, 0.975):
        with pytest.raises(Stopped):
            BakingPipeline().make(
                source, route, seed=5, scratch=tmp_path, threads=2, progress=stop_after(limit)
            )  # fmt: skip
        assert not list(tmp_path.glob("*.glb"))
    assert bytes_of(bake(source, tmp_path, threads=2, outputs="A,B,C")) == bytes_of(made)


def test_the_lightmap_says_in_eight_bits_what_the_exr_file_says(made):
    document = parse_glb(bytes_of(made)["asset-lightmap.glb"])
    said = document.json["materials"][0]["extensions"]["MOZ_lightmap"]
    texture = document.json["textures"][said["index"]]["extensions"]["EXT_texture_webp"]["source"]
    codes = decode(bytes(document.image(texture)[0])) / 255
    texels = np.where(codes <= 0.04045, codes / 12.92, ((codes + 0.055) / 1.055) ** 2.4) * said["intensity"]
    light = read_exr(bytes_of(made)["asset-lightmap.exr"])
    assert light.shape == texels.shape
    inside = light.max(axis=2) < said["intensity"]
    assert np.mean(np.abs(texels - light)[inside]) < 0.01 * said["intensity"]
    assert "KHR_lights_punctual" not in document.json["extensionsUsed"]


def test_the_lightmapped_scene_keeps_its_materials_and_places(source, made):
    document = parse_glb(bytes_of(made)["asset-lightmap.glb"])
    flat = flatten(document)
    assert all(flat.materials[m].lightmap.texcoord == 1 for m in np.unique(flat.triangle_material))
    assert flat.materials[0].base_color == pytest.approx((0.7, 0.6, 0.5, 1.0))
    assert len(flat.triangles) == len(source.flat.triangles)
    for mine, theirs in zip(flat.bounds_m, source.flat.bounds_m, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-3)
    assert {node.get("name") for node in document.json["nodes"]} >= {"walls", "block"}


def test_a_lightmapped_diffuse_room_looks_like_output_a(source, tmp_path):
    """Irradiance · base / π is all that a Lambertian room sends: both outputs show the same picture."""
    document = parse_glb(cube_room())
    for material in document.json["materials"]:
        material["extensions"] = {"KHR_materials_specular": {"specularFactor": 0}}
    document.json["extensionsUsed"].append("KHR_materials_specular")
    flat = flatten(document)
    diffuse = Source(source.record, document, flat)
    made = bake(diffuse, tmp_path, outputs="A,B", least_samples=16, most_samples=16, light_texels=20_000)
    camera = look_at(np.array([0.5, 2.5, 0.5]), np.array([2.0, 0.5, 2.0]), yfov_rad=1.0, width_px=32, height_px=32)
    pictures = [
        np.clip(viewer_image(Tracer(flatten(parse_glb(bytes_of(made)[name])), 1), camera), 0, 1)
        for name in ("asset.glb", "asset-lightmap.glb")
    ]
    assert pictures[0].mean() > 0.1
    assert pictures[1].mean() == pytest.approx(pictures[0].mean(), rel=0.03)
    assert np.abs(pictures[1] - pictures[0]).mean() < 0.03
