"""Pictures come out of Pillow by bands, as they came out whole."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from nightproof.scenes.images import BAND_ROWS, decode_image

HEIGHT = 2 * BAND_ROWS + 3


def picture(mode: str) -> Image.Image:
    values = np.random.default_rng(7).integers(0, 256, (HEIGHT, 5, 4), np.uint8)
    return Image.fromarray(values).convert(mode)


@pytest.mark.parametrize(
    ("mode", "transparency"),
    [
        *((mode, None) for mode in ("1", "L", "LA", "P", "RGB", "RGBA")),
        *(("L", 7), ("P", 3), ("P", b"\0\x80\xff"), ("RGB", (1, 2, 3))),
    ],
)
def test_bands_are_the_whole_picture(mode, transparency):
    """Palettes and colours that stand for nothing are told by the file's header, which each band has to know."""
    stream, made = io.BytesIO(), picture(mode)
    made.putpixel((2, HEIGHT - 1), 7 if mode == "L" and transparency else made.getpixel((0, 0)))
    if transparency == (1, 2, 3):
        made.putpixel((2, HEIGHT - 1), transparency)
    made.save(stream, "PNG", **({} if transparency is None else {"transparency": transparency}))
    with Image.open(io.BytesIO(stream.getvalue())) as image:
        whole = np.array(image.convert("RGBA"))
    assert np.array_equal(decode_image(stream.getvalue(), "image/png", ""), whole)
    assert transparency is None or whole[..., 3].min() < 255
