"""How finely a bake works: presets by policy, and what a route may change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace


@dataclass(frozen=True)
class BakeSettings:
    """Every number that changes the bytes of a bake."""

    max_texels: int = 10_000_000
    """Of all pages of the asset together; its bytes may allow fewer."""
    light_texels: int = 5_000_000
    """Of those that are lit by paths: light is smoother than texture."""
    page_px: int = 4096
    padding_px: int = 4
    texels_per_pixel: float = 1.25
    """Along a line, where the views see a surface face on."""
    coarsest: float = 4.0
    """Texels so many times as wide as the views ask for are too wide to bake: a blur is all that would be left."""
    view_width_px: int = 512
    view_height_px: int = 384
    """Of the pictures that the asset will be judged by: with the views they set how dense texels must be."""
    viewers: int = 192
    """Cameras from which texels may be seen."""
    least_samples: int = 8
    most_samples: int = 16
    """Paths per texel, adaptively. Many texels with few paths each beat few with many: the filter joins neighbours."""
    error: float = 0.02
    """Wanted relative standard error of a texel before denoising."""
    gather_texels: int = 120_000
    """Of the coarse lightmap that paths read at their second surface; 0: unbiased, full paths."""
    direct_samples: int = 32
    gather_samples: int = 16
    gather_passes: int = 5
    max_depth: int = 16
    unseen: float = 0.5
    """Weight of the cosine-weighted hemisphere beside the viewers, in viewers."""
    page_loss: float = 0.008
    """1 − SSIM that compressing a page may cost."""
    slope_pairs: int = 16
    """Pairs of paths per lit texel that tell how light changes with direction (output C)."""
    tile_px: int = 128
    denoise: bool = True
    outputs: str = "A"

    @property
    def wanted_outputs(self) -> tuple[str, ...]:
        return tuple(sorted({part.strip() for part in self.outputs.split(",")} & {"A", "B", "C"}))


_PRESETS = {
    "draft": BakeSettings(
        max_texels=4_000_000,
        light_texels=1_200_000,
        least_samples=8,
        most_samples=16,
        error=0.04,
        gather_texels=80_000,
        viewers=128,
        page_loss=0.012,
    ),
    "standard": BakeSettings(),
    "strict": BakeSettings(
        max_texels=16_000_000,
        light_texels=8_000_000,
        most_samples=64,
        error=0.01,
        gather_texels=300_000,
        viewers=384,
        page_loss=0.005,
    ),
}


def bake_settings(parameters: Mapping[str, float | str]) -> BakeSettings:
    """The preset that `parameters["policy"]` names (`standard` without), with every field that is named replaced."""
    settings = _PRESETS.get(str(parameters.get("policy", "standard")), BakeSettings())
    changed = {
        field.name: type(getattr(settings, field.name))(parameters[field.name])
        for field in fields(BakeSettings)
        if field.name in parameters
    }
    return replace(settings, **changed)
