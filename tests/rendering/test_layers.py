"""Grain, sheen and coats as the tracer shows them: along the right directions, by the right texture channels."""

from dataclasses import replace

import numpy as np
import pytest
from handmade import quad, scene, uniform_environment

from nightproof.rendering.tracer import Tracer
from nightproof.scenes.camera import look_at
from nightproof.scenes.flat import Anisotropy, Clearcoat, Material, PunctualLight, Sheen, Texture, TextureUse, Wrap

UV = np.array([(0, 1), (1, 1), (1, 0), (0, 1), (1, 0), (0, 0)], np.float32)
METAL = Material(metallic=1.0, roughness=0.3)
BLACK = Material(base_color=(0, 0, 0, 1), metallic=0.0, roughness=1.0, ior=1.0)
LAMP = PunctualLight("point", (1.0, 1.0, 1.0), 4.0, position_m=(0.0, 0.0, 2.0))


def wall(material, texels=None, lights=(LAMP,), environment=None, turned=False):
    """A square in the plane z = 0, u along x, seen from its front or its back."""
    corners = ([-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0])
    textures = () if texels is None else (Texture(texels, False, Wrap.CLAMP, Wrap.CLAMP, True),)
    flat = scene((quad(*corners), material), lights=lights, uv=UV, textures=textures, environment=environment)
    tangents = np.tile(np.array((1, 0, 0, 1), np.float32), (6, 1))
    if turned:
        flat = replace(flat, triangles=np.ascontiguousarray(flat.triangles[:, ::-1]), normals=-flat.normals)
    return replace(flat, tangents=tangents)


def picture(flat, samples=64):
    camera = look_at((0, 0, 2.2), (0, 0, 0), yfov_rad=0.8, width_px=32, height_px=32)
    return Tracer(flat, threads=2).render(camera, samples=samples, seed=1, max_depth=3).color


def texels(*row):
    """A picture of one row."""
    return np.array([row], np.uint8)


def elongation(image):
    """Over 1: the highlight is longer along x than along y."""
    weight = image[..., 1].astype(np.float64)
    y, x = np.mgrid[: len(weight), : len(weight)] - (len(weight) - 1) / 2
    return float(((weight * x**2).sum() / (weight * y**2).sum()) ** 0.5)


@pytest.mark.parametrize("turned", [False, True])
def test_a_highlight_is_drawn_out_along_the_grain(turned):
    along = elongation(picture(wall(replace(METAL, anisotropy=Anisotropy(0.8)), turned=turned)))
    across = elongation(picture(wall(replace(METAL, anisotropy=Anisotropy(0.8, np.pi / 2)), turned=turned)))
    assert along > 1.15 and across == pytest.approx(1 / along, rel=0.02)
    assert elongation(picture(wall(METAL))) == pytest.approx(1, abs=0.01)
    up = texels((128, 255, 255, 255))  # direction (0, 1) of texture space, full strength
    textured = Anisotropy(0.8, 0.0, TextureUse(0))
    assert elongation(picture(wall(replace(METAL, anisotropy=textured), up))) == pytest.approx(across, rel=0.02)
    weak = texels((255, 128, 0, 255))  # strength 0
    assert elongation(picture(wall(replace(METAL, anisotropy=textured), weak))) == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("turned", [False, True])
def test_grain_turns_counter_clockwise(turned):
    """At 45° the highlight runs from lower left to upper right of texture space; from behind, that is mirrored."""
    image = picture(wall(replace(METAL, anisotropy=Anisotropy(0.9, np.pi / 4)), turned=turned))[..., 1]
    y, x = np.mgrid[:32, :32] - 15.5
    lean = (image * x * -y).sum() / (image * x**2).sum()  # rows run downwards
    assert (-lean if turned else lean) > 0.05


HALVES = texels((0, 0, 0, 0), (255, 255, 255, 255))


@pytest.mark.parametrize(
    "material",
    [
        replace(BLACK, clearcoat=Clearcoat(1.0, 0.3, texture=TextureUse(0))),
        replace(BLACK, sheen=Sheen((0.9, 0.9, 0.9), 0.5, color_texture=TextureUse(0))),
    ],
)
def test_a_layers_texture_says_where_it_is(material):
    image = picture(wall(material, HALVES, (), uniform_environment()))
    assert image[:, :14].max() < 1e-4 and image[4:28, 20:28].min() > 0.02


def test_roughness_comes_from_the_right_channels():
    green, other = texels((0, 255, 0, 0)), texels((255, 77, 255, 255))
    coat = replace(BLACK, clearcoat=Clearcoat(1.0, 1.0, roughness_texture=TextureUse(0)))
    rough, smooth = (picture(wall(coat, pixels))[16, 16, 1] for pixels in (green, other))
    assert smooth > 10 * rough
    cloth = replace(BLACK, sheen=Sheen((1, 1, 1), 0.9, roughness_texture=TextureUse(0)))
    rough, smooth = (
        picture(wall(cloth, pixels))[16, 16, 1] for pixels in (texels((0, 0, 0, 255)), texels((255, 255, 255, 0)))
    )
    assert rough > 10 * smooth  # from the front, only rough fibres shine


def test_the_coat_has_a_normal_of_its_own():
    """Bumps of the base don't bend it, and its own bumps don't bend the base."""
    leaning = texels((220, 128, 210, 255))
    smooth, own = Clearcoat(1.0, 0.1), Clearcoat(1.0, 0.1, normal_texture=TextureUse(0))
    base = replace(BLACK, normal_texture=TextureUse(0))
    middle = slice(12, 20)
    bare, level, bent = (
        picture(wall(m, leaning))[middle, middle].max()
        for m in (base, replace(base, clearcoat=smooth), replace(base, clearcoat=own))
    )
    assert level > 20 * max(bent, bare)
    gold = replace(METAL, base_color=(1, 0.7, 0.2, 1))
    plain, coated = (picture(wall(m, leaning))[16, 16] for m in (gold, replace(gold, clearcoat=own)))
    assert coated[1] == pytest.approx(0.96 * plain[1], rel=0.05)


def test_a_coat_that_leans_away_turns_nothing_black():
    """Where its mirror would look into the surface it is bent, else what it takes at grazing angles would be lost."""
    leaning = texels((250, 128, 140, 255))
    grey = Material(base_color=(0.5, 0.5, 0.5, 1), metallic=0.0, roughness=1.0)
    coat = Clearcoat(1.0, 0.05, normal_texture=TextureUse(0))
    bare, coated = (picture(wall(m, leaning, (), uniform_environment())) for m in (grey, replace(grey, clearcoat=coat)))
    assert (coated > 0.75 * bare).all()
