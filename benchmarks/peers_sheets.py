"""The small pictures of docs/reference/materials.md, from the sheets of benchmarks/peers_pictures.py.

    python benchmarks/peers_sheets.py [--sheets build/peers] [--out docs/images]

Only scenes whose licence lets their picture be shown; the page names their authors.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from material_balls import BALLS, BY_LAMP

ROOT = Path(__file__).parents[1]
SHOWN = (
    "TransmissionTest", "GlassVaseFlowers", "ClearcoatWicker", "SheenChair", "AlphaBlendModeTest",
    "AnisotropyBarnLamp_ktx2", "ToyCar", "WaterBottle", "MaterialsVariantsShoe", "LightsPunctualLamp",
)  # fmt: skip
COLUMNS = ("ours", "Mitsuba", "ours, direct", "three.js", "4-fold difference")
CELL_PX = 200
BALL_PX = 96
MOST_BYTES = 60_000
HEADER_PX, LABEL_PX = 22, 112
INK, PAPER = (40, 40, 40), (250, 250, 250)


def headed(picture: Image.Image, cell_px: int, left_px: int = 0) -> Image.Image:
    """With the columns' names above."""
    sheet = Image.new("RGB", (picture.width, picture.height + HEADER_PX), PAPER)
    sheet.paste(picture, (0, HEADER_PX))
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(12)
    for i, name in enumerate(COLUMNS):
        draw.text((left_px + (i + 0.5) * cell_px, HEADER_PX / 2), name, INK, font, anchor="mm")
    return sheet


def scene_sheet(path: Path) -> Image.Image:
    whole = Image.open(path).convert("RGB")
    size = (CELL_PX * len(COLUMNS), round(whole.height * CELL_PX * len(COLUMNS) / whole.width))
    return headed(whole.resize(size, Image.Resampling.LANCZOS), CELL_PX)


def ball_sheet(folder: Path, names: list[str]) -> Image.Image:
    """One row a material, named at its left."""
    rows = [name for name in names if (folder / f"{name.replace(' ', '_')}.png").exists()]
    sheet = Image.new("RGB", (LABEL_PX + BALL_PX * len(COLUMNS), BALL_PX * len(rows)), PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(12)
    for i, name in enumerate(rows):
        strip = Image.open(folder / f"{name.replace(' ', '_')}.png").convert("RGB")
        small = strip.resize((BALL_PX * len(COLUMNS), BALL_PX), Image.Resampling.LANCZOS)
        sheet.paste(small, (LABEL_PX, BALL_PX * i))
        draw.text((LABEL_PX - 8, BALL_PX * (i + 0.5)), name.removesuffix(" by lamp"), INK, font, anchor="rm")
    return headed(sheet, BALL_PX, LABEL_PX)


def save(sheet: Image.Image, path: Path) -> None:
    """As good as `MOST_BYTES` allow."""
    for quality in range(90, 40, -5):
        sheet.save(path, "JPEG", quality=quality, optimize=True, progressive=True)
        if path.stat().st_size <= MOST_BYTES:
            return


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sheets", type=Path, default=ROOT / "build" / "peers")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images")
    given = parser.parse_args()
    if not list(given.sheets.glob("*.png")):
        print(f"no sheets in {given.sheets}: run peers_pictures.py first")
        return
    save(ball_sheet(given.sheets, list(BALLS)), given.out / "materials-balls.jpg")
    save(ball_sheet(given.sheets, [f"{name} by lamp" for name in BY_LAMP]), given.out / "materials-lamp.jpg")
    for name in SHOWN:
        if (given.sheets / f"{name}.png").exists():
            save(scene_sheet(given.sheets / f"{name}.png"), given.out / f"materials-{name}.jpg")


if __name__ == "__main__":
    main()
