"""The small pictures of textures on the inspection page show what viewers would."""

from types import SimpleNamespace

import numpy as np

from nightproof.jobs.inspecting import THUMBNAIL_PX, texture_cards
from nightproof.scenes.flat import Texture


def thumbnail(pixels: np.ndarray) -> np.ndarray:
    """Of the only texture of a scene; its facts but for the index are only passed on."""
    found = SimpleNamespace(textures=[SimpleNamespace(texture=0)])
    (card,) = texture_cards(found, SimpleNamespace(textures=[Texture(pixels, True)]))
    return card.thumbnail


def test_linear_texels_are_put_on_the_srgb_curve_and_alpha_is_not():
    texels = np.float32([[[0.5, 0.001, 7.0, 0.5], [np.nan, np.inf, 0.0, np.nan]]])
    assert thumbnail(texels).tolist() == [[[188, 3, 255, 128], [0, 255, 0, 0]]]


def test_stored_texels_are_shown_as_they_are_and_large_textures_small():
    colour = np.uint8([77, 130, 9, 255])
    shown = thumbnail(np.tile(colour, (300, 600, 1)))
    assert shown.shape == (THUMBNAIL_PX // 2, THUMBNAIL_PX, 4) and (shown == colour).all()
