"""The film's reflectance in NumPy against wave optics, and its native twin through a whole surface."""

import numpy as np
import pytest

from nightproof.kernels.film_reference import GAUSSIANS, NORMALISATION, XYZ_TO_REC709, interference, thin_film

COSINES = np.linspace(0.05, 1, 39)


def test_no_film_shows_the_bare_surface():
    base = np.array([0.04, 0.3, 0.9])
    bare = base + (1 - base) * np.clip(1 - COSINES, 0, 1)[:, None] ** 5
    np.testing.assert_allclose(thin_film(COSINES, 1.0, 300.0, base), bare, atol=1e-6)
    np.testing.assert_allclose(thin_film(COSINES, 1.7, 1e-9, base), bare, atol=1e-5)


def test_a_thick_film_has_no_colours():
    """Waves far out of step cancel: what is left is the sum of intensities of the reflections to and fro."""
    base = np.full(3, 0.04)
    film = thin_film(np.array([0.3, 0.8, 1.0]), 1.9, 50_000.0, base)
    assert np.ptp(film, axis=1).max() < 1e-3
    faces = ((1.9 - 1) / 2.9) ** 2, ((1.9 - 1.5) / 3.4) ** 2
    assert film[2, 0] == pytest.approx(faces[0] + (1 - faces[0]) ** 2 * faces[1] / (1 - faces[0] * faces[1]), abs=1e-3)


def wave_of(cosine, film, thickness_nm, base):
    """What interference adds, by Airy's sum over wavelengths, weighed by the same sensitivities; Rec. 709.

    Both polarisations, exact at both faces, all orders: what the three-channel form stands for.
    """
    per_m = np.linspace(1 / 900e-9, 1 / 350e-9, 4000)
    cos_film, cos_base = (np.sqrt(1 - (1 - cosine**2) / index**2) for index in (film, base))
    turns = np.exp(4j * np.pi * film * cos_film * thickness_nm * 1e-9 * per_m)
    added = np.zeros(len(per_m))
    for one, two, three in ((cosine, film * cos_film, base * cos_base), (1 / cosine, film / cos_film, base / cos_base)):
        upper, lower = (one - two) / (one + two), (two - three) / (two + three)
        r, s = upper**2, lower**2
        coherent = np.abs((upper + lower * turns) / (1 + upper * lower * turns)) ** 2
        added += (coherent - r - (1 - r) ** 2 * s / (1 - r * s)) / 2
    xyz = np.zeros(3)
    for axis, height, place, variance in GAUSSIANS:
        weight = np.exp(-((per_m - place) ** 2) / (4 * variance))
        xyz[int(axis)] += height * np.sqrt(2 * np.pi * variance) / NORMALISATION * (weight @ added) / weight.sum()
    return XYZ_TO_REC709 @ xyz


@pytest.mark.parametrize("base", [1.5, 2.6])
@pytest.mark.parametrize("film", [1.33, 1.8])
@pytest.mark.parametrize("thickness_nm", [150.0, 400.0, 900.0])
def test_colours_are_those_of_wave_optics(film, thickness_nm, base):
    """Straight on nearly so; at 50° two per cent of light are lost to Schlick's curve and the shared phase."""
    straight = np.full(3, ((base - 1) / (base + 1)) ** 2)
    for cosine, off in ((1.0, 0.004), (0.64, 0.02)):
        plain = thin_film(np.array([cosine]), film, 50_000.0, straight)[0]
        ours = thin_film(np.array([cosine]), film, thickness_nm, straight)[0] - plain
        np.testing.assert_allclose(ours, wave_of(cosine, film, thickness_nm, base), atol=off)


def test_interference_starts_at_white_and_dies_out():
    start, end = interference(np.array([0.0, 1e6]))
    np.testing.assert_allclose(start, XYZ_TO_REC709 @ np.ones(3), atol=2e-3)
    assert np.abs(end).max() < 1e-6
